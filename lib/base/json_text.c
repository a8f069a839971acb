#include "base/json_text.h"

#include "base/text.h"

#include <stdint.h>
#include <string.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

const char *
json_skip_blanks(const char *p, const char *end)
{
	while (p < end && is_blank(*p))
		p++;
	return p;
}

const char *
json_skip_string(const char *p, const char *end)
{
	const char *quote, *back;

	for (p++; p < end; p = quote + 1) {
		quote = memchr(p, '"', (size_t)(end - p));
		if (quote == NULL)
			return end;
		for (back = quote; back > p && back[-1] == '\\';)
			back--;
		/* An odd run of backslashes escapes the quote. */
		if ((quote - back) % 2 == 0)
			return quote + 1;
	}
	return end;
}

/* Behind the array or object that begins at p. */
static const char *
skip_container(const char *p, const char *end)
{
	size_t depth = 0;

	while (p < end) {
		if (*p == '"') {
			p = json_skip_string(p, end);
			continue;
		}
		if (*p == '[' || *p == '{')
			depth++;
		else if ((*p == ']' || *p == '}') && --depth == 0)
			return p + 1;
		p++;
	}
	return end;
}

static const char *
skip_value(const char *p, const char *end)
{
	if (p >= end)
		return end;
	if (*p == '"')
		return json_skip_string(p, end);
	if (*p == '[' || *p == '{')
		return skip_container(p, end);
	while (p < end && *p != ',' && *p != ']' && *p != '}' && !is_blank(*p))
		p++;
	return p;
}

bool
json_walk_begin(struct json_walk *w, const char *text, size_t len)
{
	w->end = text + len;
	w->p = json_skip_blanks(text, w->end);
	w->object = w->p < w->end && *w->p == '{';
	if (w->p == w->end || (*w->p != '{' && *w->p != '['))
		return false;
	w->p++;
	return true;
}

/* Read a key and its colon, of an object. */
static bool
walk_key(struct json_walk *w, struct json_item *item)
{
	item->key.at = w->p;
	if (*w->p != '"')
		return false;
	w->p = json_skip_string(w->p, w->end);
	item->key.len = (size_t)(w->p - item->key.at);
	w->p = json_skip_blanks(w->p, w->end);
	if (w->p == w->end || *w->p != ':')
		return false;
	w->p = json_skip_blanks(w->p + 1, w->end);
	return true;
}

bool
json_walk_next(struct json_walk *w, struct json_item *item)
{
	memset(item, 0, sizeof(*item));
	w->p = json_skip_blanks(w->p, w->end);
	if (w->p < w->end && *w->p == ',')
		w->p = json_skip_blanks(w->p + 1, w->end);
	if (w->p == w->end || *w->p == ']' || *w->p == '}')
		return false;
	if (w->object && !walk_key(w, item)) {
		w->p = w->end;
		return false;
	}
	item->value.at = w->p;
	w->p = skip_value(w->p, w->end);
	item->value.len = (size_t)(w->p - item->value.at);
	return item->value.len > 0;
}

/*
 * The ASCII character written at *p, which is before end, and go behind it;
 * -1 when it is none.
 */
static int
read_char(const char **p, const char *end)
{
	static const char short_forms[] = "\"\\/bfnrt";
	static const char meant[] = "\"\\/\b\f\n\r\t";
	const char *at = *p, *form;
	int high, low;

	*p = at + 1;
	if (*at != '\\')
		return (unsigned char)*at;
	if (end - at < 2)
		return -1;
	*p = at + 2;
	form = strchr(short_forms, at[1]);
	if (form != NULL && *form != '\0')
		return meant[form - short_forms];
	if (end - at < 6 || memcmp(at, "\\u00", 4) != 0)
		return -1;
	*p = at + 6;
	high = text_hex_value(at[4]);
	low = text_hex_value(at[5]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool
json_key_is(const struct json_span *key, const char *name)
{
	const char *p, *end;

	if (key->len < 2)
		return false;
	p = key->at + 1;
	end = key->at + key->len - 1;
	for (; p < end && *name != '\0'; name++)
		if (read_char(&p, end) != (unsigned char)*name)
			return false;
	return p == end && *name == '\0';
}

bool
json_member(struct json_item *item, const char *text, size_t len,
    const char *name)
{
	struct json_walk w;

	if (!json_walk_begin(&w, text, len) || !w.object)
		return false;
	while (json_walk_next(&w, item)) {
		if (json_key_is(&item->key, name))
			return true;
	}
	return false;
}

struct json_span
json_member_value(const char *text, size_t len, const char *name)
{
	struct json_item item;

	if (!json_member(&item, text, len, name))
		return (struct json_span){NULL, 0};
	return item.value;
}

struct json_span
json_member_cut(const struct json_item *item, const char *text, size_t len)
{
	const char *from = item->key.at, *end = text + len;
	const char *to = item->value.at + item->value.len, *p;

	p = json_skip_blanks(to, end);
	if (p < end && *p == ',')
		return (struct json_span){from, (size_t)(p + 1 - from)};
	/* The last: the comma before it goes, if there is one. */
	for (p = from; p > text && is_blank(p[-1]);)
		p--;
	if (p > text && p[-1] == ',')
		from = p - 1;
	return (struct json_span){from, (size_t)(to - from)};
}

const char *
json_members_end(const char *text, size_t len)
{
	const char *p = text + len;

	while (p > text && p[-1] != '}')
		p--;
	if (p == text)
		return NULL;
	for (p--; p > text && is_blank(p[-1]);)
		p--;
	return p;
}

/* Append the object with one more member. */
static int
put_longer(struct buf *out, const char *text, size_t len, const char *name,
    const struct json_span *value)
{
	const char *p = json_members_end(text, len);

	if (p == NULL)
		return -1;
	buf_append(out, text, (size_t)(p - text));
	if (p > text && p[-1] != '{')
		buf_putc(out, ',');
	buf_put_json_string(out, name, strlen(name));
	buf_putc(out, ':');
	buf_append(out, value->at, value->len);
	return buf_append(out, p, (size_t)(text + len - p));
}

int
json_put_with(struct buf *out, const char *text, size_t len,
    const char *name, const struct json_span *value)
{
	struct json_item item;
	struct json_walk w;
	size_t head;

	if (!json_walk_begin(&w, text, len) || !w.object)
		return -1;
	if (!json_member(&item, text, len, name))
		return put_longer(out, text, len, name, value);
	head = (size_t)(item.value.at - text);
	buf_append(out, text, head);
	buf_append(out, value->at, value->len);
	return buf_append(out, item.value.at + item.value.len,
	    len - head - item.value.len);
}
