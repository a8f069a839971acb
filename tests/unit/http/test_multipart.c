/*
 * Forms: what real clients send is split, what readers could differ about
 * is refused, and no beginning of a form passes for the whole.
 */
#include "http/multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TYPE "multipart/form-data; boundary="
#define FIELD "Content-Disposition: form-data; name="
#define BYTES(s) {(s), sizeof(s) - 1}

struct bytes {
	const char *s;
	size_t len;
};

struct want {
	const char *name;
	struct bytes content;
	bool is_file;
	const char *type; /* NULL: none */
};

/*
 * Parse a copy of exactly len bytes, so that a sanitizer sees a read past
 * them. The caller frees *copy after the form.
 */
static int
parse(struct http_form *form, char **copy, const char *type, const char *body,
    size_t len, struct err *err)
{
	*copy = malloc(len > 0 ? len : 1);
	assert_non_null(*copy);
	memcpy(*copy, body, len);
	err_clear(err);
	return http_form_parse(form, type, *copy, len, err);
}

static void
assert_part(const struct http_part *part, const struct want *want)
{
	assert_string_equal(part->name, want->name);
	assert_int_equal(part->name_len, strlen(want->name));
	assert_int_equal(part->is_file, want->is_file);
	assert_int_equal(part->len, want->content.len);
	assert_memory_equal(part->content, want->content.s, part->len);
	if (want->type == NULL) {
		assert_null(part->type);
		return;
	}
	assert_int_equal(part->type_len, strlen(want->type));
	assert_memory_equal(part->type, want->type, part->type_len);
}

static void
assert_form(const char *type, struct bytes body, const struct want *want,
    size_t count)
{
	struct err err = ERR_INIT;
	struct http_form form;
	char *copy;
	size_t i;

	if (parse(&form, &copy, type, body.s, body.len, &err) != 0)
		fail_msg("%s in\n%s", err.text, body.s);
	assert_int_equal(form.count, count);
	for (i = 0; i < count; i++)
		assert_part(&form.parts[i], &want[i]);
	http_form_fini(&form);
	assert_int_equal(form.count, 0);
	free(copy);
}

/* Refused, and for the reason a person would expect. */
static void
assert_refused(const char *type, struct bytes body, const char *why)
{
	struct err err = ERR_INIT;
	struct http_form form;
	char *copy;

	if (parse(&form, &copy, type, body.s, body.len, &err) == 0)
		fail_msg("taken, though %s:\n%s", why, body.s);
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	if (strstr(err.text, why) == NULL)
		fail_msg("\"%s\", not \"%s\":\n%s", err.text, why, body.s);
	assert_int_equal(form.count, 0);
	http_form_fini(&form);
	free(copy);
}

/* ---- real clients ---------------------------------------------------- */

#define CURL "------------------------c7904c8f554cd17b"
static const struct bytes curl_body = BYTES(
    "--" CURL "\r\n"
    FIELD "\"file\"; filename=\"sp eech.mp3\"\r\n"
    "Content-Type: application/octet-stream\r\n\r\n"
    "RIFF\0\1\2\r\n--x\r\n\xff\r\n"
    "--" CURL "\r\n" FIELD "\"model\"\r\n\r\nwhisper-1\r\n"
    "--" CURL "\r\n" FIELD "\"timestamp_granularities[]\"\r\n\r\nword\r\n"
    "--" CURL "\r\n" FIELD "\"timestamp_granularities[]\"\r\n\r\nsegment\r\n"
    "--" CURL "\r\n" FIELD "\"a%22b\"\r\n"
    "Content-Type: text/plain\r\n\r\nd\r\n"
    "--" CURL "\r\n" FIELD "\"empty\"\r\n\r\n\r\n"
    "--" CURL "--\r\n");

static void
curl_form(void **state)
{
	const struct want want[] = {
		{"file", BYTES("RIFF\0\1\2\r\n--x\r\n\xff"), true,
		    "application/octet-stream"},
		{"model", BYTES("whisper-1"), false, NULL},
		{"timestamp_granularities[]", BYTES("word"), false, NULL},
		{"timestamp_granularities[]", BYTES("segment"), false, NULL},
		{"a%22b", BYTES("d"), false, "text/plain"},
		{"empty", BYTES(""), false, NULL},
	};

	(void)state;
	assert_form(TYPE CURL, curl_body, want, 6);
}

/* curl --form-escape. */
static void
curl_escapes_a_quote(void **state)
{
	const struct want want[] = {
		{"a\"b", BYTES("d"), false, NULL},
		{"\"", BYTES("RIFF"), true, NULL},
	};
	const struct bytes body = BYTES(
	    "--" CURL "\r\n" FIELD "\"a\\\"b\"\r\n\r\nd\r\n"
	    "--" CURL "\r\n" FIELD "\"\\\"\"; filename=\"a\\\"b.mp3\"\r\n\r\n"
	    "RIFF\r\n"
	    "--" CURL "--\r\n");

	(void)state;
	assert_form(TYPE CURL, body, want, 2);
}

static void
python_requests_form(void **state)
{
#define HEX "cb43b5e878b6776d6c1dd8a3884a3673"
	const struct want want[] = {
		{"model", BYTES("whisper-1"), false, NULL},
		{"t[]", BYTES("a"), false, NULL},
		{"t[]", BYTES("b"), false, NULL},
		{"file", BYTES("\0\1\r\n--"), true, "audio/mpeg"},
		{"\xc3\xa9", BYTES("v"), false, NULL},
		{"old", BYTES("w"), true, NULL},
	};
	const struct bytes body = BYTES(
	    "--" HEX "\r\n" FIELD "\"model\"\r\n\r\nwhisper-1\r\n"
	    "--" HEX "\r\n" FIELD "\"t[]\"\r\n\r\na\r\n"
	    "--" HEX "\r\n" FIELD "\"t[]\"\r\n\r\nb\r\n"
	    "--" HEX "\r\n" FIELD "\"file\"; "
	    "filename=\"n\xc3\xa4me %22q%22.mp3\"\r\n"
	    "Content-Type: audio/mpeg\r\n\r\n\0\1\r\n--\r\n"
	    "--" HEX "\r\n" FIELD "\"\xc3\xa9\"\r\n\r\nv\r\n"
	    "--" HEX "\r\n" FIELD "\"old\"; filename*=utf-8''n%C3%A4me\r\n\r\n"
	    "w\r\n"
	    "--" HEX "--\r\n");

	(void)state;
	assert_form(TYPE HEX, body, want, 6);
}

/* Browsers and Node.js, with a file name that has a lone backslash. */
static void
browser_form(void **state)
{
#define WEB "----WebKitFormBoundary7MA4YWxkTrZu0gW"
	const struct want want[] = {
		{"file", BYTES("\0\1\r\n"), true, "audio/mpeg"},
		{"none", BYTES(""), true, "application/octet-stream"},
		{"mo%22de%0D%0Al", BYTES("w\r\nx"), false, NULL},
	};
	const struct bytes body = BYTES(
	    "--" WEB "\r\n" FIELD "\"file\"; filename=\"n\xc3\xa4%22m\\e\"\r\n"
	    "Content-Type: audio/mpeg\r\n\r\n\0\1\r\n\r\n"
	    "--" WEB "\r\n" FIELD "\"none\"; filename=\"\"\r\n"
	    "Content-Type: application/octet-stream\r\n\r\n\r\n"
	    "--" WEB "\r\n" FIELD "\"mo%22de%0D%0Al\"\r\n\r\nw\r\nx\r\n"
	    "--" WEB "--\r\n");

	(void)state;
	assert_form(TYPE WEB, body, want, 3);
	assert_form(TYPE WEB, (struct bytes)BYTES("--" WEB "--\r\n"), NULL, 0);
}

/* .NET's HttpClient: plain names, a quoted boundary. */
static void
dotnet_form(void **state)
{
	const struct want want[] = {
		{"model", BYTES("whisper-1"), false,
		    "text/plain; charset=utf-8"},
		{"file", BYTES("RIFF"), true, NULL},
	};
	const struct bytes body = BYTES(
	    "--0b-1\r\nContent-Type: text/plain; charset=utf-8\r\n"
	    "Content-Disposition: form-data; name=model\r\n\r\nwhisper-1\r\n"
	    "--0b-1\r\nContent-Disposition: form-data; name=file; "
	    "filename=a.mp3; filename*=utf-8''a.mp3\r\n\r\nRIFF\r\n"
	    "--0b-1--\r\n");

	(void)state;
	assert_form(TYPE "\"0b-1\"", body, want, 2);
}

/* Java's HTTP clients say more of each part. */
static void
java_form(void **state)
{
	const struct want want[] = {
		{"model", BYTES("whisper-1"), false,
		    "text/plain; charset=ISO-8859-1"},
		{"file", BYTES("\0\xff"), true, "audio/wav"},
	};
	const struct bytes body = BYTES(
	    "--b\r\ncontent-disposition: form-data; name=\"model\"\r\n"
	    "CONTENT-TYPE: text/plain; charset=ISO-8859-1\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n"
	    "Content-Length: 9\r\nX-Other: a\r\n\r\nwhisper-1\r\n"
	    "--b\r\nContent-Type:audio/wav \r\n"
	    "content-transfer-encoding: BINARY\r\n"
	    "Content-Disposition:Form-Data;NAME=\"file\" ; FileName=\"a\"\r\n"
	    "\r\n\0\xff\r\n--b--");

	(void)state;
	assert_form(TYPE "b", body, want, 2);
}

/* ---- what may stand around and inside -------------------------------- */

static void
text_around_the_parts_is_ignored(void **state)
{
	const struct want want[] = {{"a", BYTES("1"), false, NULL}};

	(void)state;
	assert_form(TYPE "b", (struct bytes)BYTES("\r\n--b\r\n" FIELD
	    "a\r\n\r\n1\r\n--b--\r\n\r\nbye -- b\n"), want, 1);
	assert_form(TYPE "b", (struct bytes)BYTES("hello\n-- b\r\n--b\r\n"
	    FIELD "a\r\n\r\n1\r\n--b-- \t \r\n"), want, 1);
	assert_form(TYPE "b", (struct bytes)BYTES("x\r\n--b--"), NULL, 0);
}

static void
delimiters_inside_lines_are_content(void **state)
{
	const struct want want[] = {
		{"a", BYTES("--"), false, NULL},
		{"b", BYTES("x--b--\r\n-\r\n--\r\n --b\r\n--c\r\r"), false,
		    NULL},
		{"c", BYTES("\r\n\r\n"), false, NULL},
	};

	(void)state;
	assert_form(TYPE "b", (struct bytes)BYTES("--b\r\n" FIELD
	    "a\r\n\r\n--\r\n--b\r\n" FIELD "b\r\n\r\n"
	    "x--b--\r\n-\r\n--\r\n --b\r\n--c\r\r\r\n--b\r\n" FIELD
	    "c\r\n\r\n\r\n\r\n\r\n--b--"), want, 3);
}

static void
lines_may_end_in_lf_throughout(void **state)
{
	const struct want want[] = {
		{"a", BYTES("1\r\n2"), true, "text/plain"},
		{"b", BYTES(""), false, NULL},
	};

	(void)state;
	assert_form(TYPE "b", (struct bytes)BYTES("hi\n--b\n" FIELD
	    "a; filename=x\nContent-Type: text/plain\n\n1\r\n2\n--b\n" FIELD
	    "b\n\n\n--b--\n"), want, 2);
}

/* ---- what is refused ------------------------------------------------- */

/* One part with these header lines and the content "12". */
#define PART(head) BYTES("--b\r\n" head "\r\n\r\n12\r\n--b--\r\n")

static void
ambiguous_delimiters_are_refused(void **state)
{
	static const struct {
		const char *why;
		struct bytes body;
	} cases[] = {
		{"not in the body", BYTES("")},
		{"not in the body", BYTES("\r\n-b--\r\n--")},
		{"not end there", BYTES("--b")},
		{"not end there", BYTES("--b-")},
		{"not end there", BYTES("--b \r")},
		{"not end there", BYTES("--b--x")},
		{"not end there", BYTES("--b---\r\n")},
		{"not end there", BYTES("--bb\r\n\r\n--b--")},
		{"closing boundary", BYTES("--b\r\n")},
		{"closing boundary", BYTES("--b\r\n" FIELD "a\r\n\r\n1\r\n")},
		{"closing boundary", BYTES("--b\r\n" FIELD "a\r\n\r\n1--b--")},
		{"nothing between", BYTES("--b\r\n--b--\r\n")},
		{"no end", BYTES("--b\r\n\r\r\n--b--\r\n")},
		{"no end", BYTES("--b\r\n" FIELD "a\r\n\r\n--b--\r\n")},
		{"no end", BYTES("--b\r\n" FIELD "a\r\n--b--\r\n")},
		{"not end there",
		    BYTES("--b \r\n" FIELD "a\r\n\r\n1\r\n--b--\r\n")},
		{"not end there", BYTES("--b\r\n" FIELD
		    "a\r\n\r\n1\r\n--b\t\r\n" FIELD
		    "a\r\n\r\n1\r\n--b--\r\n")},
		/* To some readers a delimiter, to others content. */
		{"not end there",
		    BYTES("--b\r\n" FIELD "a\r\n\r\n1\r\n--bx\r\n--b--\r\n")},
		{"not end there",
		    BYTES("--b\r\n" FIELD "a\r\n\r\n--bx\r\n--b--\r\n")},
		{"different ways",
		    BYTES("--b\r\n" FIELD "a\r\n\r\n1\n--b\r\n\r\n--b--\r\n")},
		{"different ways",
		    BYTES("--b\r\n" FIELD "a\r\n\r\n1\n--b--\r\n")},
		{"different ways",
		    BYTES("--b\r\n" FIELD "a\r\n\r\n1\r\n--b--\n")},
		{"different ways", BYTES("--b\n" FIELD "a\n\n1\r\n--b--\n")},
		{"different ways", BYTES("--b\n" FIELD "a\n\n1\n--b--\r\n")},
		{"different ways",
		    BYTES("x\n--b\r\n" FIELD "a\r\n\r\n1\r\n--b--")},
		{"different ways", BYTES("\r\n--b\n" FIELD "a\n\n1\n--b--")},
		{"lone CR", BYTES("--b\r\n" FIELD "a\r\n\r\n\r--b\r\n--b--")},
		{"lone CR", BYTES("--b\n" FIELD "a\n\n1\r--b--\n--b--")},
		{"before the first",
		    BYTES("x--b\r\n--b\r\n" FIELD "a\r\n\r\n\r\n--b--")},
		{"after the last",
		    BYTES("--b\r\n" FIELD "a\r\n\r\n\r\n--b--\r\n--b--\r\n")},
		{"after the last",
		    BYTES("--b\r\n" FIELD "a\r\n\r\n\r\n--b--\r\nx--b")},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(TYPE "b", cases[i].body, cases[i].why);
}

static void
doubtful_heads_are_refused(void **state)
{
	static const struct {
		const char *why;
		struct bytes body;
	} cases[] = {
		{"form-data", BYTES("--b\r\n\r\n12\r\n--b--\r\n")},
		{"form-data", PART("Content-Type: text/plain")},
		{"form-data", PART("Content-Disposition: attachment; name=a")},
		{"form-data", PART("Content-Disposition:")},
		{"form-data", PART("Content-Disposition: form-data2; name=a")},
		{"no name", PART("Content-Disposition: form-data")},
		{"no name", PART("Content-Disposition: form-data; filename=a")},
		{"no name", PART(FIELD "\"\"")},
		{"twice", PART(FIELD "a; name=a")},
		{"twice", PART(FIELD "a; NAME=\"b\"")},
		{"twice", PART(FIELD "a; filename=x; filename=x")},
		{"twice",
		    PART(FIELD "a; filename*=utf-8''x; filename*=utf-8''x")},
		{"pieces", PART(FIELD "a; name*=utf-8''b")},
		{"pieces", PART("Content-Disposition: form-data; name*0=a")},
		{"pieces", PART(FIELD "a; filename*0=\"x\"; filename*1=\"y\"")},
		{"pieces", PART(FIELD "a; filename*0*=utf-8''x")},
		{"filename*", PART(FIELD "a; filename*=x")},
		{"filename*", PART(FIELD "a; filename*=utf-8'x")},
		{"filename*", PART(FIELD "a; filename*=utf-8''")},
		{"filename*", PART(FIELD "a; filename*=\"utf-8''x\"")},
		{"filename*", PART(FIELD "a; filename*=utf-16''x")},
		{"filename*", PART(FIELD "a; filename*=utf-8''x%4")},
		{"filename*", PART(FIELD "a; filename*=utf-8''%gg")},
		{"filename*", PART(FIELD "a; filename*=utf-8''%c3x")},
		{"filename*", PART(FIELD "a; filename*=utf-8''x'")},
		{"filename*", PART(FIELD "a; filename*=utf-8''x*")},
		{"pieces", PART(FIELD "a; other*=utf-8''x")},
		{"malformed", PART(FIELD "a;")},
		{"malformed", PART(FIELD "a;; filename=x")},
		{"UTF-8", PART(FIELD "a; filename=\"\xe9\"")},
		{"malformed", PART("Content-Disposition: form-data name=a")},
		{"malformed", PART("Content-Disposition: form-data; name = a")},
		{"malformed", PART(FIELD)},
		{"malformed", PART(FIELD "a b")},
		{"malformed", PART(FIELD "a[]")},
		{"malformed", PART(FIELD "\"a")},
		{"malformed", PART(FIELD "\"a\"b")},
		{"malformed", PART(FIELD "\"a\\")},
		{"malformed", PART(FIELD "\"a\\\"")},
		{"malformed", PART(FIELD "\"a\\b\"")},
		{"malformed", PART(FIELD "\"a\\\\\"")},
		{"malformed", PART(FIELD "a; filename=\"a\\\\b\"")},
		{"malformed", PART(FIELD "a, form-data; name=b")},
		{"UTF-8", PART(FIELD "\"\xff\"")},
		{"UTF-8", PART(FIELD "\"a\xc3\"")},
		{"tab", PART(FIELD "\"a\tb\"")},
		{"control byte", PART(FIELD "\"a\rb\"")},
		{"control byte", PART(FIELD "\"a\0b\"")},
		{"control byte", PART(FIELD "\"a\x7f\"")},
		{"different ways", PART("X: y\n" FIELD "a")},
		{"different ways", PART(FIELD "a\n")},
		{"different ways", BYTES("--b\r\n" FIELD "a\n\n1\r\n--b--")},
		{"control byte", BYTES("--b\n" FIELD "a\r\n\n1\n--b--")},
		{"folded", PART(FIELD "a;\r\n filename=b")},
		{"folded", PART(" " FIELD "a")},
		{"malformed", PART(FIELD "a\r\nX")},
		{"malformed", PART(FIELD "a\r\nX : y")},
		{"malformed", PART(FIELD "a\r\n: y")},
		{"twice", PART(FIELD "a\r\ncontent-disposition: x")},
		{"twice", PART(FIELD "a\r\nContent-Type: a/b\r\n"
		    "content-type: a/b")},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(TYPE "b", cases[i].body, cases[i].why);
}

static void
content_that_is_not_as_it_stands_is_refused(void **state)
{
	static const struct {
		const char *why;
		struct bytes body;
	} cases[] = {
		{"Transfer-Encoding",
		    PART(FIELD "a\r\nContent-Transfer-Encoding: base64")},
		{"Transfer-Encoding", PART(FIELD
		    "a\r\nContent-Transfer-Encoding: quoted-printable")},
		{"Transfer-Encoding",
		    PART(FIELD "a\r\nContent-Transfer-Encoding:")},
		{"Content-Encoding",
		    PART(FIELD "a\r\nContent-Encoding: gzip")},
		{"Content-Length", PART(FIELD "a\r\nContent-Length: 1")},
		{"Content-Length", PART(FIELD "a\r\nContent-Length: 3")},
		{"Content-Length", PART(FIELD "a\r\nContent-Length: 2, 2")},
		{"Content-Length", PART(FIELD "a\r\nContent-Length:")},
		{"itself multipart", PART(FIELD "a\r\nContent-Type: "
		    "Multipart/mixed; boundary=x")},
		{"Content-Type", PART(FIELD "a\r\nContent-Type:")},
		{"Content-Type", PART(FIELD "a\r\nContent-Type: text")},
		{"Content-Type", PART(FIELD "a\r\nContent-Type: text/")},
		{"Content-Type", PART(FIELD "a\r\nContent-Type: a/b; c")},
		{"Content-Type", PART(FIELD "a\r\nContent-Type: a/b;")},
		{"without a filename", PART(FIELD
		    "a\r\nContent-Type: Application/Octet-Stream")},
		{"UTF-8", PART(FIELD "a\r\n"
		    "Content-Type: text/plain; charset=utf-16")},
		{"charsets", PART(FIELD "a\r\n"
		    "Content-Type: a/b; charset=utf-8; charset=utf-8")},
		{"charsets", PART(FIELD "a\r\n"
		    "Content-Type: a/b; charset*=utf-8")},
		{"UTF-8", BYTES("--b\r\n" FIELD "a\r\nContent-Type: "
		    "text/plain; charset=\"iso-8859-1\"\r\n\r\n\xe9\r\n"
		    "--b--\r\n")},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(TYPE "b", cases[i].body, cases[i].why);
}

/* ---- bounds ---------------------------------------------------------- */

/* count parts whose names have fill bytes of padding before them. */
static void
render_many(struct buf *b, size_t count, size_t fill)
{
	size_t i, j;

	buf_init(b, 1 << 20);
	for (i = 0; i < count; i++) {
		buf_puts(b, "--b\r\n" FIELD);
		for (j = 0; j < fill; j++)
			buf_putc(b, 'n');
		buf_puts(b, "\r\n\r\n\r\n");
	}
	buf_puts(b, "--b--");
	assert_false(b->failed);
}

static void
parts_and_heads_are_bounded(void **state)
{
	const size_t fits = HTTP_PART_HEAD_MAX - strlen(FIELD "\r\n\r\n");
	struct err err = ERR_INIT;
	struct http_form form;
	struct buf b;
	size_t i;

	(void)state;
	render_many(&b, HTTP_FORM_PARTS_MAX, 1);
	assert_int_equal(http_form_parse(&form, TYPE "b", b.data, b.len,
	    &err), 0);
	assert_int_equal(form.count, HTTP_FORM_PARTS_MAX);
	for (i = 0; i < form.count; i++)
		assert_string_equal(form.parts[i].name, "n");
	http_form_fini(&form);
	buf_fini(&b);

	render_many(&b, HTTP_FORM_PARTS_MAX + 1, 1);
	assert_refused(TYPE "b", (struct bytes){b.data, b.len}, "too many");
	buf_fini(&b);

	render_many(&b, 3, fits);
	assert_int_equal(http_form_parse(&form, TYPE "b", b.data, b.len,
	    &err), 0);
	assert_int_equal(form.parts[2].name_len, fits);
	http_form_fini(&form);
	buf_fini(&b);

	render_many(&b, 1, fits + 1);
	assert_refused(TYPE "b", (struct bytes){b.data, b.len}, "too long");
	buf_fini(&b);
}

static void
boundaries(void **state)
{
#define TEN "0123456789"
#define SEVENTY TEN TEN TEN TEN TEN TEN TEN
	static const struct {
		const char *type;
		const char *boundary; /* NULL: none */
	} cases[] = {
		{TYPE "a", "a"},
		{TYPE SEVENTY, SEVENTY},
		{TYPE "\"" SEVENTY "\"", SEVENTY},
		{"  Multipart/FORM-data ;\tcharset=x; BOUNDARY=\"a b\" ",
		    "a b"},
		{TYPE "\"'()+_,-./:=?\"", "'()+_,-./:=?"},
		{TYPE "'+_-.", "'+_-."},
		{TYPE "a; x=\"; boundary=b\"", "a"},
		{NULL, NULL},
		{"", NULL},
		{"multipart/form-data", NULL},
		{"multipart/form-data;", NULL},
		{TYPE "a;", NULL},
		{"multipart/form-data;; boundary=a", NULL},
		{"multipart/form-data2; boundary=a", NULL},
		{"multipart/mixed; boundary=a", NULL},
		{"multipart; boundary=a", NULL},
		{"application/json; boundary=a", NULL},
		{TYPE, NULL},
		{TYPE "\"\"", NULL},
		{TYPE "\"a", NULL},
		{TYPE "\"a \"", NULL},
		{TYPE "\"a\\\"\"", NULL},
		{TYPE "\"a\\b\"", NULL},
		{TYPE "\"a*\"", NULL},
		{TYPE "a*", NULL},
		{TYPE "a=b", NULL},
		{TYPE "a/b", NULL},
		{TYPE "a b", NULL},
		{TYPE "\xc3\xa9", NULL},
		{TYPE "\"\xc3\xa9\"", NULL},
		{TYPE SEVENTY "0", NULL},
		{TYPE "\"" SEVENTY "0\"", NULL},
		{TYPE "a; boundary=a", NULL},
		{TYPE "a; boundary*=utf-8''b", NULL},
		{TYPE "a, " TYPE "b", NULL},
		{"multipart/form-data; boundary = a", NULL},
	};
	char boundary[HTTP_BOUNDARY_SIZE];
	size_t i;
	int got;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		got = http_multipart_boundary(boundary, cases[i].type);
		if (got != (cases[i].boundary != NULL ? 0 : -1))
			fail_msg("%d for %s", got, cases[i].type);
		if (got == 0)
			assert_string_equal(boundary, cases[i].boundary);
		else
			assert_refused(cases[i].type,
			    (struct bytes)BYTES("--a--"), "boundary");
	}
}

/* ---- properties ------------------------------------------------------ */

static void
no_beginning_passes_for_the_whole(void **state)
{
	const size_t whole = curl_body.len - 2; /* its line end is optional */
	struct err err = ERR_INIT;
	struct http_form form;
	char *copy;
	size_t len;
	int got;

	(void)state;
	for (len = 0; len <= curl_body.len; len++) {
		got = parse(&form, &copy, TYPE CURL, curl_body.s, len, &err);
		/* A lone CR is no line end. */
		if (got != (len == whole || len == whole + 2 ? 0 : -1))
			fail_msg("%d for the first %zu bytes", got, len);
		http_form_fini(&form);
		free(copy);
	}
}

static uint32_t
draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % below;
}

/* Content that comes near to delimiters, or is one. */
static void
draw_content(uint32_t *seed, struct buf *b)
{
	static const char *const pieces[] = {
		"\r\n", "\n", "\r", "-", "--", "b-0", "b-", "--b-0", "--b-",
		"\r\n--", "\r\n--b-", " ", "x",
	};
	uint32_t n = draw(seed, 12);

	buf_init(b, 1 << 16);
	while (n-- > 0) {
		if (draw(seed, 3) == 0)
			buf_putc(b, (char)draw(seed, 256));
		else
			buf_puts(b, pieces[draw(seed,
			    sizeof(pieces) / sizeof(pieces[0]))]);
	}
}

/* Whether a line of the content, in whatever sense, begins with --b-0. */
static bool
has_delimiter_line(const struct buf *content)
{
	size_t i;

	for (i = 0; i + 5 <= content->len; i++) {
		if (memcmp(content->data + i, "--b-0", 5) == 0 &&
		    (i == 0 || content->data[i - 1] == '\n' ||
		    content->data[i - 1] == '\r'))
			return true;
	}
	return false;
}

enum { DRAWN_PARTS = 4 };

struct drawn {
	struct want want[DRAWN_PARTS];
	struct buf content[DRAWN_PARTS];
	size_t count;
	struct buf body;
	bool refused;
};

static void
draw_part(uint32_t *seed, struct drawn *d, const char *eol)
{
	static const char *const names[][2] = {
		{"file", "file"}, {"\"model\"", "model"},
		{"\"a\\\"b c\"", "a\"b c"}, {"\"%22--b-0\"", "%22--b-0"},
	};
	struct buf *content = &d->content[d->count];
	struct want *want = &d->want[d->count++];
	uint32_t name = draw(seed, 4);

	want->name = names[name][1];
	want->is_file = draw(seed, 2) == 1;
	want->type = draw(seed, 2) == 1 ? "audio/wav" : NULL;
	draw_content(seed, content);
	want->content.s = content->data;
	want->content.len = content->len;
	d->refused |= has_delimiter_line(content);
	/* The line end before the next delimiter would be CRLF. */
	d->refused |= eol[0] == '\n' && content->len > 0 &&
	    content->data[content->len - 1] == '\r';
	buf_printf(&d->body, "--b-0%s", eol);
	if (want->type != NULL)
		buf_printf(&d->body, "content-type: %s%s", want->type, eol);
	buf_printf(&d->body, FIELD "%s%s%s%s", names[name][0],
	    want->is_file ? "; filename=\"a;b\"" : "", eol, eol);
	buf_append(&d->body, content->data, content->len);
	buf_puts(&d->body, eol);
}

/* What is rendered comes back, or is refused when it has a delimiter. */
static void
random_forms_come_back(void **state)
{
	struct drawn d;
	const char *eol;
	uint32_t seed = 1, n;
	size_t i, taken = 0, refused = 0;

	(void)state;
	for (n = 0; n < 20000; n++) {
		memset(&d, 0, sizeof(d));
		buf_init(&d.body, 1 << 20);
		eol = draw(&seed, 3) == 0 ? "\n" : "\r\n";
		if (draw(&seed, 4) == 0)
			buf_printf(&d.body, "preamble%s", eol);
		while (d.count < DRAWN_PARTS && draw(&seed, 4) != 0)
			draw_part(&seed, &d, eol);
		buf_printf(&d.body, "--b-0--%s", eol);
		if (d.refused)
			assert_refused(TYPE "b-0",
			    (struct bytes){d.body.data, d.body.len}, "");
		else
			assert_form(TYPE "b-0",
			    (struct bytes){d.body.data, d.body.len}, d.want,
			    d.count);
		taken += !d.refused;
		refused += d.refused;
		for (i = 0; i < d.count; i++)
			buf_fini(&d.content[i]);
		buf_fini(&d.body);
	}
	assert_true(taken > 1000 && refused > 1000);
}

/* A body made of almost-delimiters: one part, and none too many. */
static void
near_delimiters_without_end(void **state)
{
	static const char near[] = "\r\n--" CURL;
	struct err err = ERR_INIT;
	struct http_form form;
	struct buf b;
	size_t i;

	(void)state;
	buf_init(&b, 8 << 20);
	buf_puts(&b, "--" CURL "\r\n" FIELD "a\r\n\r\n");
	for (i = 0; i < 20000; i++)
		buf_append(&b, near, sizeof(near) - 2);
	for (i = 0; i < 1 << 20; i++)
		buf_putc(&b, '-');
	buf_puts(&b, "\r\n--" CURL "--");
	assert_false(b.failed);
	assert_int_equal(http_form_parse(&form, TYPE CURL, b.data, b.len,
	    &err), 0);
	assert_int_equal(form.count, 1);
	assert_int_equal(form.parts[0].len,
	    20000 * (sizeof(near) - 2) + (1 << 20));
	http_form_fini(&form);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(curl_form),
		cmocka_unit_test(curl_escapes_a_quote),
		cmocka_unit_test(python_requests_form),
		cmocka_unit_test(browser_form),
		cmocka_unit_test(dotnet_form),
		cmocka_unit_test(java_form),
		cmocka_unit_test(text_around_the_parts_is_ignored),
		cmocka_unit_test(delimiters_inside_lines_are_content),
		cmocka_unit_test(lines_may_end_in_lf_throughout),
		cmocka_unit_test(ambiguous_delimiters_are_refused),
		cmocka_unit_test(doubtful_heads_are_refused),
		cmocka_unit_test(content_that_is_not_as_it_stands_is_refused),
		cmocka_unit_test(parts_and_heads_are_bounded),
		cmocka_unit_test(boundaries),
		cmocka_unit_test(no_beginning_passes_for_the_whole),
		cmocka_unit_test(random_forms_come_back),
		cmocka_unit_test(near_delimiters_without_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
