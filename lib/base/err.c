#include "base/err.h"

#include <stdio.h>
#include <string.h>
#include <syslog.h>

struct err_row {
	const char *word;
	int status;
	int level;
	bool retryable;
	const char *openai;
	const char *anthropic;
	const char *meaning;
};

static const struct err_row rows[ERR_COUNT] = {
#define ERR(name, word, status, level, retryable, openai, anthropic, text)     \
	[ERR_##name] = {word, status, level, retryable, openai, anthropic, text},
#include "base/err.def"
#undef ERR
};

int
err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL || e->code != ERR_NONE)
		return -1;
	e->code = code;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	return -1;
}

int
err_sys(struct err *e, enum err_code code, int errnum, const char *what)
{
	char reason[128];

	/* The GNU strerror_r: the text may or may not be in the buffer. */
	return err_set(e, code, "%s: %s", what,
	    strerror_r(errnum, reason, sizeof(reason)));
}

void
err_clear(struct err *e)
{
	if (e == NULL)
		return;
	e->code = ERR_NONE;
	e->text[0] = '\0';
}

static const struct err_row *
row_of(enum err_code code)
{
	if ((unsigned)code >= ERR_COUNT)
		code = ERR_IO;
	return &rows[code];
}

int
err_status(enum err_code code)
{
	return row_of(code)->status;
}

int
err_level(enum err_code code)
{
	return row_of(code)->level;
}

bool
err_retryable(enum err_code code)
{
	return row_of(code)->retryable;
}

const char *
err_name(enum err_code code)
{
	return row_of(code)->word;
}

const char *
err_openai_type(enum err_code code)
{
	return row_of(code)->openai;
}

const char *
err_anthropic_type(enum err_code code)
{
	return row_of(code)->anthropic;
}

const char *
err_meaning(enum err_code code)
{
	return row_of(code)->meaning;
}
