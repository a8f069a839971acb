#include "http/cache_control.h"

#include <string.h>

/* RFC 9111 section 1.2.2: what to take for a number too great to hold. */
static const int64_t delta_max_s = 2147483648;

/* One directive, pointing into the field's value. */
struct directive {
	const char *name;
	size_t name_len;
	const char *arg; /* NULL: none; without its quotes */
	size_t arg_len;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The end of the quoted string that begins at s, or NULL: not closed. */
static const char *
closing_quote(const char *s)
{
	for (s++; *s != '\0'; s++) {
		if (*s == '"')
			return s;
		if (*s == '\\' && s[1] != '\0')
			s++;
	}
	return NULL;
}

/*
 * The comma or NUL that ends the directive at s. Commas in a quoted string
 * do not count; in one that is never closed they do, so that it cannot
 * hide a no-store.
 */
static const char *
directive_end(const char *s)
{
	const char *close;

	for (; *s != '\0' && *s != ','; s++) {
		if (*s == '"' && (close = closing_quote(s)) != NULL)
			s = close;
	}
	return s;
}

static void
trim(const char **s, const char **end)
{
	while (*s < *end && is_blank(**s))
		(*s)++;
	while (*end > *s && is_blank((*end)[-1]))
		(*end)--;
}

static struct directive
split(const char *s, const char *end)
{
	struct directive d = {0};
	const char *equals, *name_end;

	trim(&s, &end);
	equals = memchr(s, '=', (size_t)(end - s));
	name_end = equals != NULL ? equals : end;
	if (equals != NULL) {
		d.arg = equals + 1;
		if (end - d.arg >= 2 && *d.arg == '"' && end[-1] == '"') {
			d.arg++;
			end--;
		}
		d.arg_len = (size_t)(end - d.arg);
	}
	trim(&s, &name_end);
	d.name = s;
	d.name_len = (size_t)(name_end - s);
	return d;
}

static bool
is_named(const struct directive *d, const char *name)
{
	return d->name_len == strlen(name) &&
	    strncasecmp(d->name, name, d->name_len) == 0;
}

/* Seconds; 0 when malformed, so that nothing is thought to be fresh. */
static int64_t
delta_seconds(const struct directive *d)
{
	int64_t value = 0;
	size_t i;

	if (d->arg == NULL || d->arg_len == 0)
		return 0;
	for (i = 0; i < d->arg_len; i++) {
		if (d->arg[i] < '0' || d->arg[i] > '9')
			return 0;
		if (value < delta_max_s)
			value = value * 10 + (d->arg[i] - '0');
	}
	return value < delta_max_s ? value : delta_max_s;
}

static void
take(struct http_cache_control *out, const struct directive *d)
{
	int64_t age;

	/* An argument, even of a directive that has none, changes nothing. */
	if (is_named(d, "no-cache"))
		out->no_cache = true;
	else if (is_named(d, "no-store"))
		out->no_store = true;
	else if (is_named(d, "private"))
		out->is_private = true;
	else if (is_named(d, "must-revalidate") ||
	    is_named(d, "proxy-revalidate"))
		out->must_revalidate = true;
	else if (is_named(d, "only-if-cached"))
		out->only_if_cached = true;
	else if (is_named(d, "max-age")) {
		age = delta_seconds(d);
		if (out->max_age_s == -1 || age < out->max_age_s)
			out->max_age_s = age;
	}
}

static void
take_field(struct http_cache_control *out, const char *value)
{
	struct directive d;
	const char *end;

	for (;; value = end + 1) {
		end = directive_end(value);
		d = split(value, end);
		take(out, &d);
		if (*end == '\0')
			return;
	}
}

void
http_cache_control_parse(struct http_cache_control *out,
    const struct http_headers *h)
{
	size_t i;

	memset(out, 0, sizeof(*out));
	out->max_age_s = -1;
	for (i = 0; i < h->count; i++) {
		if (strcasecmp(h->list[i].name, "Cache-Control") == 0)
			take_field(out, h->list[i].value);
	}
}
