#!/bin/sh
# Starts the real handler with its configuration. Both stay outside the
# folders that the web server shows. (chmod 755 this file.)
REPRISE_CONF=/home/me/reprise/reprise.conf
export REPRISE_CONF
exec /home/me/reprise/reprise.fcgi
