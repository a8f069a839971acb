/*
 * Errors: one closed list of codes (err.def) and a caller-supplied struct
 * that the first failure fills.
 *
 * A function that can fail returns 0 or -1 and takes a struct err * last,
 * which may be NULL when the caller does not care why.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

enum err_code {
#define ERR(name, word, status, level, retryable, openai, anthropic, text)     \
	ERR_##name,
#include "base/err.def"
#undef ERR
	ERR_COUNT
};

struct err {
	enum err_code code;
	char text[256]; /* what happened, for a person; never a credential */
};

/* Start value of a struct err. */
#define ERR_INIT {ERR_NONE, ""}

/*
 * Record a failure: code, and text by a printf format. The first error
 * wins: when *e already holds one, nothing changes. e may be NULL.
 * Returns -1, so that a function may end in "return err_set(...)".
 * Any thread, on a struct err of its own.
 */
int err_set(struct err *e, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * As err_set with the text of errno value errnum appended after ": ".
 * Returns -1. Any thread.
 */
int err_sys(struct err *e, enum err_code code, int errnum, const char *what);

/* Forget an error. e may be NULL. Any thread. */
void err_clear(struct err *e);

/* The HTTP status a client is told, e.g. 502. Any thread. */
int err_status(enum err_code code);

/* The syslog level (LOG_ERR ...) a failure is worth. Any thread. */
int err_level(enum err_code code);

/* Whether the same request may succeed later. Any thread. */
bool err_retryable(enum err_code code);

/* The word for it in error bodies ("upstream_timeout"). Static. Any thread. */
const char *err_name(enum err_code code);

/* The "type" of OpenAI's error object. Static. Any thread. */
const char *err_openai_type(enum err_code code);

/* The "type" of Anthropic's error object. Static. Any thread. */
const char *err_anthropic_type(enum err_code code);

/* The code's meaning in plain words. Static. Any thread. */
const char *err_meaning(enum err_code code);

#endif
