/*
 * Forms: the input's first line is the Content-Type, the rest the body.
 * The parts of what is taken lie in the body in order, no beginning of it
 * is taken too, and written anew it is the same form.
 */
#include "http/header.h"
#include "http/multipart.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(int holds)
{
	if (!holds)
		abort();
}

static void
check_parts(const struct http_form *form, const char *body, size_t len)
{
	const struct http_part *p;
	const char *at = body;
	size_t i;

	check(form->count <= HTTP_FORM_PARTS_MAX);
	for (i = 0; i < form->count; i++) {
		p = &form->parts[i];
		check(p->name_len > 0 && strlen(p->name) == p->name_len);
		if (p->type != NULL) {
			check(p->type > at && p->type_len > 0);
			check(p->type + p->type_len < p->content);
		}
		check(p->content > at);
		check(p->len <= (size_t)(body + len - p->content));
		at = p->content + p->len;
	}
}

static void
render_name(struct buf *out, const char *name)
{
	if (http_is_token(name)) {
		buf_puts(out, name);
		return;
	}
	buf_putc(out, '"');
	for (; *name != '\0'; name++) {
		if (*name == '"')
			buf_putc(out, '\\');
		buf_putc(out, *name);
	}
	buf_putc(out, '"');
}

static void
render(struct buf *out, const struct http_form *form, const char *boundary)
{
	const struct http_part *p;
	size_t i;

	for (i = 0; i < form->count; i++) {
		p = &form->parts[i];
		buf_printf(out, "--%s\r\nContent-Disposition:form-data;name=",
		    boundary);
		render_name(out, p->name);
		buf_puts(out, p->is_file ? ";filename=f\r\n" : "\r\n");
		if (p->type != NULL) {
			buf_puts(out, "Content-Type:");
			buf_append(out, p->type, p->type_len);
			buf_puts(out, "\r\n");
		}
		buf_puts(out, "\r\n");
		buf_append(out, p->content, p->len);
		buf_puts(out, "\r\n");
	}
	buf_printf(out, "--%s--\r\n", boundary);
	check(!out->failed);
}

static void
check_same(const struct http_form *a, const struct http_form *b)
{
	const struct http_part *p, *q;
	size_t i;

	check(a->count == b->count);
	for (i = 0; i < a->count; i++) {
		p = &a->parts[i];
		q = &b->parts[i];
		check(strcmp(p->name, q->name) == 0);
		check(p->is_file == q->is_file);
		check((p->type == NULL) == (q->type == NULL));
		check(p->type_len == q->type_len);
		check(p->type_len == 0 ||
		    memcmp(p->type, q->type, p->type_len) == 0);
		check(p->len == q->len);
		check(memcmp(p->content, q->content, p->len) == 0);
	}
}

static void
check_written_anew(const struct http_form *form, const char *type,
    const char *boundary)
{
	struct http_form again;
	struct buf out;

	buf_init(&out, 1 << 24);
	render(&out, form, boundary);
	check(http_form_parse(&again, type, out.data, out.len, NULL) == 0);
	check_same(form, &again);
	http_form_fini(&again);
	buf_fini(&out);
}

/* What is cut before the closing delimiter's last dash is refused. */
static void
check_cut(const struct http_form *form, const char *type,
    const char *boundary, const char *body, size_t len)
{
	const char *at = body, *found;
	const struct http_part *last;
	struct http_form part_of_it;
	uint32_t hash = 2166136261u;
	char text[HTTP_BOUNDARY_SIZE + 4];
	size_t i, closing;

	if (form->count > 0) {
		last = &form->parts[form->count - 1];
		at = last->content + last->len;
	}
	snprintf(text, sizeof(text), "--%s--", boundary);
	found = memmem(at, (size_t)(body + len - at), text, strlen(text));
	check(found != NULL);
	closing = (size_t)(found - body) + strlen(text);
	for (i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)body[i]) * 16777619u;
	check(http_form_parse(&part_of_it, type, body, hash % closing,
	    NULL) == -1);
	http_form_fini(&part_of_it);
}

static void
try_body(const char *type, const char *body, size_t len)
{
	char boundary[HTTP_BOUNDARY_SIZE];
	struct err err = ERR_INIT;
	struct http_form form;

	if (http_form_parse(&form, type, body, len, &err) != 0) {
		check(err.code == ERR_BAD_REQUEST && form.count == 0);
		return;
	}
	check(http_multipart_boundary(boundary, type) == 0);
	check_parts(&form, body, len);
	check_cut(&form, type, boundary, body, len);
	/* A head that just fitted with LF would not fit with CRLF. */
	if (len < HTTP_PART_HEAD_MAX / 2)
		check_written_anew(&form, type, boundary);
	http_form_fini(&form);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *lf = size > 0 ? memchr(data, '\n', size) : NULL;
	size_t type_len, len;
	char *type, *body;

	if (lf == NULL)
		return 0;
	type_len = (size_t)(lf - data);
	len = size - type_len - 1;
	type = malloc(type_len + 1);
	body = malloc(len > 0 ? len : 1); /* exact, for a sanitizer to see */
	if (type != NULL && body != NULL) {
		memcpy(type, data, type_len);
		type[type_len] = '\0';
		memcpy(body, lf + 1, len);
		try_body(type, body, len);
	}
	free(type);
	free(body);
	return 0;
}
