#include "wire/payload.h"

#include "sse/parser.h"
#include "sse/writer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PIECE_MAX = 40,
	EVENT_MAX = 512 * 1024 * 1024,
	/* More than answers have tokens; each is a tree on the heap. */
	PAYLOADS_MAX = 1 << 17
};

/* Beyond it not every whole number has a double of its own. */
static const double EXACT_MAX = 9007199254740992.0;

/* ---- reading ------------------------------------------------------------ */

void
wire_stream_fault(struct wire_stream *s, enum wire_verdict why)
{
	if (s->bad == WIRE_STORABLE)
		s->bad = why;
}

void *
wire_stream_state(struct wire_stream *s, size_t size)
{
	if (s->state == NULL)
		s->state = calloc(1, size);
	if (s->state == NULL)
		wire_stream_fault(s, WIRE_MEMORY);
	return s->state;
}

void
wire_stream_usage(struct wire_stream *s, json_t *usage)
{
	if (!json_is_object(usage))
		return;
	json_decref(s->usage);
	s->usage = json_incref(usage);
}

void
wire_stream_fini(struct wire_stream *s)
{
	json_decref(s->usage);
	free(s->state);
	memset(s, 0, sizeof(*s));
}

json_t *
wire_usage_of(const json_t *body)
{
	json_t *usage = json_object_get(body, "usage");

	return json_is_object(usage) ? json_incref(usage) : NULL;
}

bool
wire_is_set(const json_t *value)
{
	return value != NULL && !json_is_null(value);
}

bool
wire_has_substance(const json_t *value)
{
	return json_string_length(value) > 0 || json_array_size(value) > 0 ||
	    json_object_size(value) > 0;
}

bool
wire_is_error(const json_t *body, const char *payload_member)
{
	const char *object = json_string_value(json_object_get(body, "object"));

	if (wire_is_set(json_object_get(body, "error")))
		return true;
	if (object != NULL && strcmp(object, "error") == 0)
		return true;
	return wire_is_set(json_object_get(body, "detail")) &&
	    !wire_is_set(json_object_get(body, payload_member));
}

json_t *
wire_copy(const json_t *value)
{
	json_t *copy = NULL;

	if (json_is_object(value) || json_is_array(value))
		copy = json_copy((json_t *)(uintptr_t)value);
	if (json_object_size(copy) == json_object_size(value) &&
	    json_array_size(copy) == json_array_size(value))
		return copy;
	json_decref(copy);
	return NULL;
}

/* An integer for a real that is one, and holds every digit. New. */
static json_t *
whole_number(json_t *value)
{
	double real = json_real_value(value);

	if (json_is_real(value) && fabs(real) <= EXACT_MAX &&
	    floor(real) == real)
		return json_integer((json_int_t)real);
	return json_incref(value);
}

/* Make small whole reals integers, anywhere in an array or object. 0 or -1. */
static int
settle_numbers(json_t *all)
{
	const char *key;
	json_t *value;
	size_t i;
	int rc = 0;

	json_array_foreach(all, i, value) {
		rc |= settle_numbers(value);
		rc |= json_array_set_new(all, i, whole_number(value));
	}
	json_object_foreach(all, key, value) {
		rc |= settle_numbers(value);
		rc |= json_object_set_new(all, key, whole_number(value));
	}
	return rc;
}

json_t *
wire_parse(const char *text, size_t len)
{
	json_error_t error;
	json_t *value = json_loadb(text, len, JSON_ALLOW_NUL, &error);

	if (value != NULL ||
	    json_error_code(&error) != json_error_numeric_overflow)
		return value;
	value = json_loadb(text, len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL,
	    NULL);
	if (settle_numbers(value) == 0)
		return value;
	json_decref(value);
	return NULL;
}

static bool
is_done(const struct sse_event *event)
{
	static const char done[] = "[DONE]";

	return event->data_len == sizeof(done) - 1 &&
	    memcmp(event->data, done, sizeof(done) - 1) == 0;
}

json_t *
wire_stream_payload(struct wire_stream *s, const struct sse_event *event)
{
	json_t *payload;

	if (strcmp(event->name, "error") == 0)
		wire_stream_fault(s, WIRE_ERROR_EVENT);
	if (!event->has_data)
		return NULL;
	if (s->done || (s->ended && !is_done(event)))
		wire_stream_fault(s, WIRE_AFTER_END);
	if (is_done(event)) {
		s->done = true;
		return NULL;
	}
	payload = wire_parse(event->data, event->data_len);
	if (payload == NULL)
		wire_stream_fault(s, WIRE_BAD_JSON);
	return payload;
}

void
wire_stream_take(struct wire_stream *s, const struct sse_event *event,
    void (*take)(struct wire_stream *s, const json_t *payload))
{
	json_t *payload = wire_stream_payload(s, event);

	if (payload != NULL)
		take(s, payload);
	json_decref(payload);
}

static int
collect(void *arg, const struct sse_event *event)
{
	json_t *all = arg, *payload;

	if (!event->has_data || is_done(event))
		return 0;
	if (json_array_size(all) == PAYLOADS_MAX)
		return 1;
	payload = json_loadb(event->data, event->data_len,
	    JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
	return payload == NULL ? 1 : json_array_append_new(all, payload);
}

json_t *
wire_payloads(const char *stream, size_t len)
{
	struct sse_parser parser;
	json_t *all = json_array();

	if (all == NULL)
		return NULL;
	sse_parser_init(&parser, EVENT_MAX);
	if (sse_parser_feed(&parser, stream, len, collect, all) != 0) {
		json_decref(all);
		all = NULL;
	}
	sse_parser_fini(&parser);
	return all;
}

/* ---- writing ------------------------------------------------------------ */

static void
put_string(struct buf *out, const char *s, size_t len)
{
	size_t i, plain = 0;
	unsigned char c;

	buf_putc(out, '"');
	for (i = 0; i < len; i++) {
		c = (unsigned char)s[i];
		if (c >= ' ' && c != '"' && c != '\\')
			continue;
		buf_append(out, s + plain, i - plain);
		plain = i + 1;
		if (c == '\n')
			buf_puts(out, "\\n");
		else if (c >= ' ')
			buf_printf(out, "\\%c", c);
		else
			buf_printf(out, "\\u%04x", c);
	}
	buf_append(out, s + plain, len - plain);
	buf_putc(out, '"');
}

/* Jansson prints 0.1 as 0.10000000000000001: the same, but unsightly. */
static void
put_real(struct buf *out, double value)
{
	char text[40];
	int digits = 15;

	do
		snprintf(text, sizeof(text), "%.*g", digits, value);
	while (strtod(text, NULL) != value && ++digits <= 17);
	buf_puts(out, text);
	if (strpbrk(text, ".e") == NULL)
		buf_puts(out, ".0");
}

static void
put_array(struct buf *out, const json_t *array)
{
	size_t i;

	buf_putc(out, '[');
	for (i = 0; i < json_array_size(array); i++) {
		if (i > 0)
			buf_putc(out, ',');
		wire_put_json(out, json_array_get(array, i));
	}
	buf_putc(out, ']');
}

static void
put_object(struct buf *out, const json_t *object)
{
	json_t *all = (json_t *)(uintptr_t)object, *value;
	const char *key;
	bool first = true;

	buf_putc(out, '{');
	json_object_foreach(all, key, value) {
		if (!first)
			buf_putc(out, ',');
		first = false;
		put_string(out, key, strlen(key));
		buf_putc(out, ':');
		wire_put_json(out, value);
	}
	buf_putc(out, '}');
}

int
wire_put_json(struct buf *out, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		put_object(out, value);
		break;
	case JSON_ARRAY:
		put_array(out, value);
		break;
	case JSON_STRING:
		put_string(out, json_string_value(value),
		    json_string_length(value));
		break;
	case JSON_INTEGER:
		buf_printf(out, "%" JSON_INTEGER_FORMAT,
		    json_integer_value(value));
		break;
	case JSON_REAL:
		put_real(out, json_real_value(value));
		break;
	case JSON_TRUE:
		buf_puts(out, "true");
		break;
	case JSON_FALSE:
		buf_puts(out, "false");
		break;
	case JSON_NULL:
		buf_puts(out, "null");
		break;
	}
	return out->failed ? -1 : 0;
}

int
wire_put_event(struct buf *out, const char *name, const json_t *payload)
{
	if (name != NULL) {
		buf_puts(out, "event: ");
		buf_puts(out, name);
		buf_putc(out, '\n');
	}
	/* Compact JSON has no line end, so it is one data line. */
	buf_puts(out, "data: ");
	wire_put_json(out, payload);
	return buf_puts(out, "\n\n");
}

/* ---- pieces ------------------------------------------------------------- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool
inside_character(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* The length of the first piece; 0 only when len is 0. */
static size_t
piece_length(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && n < PIECE_MAX && is_blank(text[n]))
		n++;
	while (n < len && n < PIECE_MAX && !is_blank(text[n]))
		n++;
	while (n < len && inside_character(text[n]))
		n++;
	return n;
}

int
wire_each_piece(const json_t *text, int (*fn)(void *arg, json_t *piece),
    void *arg)
{
	const char *s = json_string_value(text);
	size_t left = json_string_length(text), n;
	json_t *piece;
	int stop = 0;

	for (; left > 0 && stop == 0; s += n, left -= n) {
		n = piece_length(s, left);
		piece = json_stringn(s, n);
		stop = piece == NULL ? -1 : fn(arg, piece);
		json_decref(piece);
	}
	return stop;
}

bool
wire_tokens_spell(const json_t *list, const char *name, const json_t *text)
{
	const char *at = json_string_value(text);
	size_t left = json_string_length(text), i, len;
	const json_t *token;

	if (!json_is_array(list) || at == NULL)
		return false;
	for (i = 0; i < json_array_size(list); i++) {
		token = json_array_get(list, i);
		if (name != NULL)
			token = json_object_get(token, name);
		len = json_string_length(token);
		if (!json_is_string(token) || len > left ||
		    memcmp(at, json_string_value(token), len) != 0)
			return false;
		at += len;
		left -= len;
	}
	return left == 0;
}
