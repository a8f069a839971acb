#include "demo_form.h"

#include <string.h>
#include <strings.h>

enum { DELIMITER_MAX = 128 };

/* CR LF "--" and the boundary of the request's Content-Type. 0 or -1. */
static int
find_delimiter(const struct demo_request *req, char *out, size_t size)
{
	const char *type = demo_request_get(req, "Content-Type");
	const char *p;
	size_t len;

	if (type == NULL || strncasecmp(type, "multipart/form-data", 19) != 0)
		return -1;
	p = strcasestr(type, "boundary=");
	if (p == NULL)
		return -1;
	p += 9;
	len = *p == '"' ? strcspn(++p, "\"") : strcspn(p, "; \t");
	if (len == 0 || len + 5 > size)
		return -1;
	memcpy(out, "\r\n--", 4);
	memcpy(out + 4, p, len);
	out[4 + len] = '\0';
	return 0;
}

/* Whether p, which may end at end, begins the parameter name=. */
static bool
is_name(const char *head, const char *p, const char *end)
{
	return end - p >= 6 && strncasecmp(p, "name=\"", 6) == 0 &&
	    p > head && (p[-1] == ' ' || p[-1] == ';');
}

/* head..end are a part's header lines. */
static int
read_name(struct demo_part *part, const char *head, const char *end)
{
	const char *p, *quote;

	for (p = head; p < end; p++) {
		if (!is_name(head, p, end))
			continue;
		part->name = p + 6;
		quote = memchr(part->name, '"', (size_t)(end - part->name));
		if (quote == NULL)
			return -1;
		part->name_len = (size_t)(quote - part->name);
		return 0;
	}
	return -1;
}

/* A part from p to its delimiter at end. */
static int
read_part(struct demo_form *form, const char *p, const char *end)
{
	struct demo_part *part = &form->parts[form->n];
	const char *blank = memmem(p, (size_t)(end - p), "\r\n\r\n", 4);

	if (blank == NULL || form->n == DEMO_PARTS_MAX ||
	    read_name(part, p, blank) != 0)
		return -1;
	part->bytes = blank + 4;
	part->len = (size_t)(end - part->bytes);
	form->n++;
	return 0;
}

int
demo_form_read(struct demo_form *form, const struct demo_request *req)
{
	const char *p = req->body.data, *end, *next;
	char delimiter[DELIMITER_MAX];
	size_t len;

	form->n = 0;
	if (p == NULL ||
	    find_delimiter(req, delimiter, sizeof(delimiter)) != 0)
		return -1;
	end = p + req->body.len;
	len = strlen(delimiter);
	/* The first delimiter may stand at the very start. */
	if (req->body.len >= len && memcmp(p, delimiter + 2, len - 2) == 0)
		p += len - 2;
	else if ((p = memmem(p, req->body.len, delimiter, len)) != NULL)
		p += len;
	else
		return -1;
	while (end - p >= 2 && memcmp(p, "--", 2) != 0) {
		next = memmem(p, (size_t)(end - p), delimiter, len);
		if (next == NULL || read_part(form, p, next) != 0)
			return -1;
		p = next + len;
	}
	return end - p >= 2 ? 0 : -1;
}

const struct demo_part *
demo_form_get(const struct demo_form *form, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < form->n; i++) {
		if (form->parts[i].name_len == len &&
		    memcmp(form->parts[i].name, name, len) == 0)
			return &form->parts[i];
	}
	return NULL;
}

bool
demo_form_says(const struct demo_form *form, const char *name,
    const char *value)
{
	const struct demo_part *part = demo_form_get(form, name);

	return part != NULL && part->len == strlen(value) &&
	    memcmp(part->bytes, value, part->len) == 0;
}
