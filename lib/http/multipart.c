#include "http/multipart.h"

#include "http/params.h"
#include "http/part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	const char *body;
	const char *end;
	/* LF, two dashes and the boundary: what a delimiter line starts with
	 * whichever way lines end. Without the LF from delimiter + 1 on. */
	char delimiter[3 + HTTP_BOUNDARY_SIZE];
	size_t delimiter_len;
	const char *eol; /* CRLF or LF; NULL until the first line has ended */
	struct http_form *form;
	struct err *err;
};

/* A delimiter line. */
struct delimiter {
	const char *at;   /* where the line end before it begins */
	const char *next; /* what follows its line */
	bool closing;
};

static int
refuse(const struct reader *r, const char *what)
{
	err_set(r->err, ERR_BAD_REQUEST, "multipart form: %s", what);
	return -1; /* said here for the analysers */
}

/* ---- the boundary ---------------------------------------------------- */

/* RFC 2046 section 5.1.1: bchars, and no blank at the end. */
static bool
is_boundary(struct http_span s)
{
	static const char bchars[] = "0123456789"
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "'()+_,-./:=? ";
	const char *p;

	if (http_span_len(s) == 0 || http_span_len(s) >= HTTP_BOUNDARY_SIZE ||
	    s.end[-1] == ' ')
		return false;
	for (p = s.at; p < s.end; p++) {
		if (memchr(bchars, *p, sizeof(bchars) - 1) == NULL)
			return false;
	}
	return true;
}

int
http_multipart_boundary(char boundary[HTTP_BOUNDARY_SIZE],
    const char *content_type)
{
	struct http_span rest, type, value = {0};
	struct http_param p;
	int got;

	if (content_type == NULL)
		return -1;
	rest.at = content_type;
	rest.end = content_type + strlen(content_type);
	http_span_trim(&rest);
	if (http_span_take_type(&rest, &type) != 0 ||
	    !http_span_is(type, "multipart/form-data"))
		return -1;
	while ((got = http_span_take_param(&rest, &p)) == 1) {
		if (!http_span_begins(p.name, "boundary"))
			continue;
		/* Twice, or boundary* of RFC 2231. */
		if (value.at != NULL || !http_span_is(p.name, "boundary"))
			return -1;
		value = p.value;
	}
	if (got != 0 || value.at == NULL || !is_boundary(value))
		return -1;
	memcpy(boundary, value.at, http_span_len(value));
	boundary[http_span_len(value)] = '\0';
	return 0;
}

/* ---- delimiter lines ------------------------------------------------- */

/* The first LF + delimiter from s on, or NULL. */
static const char *
find_line(const struct reader *r, const char *s)
{
	return memmem(s, (size_t)(r->end - s), r->delimiter,
	    r->delimiter_len);
}

/* The first delimiter from s on, wherever on a line, or NULL. */
static const char *
find_text(const struct reader *r, const char *s)
{
	return memmem(s, (size_t)(r->end - s), r->delimiter + 1,
	    r->delimiter_len - 1);
}

/*
 * Some readers take a lone CR for a line end. A delimiter after one is
 * content to others.
 */
static bool
has_cr_delimiter(const struct reader *r)
{
	char text[sizeof(r->delimiter)];

	memcpy(text, r->delimiter, r->delimiter_len);
	text[0] = '\r';
	return memmem(r->body, (size_t)(r->end - r->body), text,
	    r->delimiter_len) != NULL;
}

/* Whether the line before s ends as the others do. */
static bool
follows_eol(const struct reader *r, const char *s)
{
	size_t before = (size_t)(s - r->body);
	bool crlf = before >= 2 && s[-2] == '\r' && s[-1] == '\n';

	if (r->eol[0] == '\r')
		return crlf;
	return !crlf && before >= 1 && s[-1] == '\n';
}

/* Take a delimiter line's end; the first one says how all lines end. */
static int
take_eol(struct reader *r, struct http_span *rest)
{
	const char *eol = NULL;

	if (rest->at < rest->end && *rest->at == '\n')
		eol = "\n";
	else if (http_span_len(*rest) >= 2 && memcmp(rest->at, "\r\n", 2) == 0)
		eol = "\r\n";
	if (eol == NULL)
		return refuse(r, "a line begins with the delimiter and does "
		    "not end there");
	if (r->eol == NULL)
		r->eol = eol;
	else if (r->eol[0] != eol[0])
		return refuse(r, "lines end in different ways");
	rest->at += strlen(eol);
	return 0;
}

/* Read the delimiter line that begins at s. */
static int
read_delimiter(struct reader *r, const char *s, struct delimiter *d)
{
	struct http_span rest = {s + r->delimiter_len - 1, r->end};

	d->closing = http_span_len(rest) >= 2 && memcmp(rest.at, "--", 2) == 0;
	/*
	 * RFC 2046 allows blanks here, nobody sends them, and some readers
	 * drop the part that follows.
	 */
	if (d->closing) {
		rest.at += 2;
		http_span_skip_blanks(&rest);
	}
	/* The body may end with the closing one, before its line does. */
	if (!(d->closing && rest.at == rest.end) && take_eol(r, &rest) != 0)
		return -1;
	if (s > r->body && r->eol != NULL && !follows_eol(r, s))
		return refuse(r, "lines end in different ways");
	d->at = s - (r->eol != NULL && s > r->body ? strlen(r->eol) : 0);
	d->next = rest.at;
	return 0;
}

static int
first_delimiter(struct reader *r, struct delimiter *d)
{
	const char *s = r->body < r->end ? find_text(r, r->body) : NULL;

	if (s == NULL)
		return refuse(r, "the boundary is not in the body");
	if (s > r->body && s[-1] != '\n')
		return refuse(r, "the boundary is in the text before the "
		    "first part");
	if (has_cr_delimiter(r))
		return refuse(r, "the delimiter follows a lone CR");
	return read_delimiter(r, s, d);
}

/* The delimiter after the one in d, and the bytes between them. */
static int
next_delimiter(struct reader *r, struct delimiter *d,
    struct http_span *between)
{
	/* Its line end may be the one before: then there is no part. */
	const char *lf = find_line(r, d->next - 1);

	between->at = d->next;
	if (lf == NULL)
		return refuse(r, "the closing boundary is missing");
	if (read_delimiter(r, lf + 1, d) != 0)
		return -1;
	if (d->at < between->at)
		return refuse(r, "two delimiter lines have nothing "
		    "between them");
	between->end = d->at;
	return 0;
}

/* ---- the form -------------------------------------------------------- */

/* Room for one more part, or NULL with the error set. */
static struct http_part *
grow(const struct reader *r)
{
	struct http_form *form = r->form;
	size_t count = form->count;
	struct http_part *parts;

	if (count == HTTP_FORM_PARTS_MAX) {
		refuse(r, "it has too many parts");
		return NULL;
	}
	/* Full at every power of two, and at first. */
	if ((count & (count - 1)) == 0) {
		parts = realloc(form->parts,
		    (count == 0 ? 1 : 2 * count) * sizeof(*parts));
		if (parts == NULL) {
			err_set(r->err, ERR_MEMORY, "the parts of a form");
			return NULL;
		}
		form->parts = parts;
	}
	return &form->parts[count];
}

static int
add_part(const struct reader *r, struct http_span between)
{
	struct http_form *form = r->form;
	struct http_part *part = grow(r);

	if (part == NULL || http_part_read(part, &form->names, between,
	    r->eol[0] == '\r', form->count + 1, r->err) != 0)
		return -1;
	form->count++;
	return 0;
}

static int
read_parts(struct reader *r)
{
	struct delimiter d;
	struct http_span between = {0};

	if (first_delimiter(r, &d) != 0)
		return -1;
	while (!d.closing) {
		if (next_delimiter(r, &d, &between) != 0 ||
		    add_part(r, between) != 0)
			return -1;
	}
	if (find_text(r, d.next) != NULL)
		return refuse(r, "the boundary is in the text after the last "
		    "part");
	return 0;
}

/* The names no longer move: point to them. */
static void
place_names(struct http_form *form)
{
	const char *name = form->names.data;
	size_t i;

	for (i = 0; i < form->count; i++) {
		form->parts[i].name = name;
		name += form->parts[i].name_len + 1;
	}
}

int
http_form_parse(struct http_form *form, const char *content_type,
    const char *body, size_t len, struct err *err)
{
	struct reader r = {.body = body, .form = form, .err = err};
	char boundary[HTTP_BOUNDARY_SIZE];

	memset(form, 0, sizeof(*form));
	buf_init(&form->names,
	    (size_t)HTTP_FORM_PARTS_MAX * HTTP_PART_HEAD_MAX);
	if (http_multipart_boundary(boundary, content_type) != 0)
		return refuse(&r, "its Content-Type has no legal boundary");
	r.end = len > 0 ? body + len : body;
	r.delimiter_len = (size_t)snprintf(r.delimiter, sizeof(r.delimiter),
	    "\n--%s", boundary);
	if (read_parts(&r) != 0) {
		http_form_fini(form);
		return -1;
	}
	place_names(form);
	return 0;
}

void
http_form_fini(struct http_form *form)
{
	free(form->parts);
	form->parts = NULL;
	form->count = 0;
	buf_fini(&form->names);
}
