/*
 * The commands of `reprise`. Each gets the configuration and the words
 * after its name (argv[0] is the name), and returns an exit status: 0, 1
 * when what it looked at is not well, 2 for a wrong call.
 */
#ifndef APP_CMD_H
#define APP_CMD_H

#include "conf/conf.h"

int cmd_check(const struct conf *conf, int argc, char **argv);
int cmd_config(const struct conf *conf, int argc, char **argv);
int cmd_key(const struct conf *conf, int argc, char **argv);
int cmd_purge(const struct conf *conf, int argc, char **argv);
int cmd_stats(const struct conf *conf, int argc, char **argv);

#endif
