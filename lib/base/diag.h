/*
 * Diagnostics: what an operator should know, one line each, apart from the
 * access record. They go to standard error, or to syslog when asked.
 */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include <stdbool.h>
#include <syslog.h>

/*
 * Choose where lines go and the least urgent level shown (LOG_ERR,
 * LOG_WARNING, LOG_NOTICE, LOG_INFO or LOG_DEBUG). Called once by main
 * before threads start; without it: standard error, LOG_NOTICE.
 */
void diag_open(bool use_syslog, int least_level);

/*
 * Say one line by a printf format. Control bytes become '?', so nothing a
 * peer sends can forge a line; it is cut at about 500 bytes. Never pass a
 * credential. Any thread.
 */
void diag(int level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
