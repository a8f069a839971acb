#include "http/part.h"

#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The fields that say what a part's content is. */
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
	struct buf *names;
	bool crlf;
	size_t number;
	struct err *err;
};

static int
refuse(const struct reader *r, const char *what)
{
	err_set(r->err, ERR_BAD_REQUEST, "multipart form, part %zu: %s",
	    r->number, what);
	return -1; /* said here for the analysers */
}

static bool
is_one_of(struct http_span s, const char *const *words, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (http_span_is(s, words[i]))
			return true;
	}
	return false;
}

/* Take a line of a part's head, without its line end. */
static int
take_line(const struct reader *r, struct http_span *rest,
    struct http_span *line)
{
	const char *lf = memchr(rest->at, '\n', http_span_len(*rest));
	const char *s;

	if (lf == NULL)
		return refuse(r, "its headers are too long or have "
		    "no end");
	line->at = rest->at;
	line->end = lf;
	rest->at = lf + 1;
	if (r->crlf) {
		if (line->end == line->at || line->end[-1] != '\r')
			return refuse(r, "lines end in different ways");
		line->end--;
	}
	for (s = line->at; s < line->end; s++) {
		if (((unsigned char)*s < 0x20 && *s != '\t') || *s == 0x7f)
			return refuse(r, "a header holds a control byte");
	}
	return 0;
}

/* Sort a header line into fields; others have no meaning (RFC 7578 4.8). */
static int
take_field(const struct reader *r, struct http_span line,
    struct http_span *fields)
{
	struct http_span name;
	size_t i;

	if (*line.at == ' ' || *line.at == '\t')
		return refuse(r, "a header is folded");
	name = http_span_take_token(&line);
	if (http_span_len(name) == 0 || line.at == line.end || *line.at != ':')
		return refuse(r, "a header is malformed");
	line.at++;
	http_span_trim(&line);
	for (i = 0; i < FIELD_COUNT; i++) {
		if (!http_span_is(name, field_names[i]))
			continue;
		if (fields[i].at != NULL)
			return refuse(r, "a header comes twice");
		fields[i] = line;
	}
	return 0;
}

/* Read the head of a part; part->at moves to its content. */
static int
take_head(const struct reader *r, struct http_span *part,
    struct http_span *fields)
{
	struct http_span head = *part, line;

	if (http_span_len(head) > HTTP_PART_HEAD_MAX)
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

static bool
is_utf8(const char *s, size_t len)
{
	uint32_t code_point;
	size_t i, n;

	for (i = 0; i < len; i += n) {
		n = text_utf8_next(s + i, len - i, &code_point);
		if (n == 1 && code_point == 0xfffd)
			return false;
	}
	return true;
}

/* Keep the name that the parameter gives. */
static int
keep_name(const struct reader *r, const struct http_param *p,
    struct http_part *part)
{
	struct buf *names = r->names;
	size_t before = names->len;
	const char *s;

	for (s = p->value.at; s < p->value.end; s++) {
		if (*s == '\t')
			return refuse(r, "its name holds a tab");
		if (*s == '\\')
			s++; /* only before a quote, see take_disposition */
		buf_putc(names, *s);
	}
	part->name_len = names->len - before;
	buf_putc(names, '\0');
	if (names->failed)
		return err_set(r->err, ERR_MEMORY, "the names of a form");
	return 0;
}

/*
 * Whether p is UTF-8'language'text (RFC 8187 section 3.2), a text of
 * attr-char and percent-encoded UTF-8. A reader that knows filename*
 * ignores it otherwise, or the part.
 */
static bool
is_extended(const struct http_param *p)
{
	char text[HTTP_PART_HEAD_MAX];
	struct http_span rest = p->value;
	size_t len = 0;

	if (p->quoted || !http_span_begins(rest, "utf-8'"))
		return false;
	rest.at += strlen("utf-8'");
	rest.at = memchr(rest.at, '\'', http_span_len(rest));
	if (rest.at == NULL || ++rest.at == rest.end)
		return false;
	for (; rest.at < rest.end; rest.at++) {
		text[len] = *rest.at;
		if (*rest.at == '%') {
			if (http_span_len(rest) < 3 ||
			    text_hex_value(rest.at[1]) < 0 ||
			    text_hex_value(rest.at[2]) < 0)
				return false;
			text[len] = (char)(text_hex_value(rest.at[1]) * 16 +
			    text_hex_value(rest.at[2]));
			rest.at += 2;
		} else if (*rest.at == '*' || *rest.at == '\'')
			return false; /* tokens else, as attr-char is */
		len++;
	}
	return is_utf8(text, len);
}

/*
 * The name, and whether there is a file. Some writers give filename* for a
 * name that is not ASCII, alone or beside filename (RFC 7578 section 4.2
 * forbids it); either makes a file, whatever it says.
 */
static int
take_disposition(const struct reader *r, struct http_span rest,
    struct http_part *part)
{
	struct http_param p, name = {0};
	bool plain = false, extended = false;
	int got;

	if (rest.at == NULL ||
	    !http_span_is(http_span_take_token(&rest), "form-data"))
		return refuse(r, "it has no Content-Disposition: form-data");
	if (!is_utf8(rest.at, http_span_len(rest)))
		return refuse(r, "its Content-Disposition is not UTF-8");
	while ((got = http_span_take_param(&rest, &p)) == 1) {
		bool *file = http_span_is(p.name, "filename") ? &plain :
		    http_span_is(p.name, "filename*") ? &extended : NULL;

		if (file == &extended && !is_extended(&p))
			return refuse(r, "its filename* is malformed");
		if (http_span_is(p.name, "name") && name.name.at == NULL)
			name = p;
		else if (file != NULL && !*file)
			*file = true;
		else if (file != NULL || http_span_is(p.name, "name") ||
		    memchr(p.name.at, '*', http_span_len(p.name)) != NULL)
			return refuse(r, "its name comes twice or in pieces");
	}
	if (got != 0 || name.has_backslash)
		return refuse(r, "its Content-Disposition is malformed");
	if (name.name.at == NULL || http_span_len(name.value) == 0)
		return refuse(r, "it has no name");
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
is_utf8_too(struct http_span charset, const struct http_part *part)
{
	static const char *const supersets_of_ascii[] = {
		"us-ascii", "ascii", "iso-8859-1", "windows-1252",
	};

	if (http_span_is(charset, "utf-8"))
		return true;
	return is_one_of(charset, supersets_of_ascii,
	    sizeof(supersets_of_ascii) / sizeof(supersets_of_ascii[0])) &&
	    is_ascii(part->content, part->len);
}

static int
take_type(const struct reader *r, struct http_span rest,
    struct http_part *part)
{
	struct http_span type, charset = {0};
	struct http_param p;
	int got;

	part->type = rest.at;
	part->type_len = http_span_len(rest);
	if (http_span_take_type(&rest, &type) != 0)
		return refuse(r, "its Content-Type is malformed");
	if (http_span_begins(type, "multipart/"))
		return refuse(r, "it is itself multipart");
	while ((got = http_span_take_param(&rest, &p)) == 1) {
		if (!http_span_begins(p.name, "charset"))
			continue;
		if (charset.at != NULL || !http_span_is(p.name, "charset"))
			return refuse(r, "it has several charsets");
		charset = p.value;
	}
	if (got != 0)
		return refuse(r, "its Content-Type is malformed");
	if (!part->is_file && http_span_is(type, "application/octet-stream"))
		return refuse(r, "it is a file without a filename");
	if (charset.at != NULL && !is_utf8_too(charset, part))
		return refuse(r, "it is not in UTF-8");
	return 0;
}

/* Whether the fields say that the content is as it stands. */
static int
check_content(const struct reader *r, const struct http_span *fields,
    const struct http_part *part)
{
	static const char *const plain[] = {"7bit", "8bit", "binary"};
	char digits[3 * sizeof(part->len) + 1];

	if (fields[FIELD_TRANSFER_ENCODING].at != NULL &&
	    !is_one_of(fields[FIELD_TRANSFER_ENCODING], plain, 3))
		return refuse(r, "it has a Content-Transfer-Encoding");
	if (fields[FIELD_ENCODING].at != NULL)
		return refuse(r, "it has a Content-Encoding");
	snprintf(digits, sizeof(digits), "%zu", part->len);
	if (fields[FIELD_LENGTH].at != NULL &&
	    !http_span_is(fields[FIELD_LENGTH], digits))
		return refuse(r, "its Content-Length is wrong");
	return 0;
}

int
http_part_read(struct http_part *part, struct buf *names,
    struct http_span between, bool crlf, size_t number, struct err *err)
{
	const struct reader r = {names, crlf, number, err};
	struct http_span fields[FIELD_COUNT] = {{0}};

	memset(part, 0, sizeof(*part));
	if (take_head(&r, &between, fields) != 0)
		return -1;
	part->content = between.at;
	part->len = http_span_len(between);
	if (take_disposition(&r, fields[FIELD_DISPOSITION], part) != 0 ||
	    check_content(&r, fields, part) != 0)
		return -1;
	if (fields[FIELD_TYPE].at != NULL)
		return take_type(&r, fields[FIELD_TYPE], part);
	return 0;
}
