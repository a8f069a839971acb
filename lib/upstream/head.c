#include "upstream/head.h"

#include "base/text.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void
head_init(struct head *h)
{
	memset(h, 0, sizeof(*h));
	http_headers_init(&h->fields);
}

void
head_fini(struct head *h)
{
	http_headers_fini(&h->fields);
}

static int
broken(struct err *err, const char *why)
{
	return err_set(err, ERR_UPSTREAM_BROKEN, "%s", why);
}

static bool
is_digit(char c)
{
	return isdigit((unsigned char)c) != 0;
}

/*
 * "HTTP/1.1 200 OK", "HTTP/2 200": RFC 9112 section 4; libcurl writes
 * HTTP/2's in this form.
 */
static int
status_line(struct head *h, const char *line, struct err *err)
{
	const char *p = strchr(line, ' ');

	if (strncmp(line, "HTTP/", 5) != 0 || p == NULL)
		return broken(err, "the answer has no status line");
	p += strspn(p, " ");
	if (!is_digit(p[0]) || !is_digit(p[1]) || !is_digit(p[2]) ||
	    is_digit(p[3]) || p[0] < '1' || p[0] > '5')
		return broken(err, "the answer's status is none of HTTP's");
	/* What follows a 101 is not HTTP, and nobody asked for it. */
	if (memcmp(p, "101", 3) == 0)
		return broken(err, "the answer switches protocols");
	http_headers_fini(&h->fields);
	h->open = true;
	h->chunked = false;
	h->status = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
	return 0;
}

/*
 * One length or none: a second one that differs could make the web server
 * and us disagree where the answer ends (RFC 9112 section 6.3).
 */
static int
content_length(struct head *h, const char *value, struct err *err)
{
	const char *had = http_headers_get(&h->fields, "Content-Length");
	uint64_t len;

	if (text_u64(value, INT64_MAX, &len) != 0)
		return broken(err, "the answer's Content-Length is no number");
	if (had == NULL)
		return 1;
	if (strcmp(had, value) != 0)
		return broken(err, "the answer has two lengths");
	return 0;
}

static int
add_field(struct head *h, const char *name, const char *value,
    struct err *err)
{
	int rc = 1;

	if (!http_is_token(name) || !http_is_field_value(value))
		return 0;
	if (strcasecmp(name, "Content-Length") == 0)
		rc = content_length(h, value, err);
	if (strcasecmp(name, "Transfer-Encoding") == 0)
		h->chunked = true;
	if (rc == 1 && http_headers_add(&h->fields, name, value) != 0)
		return broken(err, "the answer has too many header fields");
	return rc < 0 ? -1 : 0;
}

static int
field_line(struct head *h, char *line, struct err *err)
{
	char *colon = strchr(line, ':');
	char *end;

	if (line[0] == ' ' || line[0] == '\t')
		return broken(err, "the answer has a folded header line");
	if (colon == NULL)
		return broken(err, "the answer has a header line without name");
	*colon++ = '\0';
	colon += strspn(colon, " \t");
	end = colon + strlen(colon);
	while (end > colon && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	return add_field(h, line, colon, err);
}

static int
complete(struct head *h, bool *completed)
{
	h->open = false;
	if (h->status < 200)
		return 0;
	if (h->chunked)
		http_headers_remove(&h->fields, "Content-Length");
	http_headers_strip_hop_by_hop(&h->fields);
	h->done = true;
	*completed = true;
	return 0;
}

int
head_line(struct head *h, const char *line, size_t len, bool *completed,
    struct err *err)
{
	char *copy;
	int rc;

	*completed = false;
	if (h->done)
		return 0;
	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	if (len > HTTP_HEADERS_MAX_BYTES)
		return broken(err, "the answer has a header line too long");
	/* A field with a NUL in it is left out like other control bytes. */
	if (len > 0 && memchr(line, '\0', len) != NULL)
		return 0;
	copy = strndup(line, len);
	if (copy == NULL)
		return err_set(err, ERR_MEMORY, "no memory for the answer");
	if (!h->open)
		rc = status_line(h, copy, err);
	else if (len > 0)
		rc = field_line(h, copy, err);
	else
		rc = complete(h, completed);
	free(copy);
	return rc;
}
