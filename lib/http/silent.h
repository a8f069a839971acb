/*
 * An exchange with nobody: there is no body to read, and what is written
 * goes nowhere. For what is done behind a request that has been answered.
 */
#ifndef HTTP_SILENT_H
#define HTTP_SILENT_H

#include "http/conn.h"

/* Begin one; there is nothing to end. One thread at a time. */
void http_silent_init(struct http_conn *c);

#endif
