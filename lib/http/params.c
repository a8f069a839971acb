#include "http/params.h"

#include "http/header.h"

#include <string.h>

size_t
http_span_len(struct http_span s)
{
	return (size_t)(s.end - s.at);
}

bool
http_span_is(struct http_span s, const char *word)
{
	return http_span_len(s) == strlen(word) &&
	    strncasecmp(s.at, word, http_span_len(s)) == 0;
}

bool
http_span_begins(struct http_span s, const char *word)
{
	return http_span_len(s) >= strlen(word) &&
	    strncasecmp(s.at, word, strlen(word)) == 0;
}

void
http_span_skip_blanks(struct http_span *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t'))
		s->at++;
}

void
http_span_trim(struct http_span *s)
{
	http_span_skip_blanks(s);
	while (s->end > s->at && (s->end[-1] == ' ' || s->end[-1] == '\t'))
		s->end--;
}

struct http_span
http_span_take_token(struct http_span *rest)
{
	struct http_span token = {rest->at, rest->at};
	char c[2] = "";

	for (; token.end < rest->end; token.end++) {
		c[0] = *token.end;
		if (!http_is_token(c))
			break;
	}
	rest->at = token.end;
	return token;
}

/*
 * Take the quoted string rest begins with. Some writers escape a quote
 * only, some a backslash too, browsers neither: two backslashes have no
 * sure meaning, so they are malformed.
 */
static int
take_quoted(struct http_span *rest, struct http_param *p)
{
	const char *s = rest->at + 1;

	p->quoted = true;
	p->value.at = s;
	for (; s < rest->end && *s != '"'; s++) {
		if (*s != '\\')
			continue;
		if (s + 1 == rest->end || s[1] == '\\')
			return -1;
		if (s[1] == '"')
			s++;
		else
			p->has_backslash = true;
	}
	if (s == rest->end)
		return -1;
	p->value.end = s;
	rest->at = s + 1;
	return 0;
}

int
http_span_take_param(struct http_span *rest, struct http_param *p)
{
	memset(p, 0, sizeof(*p));
	http_span_skip_blanks(rest);
	if (rest->at == rest->end)
		return 0;
	if (*rest->at != ';')
		return -1;
	rest->at++;
	http_span_skip_blanks(rest);
	p->name = http_span_take_token(rest);
	if (http_span_len(p->name) == 0 || rest->at == rest->end ||
	    *rest->at != '=')
		return -1;
	rest->at++;
	if (rest->at < rest->end && *rest->at == '"')
		return take_quoted(rest, p) == 0 ? 1 : -1;
	p->value = http_span_take_token(rest);
	return http_span_len(p->value) > 0 ? 1 : -1;
}

int
http_span_take_type(struct http_span *rest, struct http_span *type)
{
	type->at = rest->at;
	if (http_span_len(http_span_take_token(rest)) == 0 ||
	    rest->at == rest->end || *rest->at != '/')
		return -1;
	rest->at++;
	if (http_span_len(http_span_take_token(rest)) == 0)
		return -1;
	type->end = rest->at;
	return 0;
}
