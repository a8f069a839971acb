#include "base/diag.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* Set once by main before threads start, read-only afterwards. */
static bool to_syslog;
static int shown_level = LOG_NOTICE;

void
diag_open(bool use_syslog, int least_level)
{
	to_syslog = use_syslog;
	shown_level = least_level;
	if (use_syslog)
		openlog("reprise", LOG_PID, LOG_DAEMON);
}

void
diag(int level, const char *fmt, ...)
{
	char raw[512], line[512], out[560];
	va_list ap;
	int n;

	if (level > shown_level)
		return;
	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	text_printable(raw, line, sizeof(line));
	if (to_syslog) {
		syslog(level, "%s", line);
		return;
	}
	n = snprintf(out, sizeof(out), "reprise[%d]: %s\n", (int)getpid(), line);
	/* One write, so that lines of several processes do not mix. */
	if (n > 0 && write(STDERR_FILENO, out, (size_t)n) < 0)
		return;
}
