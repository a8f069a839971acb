/*
 * Pieces of header fields that have parameters (RFC 9110 section 5.6.6;
 * RFC 2045 section 5.1): tokens, media types and ";name=value". Nothing is
 * copied; all functions are pure but for their arguments, any thread.
 */
#ifndef HTTP_PARAMS_H
#define HTTP_PARAMS_H

#include <stdbool.h>
#include <stddef.h>

/* Borrowed bytes, from at up to end. at is NULL when there is no value. */
struct http_span {
	const char *at;
	const char *end;
};

struct http_param {
	struct http_span name;
	struct http_span value; /* without its quotes; a \" is left in */
	bool quoted;            /* it had quotes */
	bool has_backslash;     /* with a \ before another byte in them */
};

/* The bytes of s. */
size_t http_span_len(struct http_span s);

/* Whether s is word, in any case. */
bool http_span_is(struct http_span s, const char *word);

/* Whether s begins with word, in any case. */
bool http_span_begins(struct http_span s, const char *word);

/* Take blanks and tabs off the start of s. */
void http_span_skip_blanks(struct http_span *s);

/* Take blanks and tabs off both ends of s. */
void http_span_trim(struct http_span *s);

/* Take the token that rest begins with; empty when it begins with none. */
struct http_span http_span_take_token(struct http_span *rest);

/*
 * Take a media type without its parameters off rest. 0, or -1 when rest
 * does not begin with type "/" subtype.
 */
int http_span_take_type(struct http_span *rest, struct http_span *type);

/*
 * Take the next parameter off rest, which begins behind a type, a token or
 * the parameter before. 1; 0 at the end; -1 when malformed. So are two
 * backslashes in a row, which to some readers are one, to others two, and
 * an empty parameter, which not all allow.
 */
int http_span_take_param(struct http_span *rest, struct http_param *p);

#endif
