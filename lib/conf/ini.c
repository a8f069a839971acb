#include "conf/ini.h"

#include "conf/check.h"

#include <ini.h>
#include <string.h>

/*
 * Debian's inih has its limit in a variable (200 at first); elsewhere it
 * may be fixed at build time, and there is no such symbol.
 */
extern int ini_max_line;
#pragma weak ini_max_line

enum { SECTION_MAX = 49 }; /* inih cuts longer names */

struct reader {
	const char *at, *end; /* the text that is left */
	int line;             /* of what was handed out last */
	int failed_line;      /* 0: nothing has failed */
	const char *label;
	const struct conf_ini_events *events;
	struct err err;
};

static int
fail(struct reader *r, const char *what)
{
	r->failed_line = r->line;
	return err_set(&r->err, ERR_CONFIG, "%s:%d: %s", r->label, r->line,
	    what);
}

static const char *
skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* A heading: inih keeps the name to itself and drops what follows. */
static int
read_heading(struct reader *r, const char *heading)
{
	char name[SECTION_MAX + 1];
	size_t len = strcspn(heading + 1, "]");
	const char *rest;

	if (heading[1 + len] != ']')
		return fail(r, "a section's heading must end with ]");
	rest = skip_blanks(heading + 1 + len + 1);
	if (*rest != '\0' && *rest != ';' && *rest != '#')
		return fail(r, "nothing may follow a section's heading");
	if (len > SECTION_MAX)
		return fail(r, "the section's name is too long");
	memcpy(name, heading + 1, len);
	name[len] = '\0';
	if (r->events->section(r->events->arg, name, r->line, &r->err) == 0)
		return 0;
	r->failed_line = r->line;
	return -1;
}

/* The line at r->at without its end; *len its bytes. */
static const char *
take_line(struct reader *r, size_t *len)
{
	const char *start = r->at;
	const char *newline = memchr(start, '\n', (size_t)(r->end - start));

	r->line++;
	r->at = newline == NULL ? r->end : newline + 1;
	*len = (size_t)((newline == NULL ? r->end : newline) - start);
	if (*len > 0 && start[*len - 1] == '\r')
		--*len;
	return start;
}

/*
 * Hand inih one line (an ini_reader): without indentation, which would
 * make it a continuation of the line before.
 */
static char *
read_line(char *out, int size, void *stream)
{
	struct reader *r = stream;
	const char *start;
	size_t len, skip;

	if (r->failed_line != 0 || r->at == r->end)
		return NULL;
	start = take_line(r, &len);
	/* For the newline and NUL, and never so full that inih splits it. */
	if (len > CONF_INI_LINE_MAX || len + 3 > (size_t)size) {
		fail(r, "the line is too long");
		return NULL;
	}
	if (conf_check_has_control(start, len)) {
		fail(r, "the line holds control characters");
		return NULL;
	}
	memcpy(out, start, len);
	out[len] = '\0';
	skip = strspn(out, " \t");
	memmove(out, out + skip, len - skip + 1);
	len -= skip;
	if (out[0] == '[' && read_heading(r, out) == -1)
		return NULL;
	out[len] = '\n';
	out[len + 1] = '\0';
	return out;
}

static int
on_option(void *user, const char *section, const char *name, const char *value)
{
	struct reader *r = user;

	(void)section; /* known from read_heading */
	if (r->failed_line != 0)
		return 0;
	if (r->events->option(r->events->arg, name, value, r->line,
		&r->err) == 0)
		return 1;
	r->failed_line = r->line;
	return 0;
}

int
conf_ini_parse(const char *text, size_t len, const char *label,
    const struct conf_ini_events *events, struct err *err)
{
	struct reader r = {.at = text, .end = text + len, .label = label,
	    .events = events, .err = ERR_INIT};
	int bad_line;

	if (&ini_max_line != NULL)
		ini_max_line = CONF_INI_LINE_MAX + 3;
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r.at += 3;
	bad_line = ini_parse_stream(read_line, &r, on_option, &r);
	/* inih goes on after a line that it does not understand. */
	if (bad_line > 0 &&
	    (r.failed_line == 0 || bad_line < r.failed_line))
		return err_set(err, ERR_CONFIG,
		    "%s:%d: neither [section] nor option = value", label,
		    bad_line);
	if (r.failed_line != 0)
		return err_set(err, r.err.code, "%s", r.err.text);
	if (bad_line != 0)
		return err_set(err, ERR_MEMORY, "%s: out of memory", label);
	return 0;
}
