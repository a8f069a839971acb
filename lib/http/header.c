#include "http/header.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* Fields that end at a proxy, RFC 9110 section 7.6.1, and Proxy. */
static const char *const hop_by_hop[] = {
	"Connection", "Keep-Alive", "Proxy", "Proxy-Authenticate",
	"Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
	"Transfer-Encoding", "Upgrade"
};

/*
 * Fields by which a CGI program gives its web server orders: nginx's
 * X-Accel-*, and X-Sendfile of Apache and lighttpd with its variants.
 */
static const char *const server_order_prefixes[] = {
	"X-Accel-", "X-LIGHTTPD-", "X-Sendfile"
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

void
http_headers_init(struct http_headers *h)
{
	memset(h, 0, sizeof(*h));
}

static void
field_fini(struct http_header *f)
{
	free(f->name);
	free(f->value);
}

void
http_headers_fini(struct http_headers *h)
{
	size_t i;

	for (i = 0; i < h->count; i++)
		field_fini(&h->list[i]);
	free(h->list);
	http_headers_init(h);
}

static bool
is_token_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') ||
	    (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool
http_is_token(const char *s)
{
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++) {
		if (!is_token_byte(*s))
			return false;
	}
	return true;
}

bool
http_is_field_value(const char *s)
{
	unsigned char c;

	for (; *s != '\0'; s++) {
		c = (unsigned char)*s;
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The list grows in powers of two from 8 up to HTTP_HEADERS_MAX. */
static int
make_room(struct http_headers *h)
{
	struct http_header *list;
	size_t cap;

	if (h->count >= HTTP_HEADERS_MAX)
		return -1;
	if (h->count != 0 && (h->count < 8 || (h->count & (h->count - 1)) != 0))
		return 0;
	cap = h->count == 0 ? 8 : h->count * 2;
	list = realloc(h->list, cap * sizeof(*list));
	if (list == NULL)
		return -1;
	h->list = list;
	return 0;
}

int
http_headers_add(struct http_headers *h, const char *name, const char *value)
{
	struct http_header f;
	size_t name_len, value_len;

	if (!http_is_token(name) || !http_is_field_value(value))
		return -1;
	while (is_blank(*value))
		value++;
	name_len = strlen(name);
	value_len = strlen(value);
	while (value_len > 0 && is_blank(value[value_len - 1]))
		value_len--;
	if (name_len > HTTP_HEADERS_MAX_BYTES - h->bytes ||
	    value_len > HTTP_HEADERS_MAX_BYTES - h->bytes - name_len ||
	    make_room(h) == -1)
		return -1;
	f.name = strdup(name);
	f.value = strndup(value, value_len);
	if (f.name == NULL || f.value == NULL) {
		field_fini(&f);
		return -1;
	}
	h->list[h->count++] = f;
	h->bytes += name_len + value_len;
	return 0;
}

int
http_headers_copy(struct http_headers *h, const struct http_headers *from)
{
	size_t i;

	for (i = 0; i < from->count; i++) {
		if (http_headers_add(h, from->list[i].name,
		    from->list[i].value) == -1)
			return -1;
	}
	return 0;
}

int
http_headers_set(struct http_headers *h, const char *name, const char *value)
{
	/* value may be one of the list's own strings. */
	char *copy = strdup(value);
	int result;

	http_headers_remove(h, name);
	result = copy == NULL ? -1 : http_headers_add(h, name, copy);
	free(copy);
	return result;
}

/* Drop the fields marked in doomed, keeping the order of the others. */
static void
remove_marked(struct http_headers *h, const bool doomed[HTTP_HEADERS_MAX])
{
	size_t i, kept = 0;

	for (i = 0; i < h->count; i++) {
		if (!doomed[i]) {
			h->list[kept++] = h->list[i];
			continue;
		}
		h->bytes -= strlen(h->list[i].name) + strlen(h->list[i].value);
		field_fini(&h->list[i]);
	}
	if (kept == 0) {
		/* make_room() reads "empty" as "nothing allocated". */
		free(h->list);
		h->list = NULL;
	}
	h->count = kept;
}

void
http_headers_remove(struct http_headers *h, const char *name)
{
	bool doomed[HTTP_HEADERS_MAX];
	size_t i;

	for (i = 0; i < h->count; i++)
		doomed[i] = strcasecmp(h->list[i].name, name) == 0;
	remove_marked(h, doomed);
}

const char *
http_headers_get(const struct http_headers *h, const char *name)
{
	size_t i;

	for (i = 0; i < h->count; i++) {
		if (strcasecmp(h->list[i].name, name) == 0)
			return h->list[i].value;
	}
	return NULL;
}

static bool
lists_token(const char *value, const char *token)
{
	const char *item;
	size_t len, token_len = strlen(token);

	while ((item = text_next_item(&value, ",", &len)) != NULL) {
		if (len == token_len && strncasecmp(item, token, len) == 0)
			return true;
	}
	return false;
}

bool
http_headers_has_token(const struct http_headers *h, const char *name,
    const char *token)
{
	size_t i;

	for (i = 0; i < h->count; i++) {
		if (strcasecmp(h->list[i].name, name) == 0 &&
		    lists_token(h->list[i].value, token))
			return true;
	}
	return false;
}

static bool
is_hop_by_hop(const char *name)
{
	size_t i;

	for (i = 0; i < COUNT(hop_by_hop); i++) {
		if (strcasecmp(name, hop_by_hop[i]) == 0)
			return true;
	}
	return false;
}

void
http_headers_strip_hop_by_hop(struct http_headers *h)
{
	bool doomed[HTTP_HEADERS_MAX];
	size_t i;

	for (i = 0; i < h->count; i++) {
		doomed[i] = is_hop_by_hop(h->list[i].name) ||
		    http_headers_has_token(h, "Connection", h->list[i].name);
	}
	remove_marked(h, doomed);
}

bool
http_is_server_order(const char *name)
{
	const char *prefix;
	size_t i;

	if (strcasecmp(name, "Status") == 0)
		return true;
	for (i = 0; i < COUNT(server_order_prefixes); i++) {
		prefix = server_order_prefixes[i];
		if (strncasecmp(name, prefix, strlen(prefix)) == 0)
			return true;
	}
	return false;
}
