#include "http/multipart.h"

#include "base/text.h"
#include "http/header.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the body or of a field, from at up to end; at NULL: none. */
struct span {
	const char *at;
	const char *end;
};

/* One parameter of a field, e.g. name="a". */
struct param {
	struct span name;
	struct span value; /* without its quotes */
	bool has_escape;   /* a \" is in it */
	bool has_backslash; /* and not before a quote */
};

/* The fields of a part that say what its content is. */
enum field {
	FIELD_DISPOSITION,
	FIELD_TYPE,
	FIELD_TRANSFER_ENCODING,
	FIELD_ENCODING,
	FIELD_LENGTH,
	FIELD_COUNT
};

static const char *const field_names[FIELD_COUNT] = {
	[FIELD_DISPOSITION] = "Content-Disposition",
	[FIELD_TYPE] = "Content-Type",
	[FIELD_TRANSFER_ENCODING] = "Content-Transfer-Encoding",
	[FIELD_ENCODING] = "Content-Encoding",
	[FIELD_LENGTH] = "Content-Length",
};

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
	return err_set(r->err, ERR_BAD_REQUEST, "multipart form: %s", what);
}

static int
refuse_part(const struct reader *r, const char *what)
{
	return err_set(r->err, ERR_BAD_REQUEST, "multipart form, part %zu: %s",
	    r->form->count + 1, what);
}

/* ---- fields and their parameters ------------------------------------- */

static size_t
span_len(struct span s)
{
	return (size_t)(s.end - s.at);
}

/* Compare in any case. */
static bool
span_is(struct span s, const char *word)
{
	return span_len(s) == strlen(word) &&
	    strncasecmp(s.at, word, span_len(s)) == 0;
}

static bool
span_begins(struct span s, const char *word)
{
	return span_len(s) >= strlen(word) &&
	    strncasecmp(s.at, word, strlen(word)) == 0;
}

static bool
is_one_of(struct span s, const char *const *words, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (span_is(s, words[i]))
			return true;
	}
	return false;
}

static void
skip_blanks(struct span *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\t'))
		s->at++;
}

static void
trim(struct span *s)
{
	skip_blanks(s);
	while (s->end > s->at && (s->end[-1] == ' ' || s->end[-1] == '\t'))
		s->end--;
}

/* Take the token rest begins with, perhaps an empty one. */
static struct span
take_token(struct span *rest)
{
	struct span token = {rest->at, rest->at};
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
take_quoted(struct span *rest, struct param *p)
{
	const char *s = rest->at + 1;

	p->value.at = s;
	for (; s < rest->end && *s != '"'; s++) {
		if (*s != '\\')
			continue;
		if (s + 1 == rest->end || s[1] == '\\')
			return -1;
		if (s[1] == '"') {
			p->has_escape = true;
			s++;
		} else
			p->has_backslash = true;
	}
	if (s == rest->end)
		return -1;
	p->value.end = s;
	rest->at = s + 1;
	return 0;
}

/*
 * Take the next ";name=value" of rest (RFC 9110 section 5.6.6). 1, 0 at
 * the end, -1 when malformed.
 */
static int
next_param(struct span *rest, struct param *p)
{
	memset(p, 0, sizeof(*p));
	skip_blanks(rest);
	if (rest->at < rest->end && *rest->at != ';')
		return -1;
	while (rest->at < rest->end && *rest->at == ';') {
		rest->at++;
		skip_blanks(rest);
	}
	if (rest->at == rest->end)
		return 0;
	p->name = take_token(rest);
	if (span_len(p->name) == 0 || rest->at == rest->end ||
	    *rest->at != '=')
		return -1;
	rest->at++;
	if (rest->at < rest->end && *rest->at == '"')
		return take_quoted(rest, p) == 0 ? 1 : -1;
	p->value = take_token(rest);
	return span_len(p->value) > 0 ? 1 : -1;
}

/* Take a media type without its parameters. */
static int
take_media_type(struct span *rest, struct span *type)
{
	type->at = rest->at;
	if (span_len(take_token(rest)) == 0 || rest->at == rest->end ||
	    *rest->at != '/')
		return -1;
	rest->at++;
	if (span_len(take_token(rest)) == 0)
		return -1;
	type->end = rest->at;
	return 0;
}

/* ---- the boundary ---------------------------------------------------- */

/* RFC 2046 section 5.1.1: bchars, and no blank at the end. */
static bool
is_boundary(struct span s)
{
	static const char bchars[] = "0123456789"
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "'()+_,-./:=? ";
	const char *p;

	if (span_len(s) == 0 || span_len(s) >= HTTP_BOUNDARY_SIZE ||
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
	struct span rest, type, value = {0};
	struct param p;
	int got;

	if (content_type == NULL)
		return -1;
	rest.at = content_type;
	rest.end = content_type + strlen(content_type);
	trim(&rest);
	if (take_media_type(&rest, &type) != 0 ||
	    !span_is(type, "multipart/form-data"))
		return -1;
	while ((got = next_param(&rest, &p)) == 1) {
		if (!span_begins(p.name, "boundary"))
			continue;
		/* Twice, or boundary* of RFC 2231. */
		if (value.at != NULL || !span_is(p.name, "boundary"))
			return -1;
		value = p.value;
	}
	if (got != 0 || value.at == NULL || !is_boundary(value))
		return -1;
	memcpy(boundary, value.at, span_len(value));
	boundary[span_len(value)] = '\0';
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

/* Take the end of a delimiter line, and learn from the first how all end. */
static int
take_eol(struct reader *r, struct span *rest)
{
	const char *eol = NULL;

	if (rest->at < rest->end && *rest->at == '\n')
		eol = "\n";
	else if (span_len(*rest) >= 2 && memcmp(rest->at, "\r\n", 2) == 0)
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
	struct span rest = {s + r->delimiter_len - 1, r->end};

	d->closing = span_len(rest) >= 2 && memcmp(rest.at, "--", 2) == 0;
	if (d->closing)
		rest.at += 2;
	skip_blanks(&rest);
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
next_delimiter(struct reader *r, struct delimiter *d, struct span *between)
{
	/* Its line end may be the one before: then there is no part. */
	const char *lf = find_line(r, d->next - 1);

	between->at = d->next;
	if (lf == NULL)
		return refuse(r, "the closing boundary is missing");
	if (read_delimiter(r, lf + 1, d) != 0)
		return -1;
	if (d->at < between->at)
		return refuse_part(r, "it is empty");
	between->end = d->at;
	return 0;
}

/* ---- a part ---------------------------------------------------------- */

/* Take a line of a part's head, without its line end. */
static int
take_line(const struct reader *r, struct span *rest, struct span *line)
{
	const char *lf = memchr(rest->at, '\n', span_len(*rest));
	const char *s;

	if (lf == NULL)
		return refuse_part(r, "no empty line ends its headers in "
		    "time");
	line->at = rest->at;
	line->end = lf;
	rest->at = lf + 1;
	if (r->eol[0] == '\r') {
		if (line->end == line->at || line->end[-1] != '\r')
			return refuse_part(r, "lines end in different ways");
		line->end--;
	}
	for (s = line->at; s < line->end; s++) {
		if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
			return refuse_part(r, "a header holds a control "
			    "byte");
	}
	return 0;
}

/* Sort a header line into fields; others have no meaning (RFC 7578 4.8). */
static int
take_field(const struct reader *r, struct span line, struct span *fields)
{
	struct span name;
	size_t i;

	if (*line.at == ' ' || *line.at == '\t')
		return refuse_part(r, "a header is folded");
	name = take_token(&line);
	if (span_len(name) == 0 || line.at == line.end || *line.at != ':')
		return refuse_part(r, "a header is malformed");
	line.at++;
	trim(&line);
	for (i = 0; i < FIELD_COUNT; i++) {
		if (!span_is(name, field_names[i]))
			continue;
		if (fields[i].at != NULL)
			return refuse_part(r, "a header comes twice");
		fields[i] = line;
	}
	return 0;
}

/* Read the head of a part; part->at moves to its content. */
static int
take_head(const struct reader *r, struct span *part, struct span *fields)
{
	struct span head = *part, line;

	if (span_len(head) > HTTP_PART_HEAD_MAX)
		head.end = head.at + HTTP_PART_HEAD_MAX;
	for (;;) {
		if (take_line(r, &head, &line) != 0)
			return -1;
		if (line.at == line.end)
			break;
		if (take_field(r, line, fields) != 0)
			return -1;
	}
	part->at = head.at;
	return 0;
}

/* Keep the name a parameter gives, for place_names to find. */
static int
keep_name(const struct reader *r, const struct param *p,
    struct http_part *part)
{
	struct buf *names = &r->form->names;
	size_t before = names->len;
	uint32_t code_point;
	const char *s;
	size_t n;

	for (s = p->value.at; s < p->value.end; s += n) {
		n = text_utf8_next(s, (size_t)(p->value.end - s),
		    &code_point);
		if (n == 1 && (code_point == 0xfffd || *s == '\t'))
			return refuse_part(r, "its name is not plain UTF-8");
		if (*s == '\\')
			s++; /* only before a quote, see take_disposition */
		buf_append(names, s, n);
	}
	part->name_len = names->len - before;
	buf_putc(names, '\0');
	if (names->failed)
		return err_set(r->err, ERR_MEMORY, "the names of a form");
	return 0;
}

/*
 * The name, and whether there is a file. filename* is read by the writers
 * that cannot say a name in ASCII, alone or beside filename; either makes
 * a file, whatever it says.
 */
static int
take_disposition(const struct reader *r, struct span rest,
    struct http_part *part)
{
	struct param p, name = {0};
	bool plain = false, extended = false;
	int got;

	if (rest.at == NULL || !span_is(take_token(&rest), "form-data"))
		return refuse_part(r, "it has no Content-Disposition: "
		    "form-data");
	while ((got = next_param(&rest, &p)) == 1) {
		bool *file = span_is(p.name, "filename") ? &plain :
		    span_is(p.name, "filename*") ? &extended : NULL;

		if (span_is(p.name, "name") && name.name.at == NULL)
			name = p;
		else if (file != NULL && !*file)
			*file = true;
		else if (file != NULL || span_is(p.name, "name") ||
		    span_begins(p.name, "name*") ||
		    span_begins(p.name, "filename*"))
			return refuse_part(r, "its name is given twice or "
			    "in pieces");
	}
	if (got != 0 || name.has_backslash)
		return refuse_part(r, "its Content-Disposition is malformed");
	if (name.name.at == NULL || span_len(name.value) == 0)
		return refuse_part(r, "it has no name");
	part->is_file = plain || extended;
	return keep_name(r, &name, part);
}

static bool
is_ascii(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if ((unsigned char)s[i] >= 0x80)
			return false;
	}
	return true;
}

/* Whether content in that charset is the same in UTF-8. */
static bool
is_utf8_too(struct span charset, const struct http_part *part)
{
	static const char *const supersets_of_ascii[] = {
		"us-ascii", "ascii", "iso-8859-1", "windows-1252",
	};

	if (span_is(charset, "utf-8"))
		return true;
	return is_one_of(charset, supersets_of_ascii,
	    sizeof(supersets_of_ascii) / sizeof(supersets_of_ascii[0])) &&
	    is_ascii(part->content, part->len);
}

static int
take_type(const struct reader *r, struct span rest, struct http_part *part)
{
	struct span type, charset = {0};
	struct param p;
	int got;

	part->type = rest.at;
	part->type_len = span_len(rest);
	if (take_media_type(&rest, &type) != 0)
		return refuse_part(r, "its Content-Type is malformed");
	if (span_begins(type, "multipart/"))
		return refuse_part(r, "it is itself multipart");
	while ((got = next_param(&rest, &p)) == 1) {
		if (!span_begins(p.name, "charset"))
			continue;
		if (charset.at != NULL || !span_is(p.name, "charset"))
			return refuse_part(r, "it has several charsets");
		charset = p.value;
	}
	if (got != 0)
		return refuse_part(r, "its Content-Type is malformed");
	if (charset.at != NULL && !is_utf8_too(charset, part))
		return refuse_part(r, "it is not in UTF-8");
	return 0;
}

/* Whether the fields say that the content is as it stands. */
static int
check_content(const struct reader *r, const struct span *fields,
    const struct http_part *part)
{
	static const char *const plain[] = {"7bit", "8bit", "binary"};
	char digits[3 * sizeof(part->len) + 1];

	if (fields[FIELD_TRANSFER_ENCODING].at != NULL &&
	    !is_one_of(fields[FIELD_TRANSFER_ENCODING], plain, 3))
		return refuse_part(r, "it has a Content-Transfer-Encoding");
	if (fields[FIELD_ENCODING].at != NULL)
		return refuse_part(r, "it has a Content-Encoding");
	snprintf(digits, sizeof(digits), "%zu", part->len);
	if (fields[FIELD_LENGTH].at != NULL &&
	    !span_is(fields[FIELD_LENGTH], digits))
		return refuse_part(r, "its Content-Length is wrong");
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
	memset(&form->parts[count], 0, sizeof(*parts));
	return &form->parts[count];
}

static int
add_part(const struct reader *r, struct span bytes)
{
	struct span fields[FIELD_COUNT] = {{0}};
	struct http_part *part = grow(r);

	if (part == NULL || take_head(r, &bytes, fields) != 0)
		return -1;
	part->content = bytes.at;
	part->len = span_len(bytes);
	if (take_disposition(r, fields[FIELD_DISPOSITION], part) != 0 ||
	    check_content(r, fields, part) != 0)
		return -1;
	if (fields[FIELD_TYPE].at != NULL &&
	    take_type(r, fields[FIELD_TYPE], part) != 0)
		return -1;
	r->form->count++;
	return 0;
}

static int
read_parts(struct reader *r)
{
	struct delimiter d;
	struct span between;

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
