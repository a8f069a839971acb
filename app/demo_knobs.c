#include "demo_knobs.h"

#include "base/text.h"

#include <stddef.h>
#include <string.h>

enum { HEADERS_MAX_BYTES = 1024 * 1024 };

enum kind { KIND_NUMBER, KIND_SWITCH, KIND_WORD };

struct row {
	const char *name;
	enum kind kind;
	size_t offset;
	uint64_t max;
	const char *help;
};

#define FAULT(name, ...)
#define NUMBER(name, initial, max, help)                                       \
	{#name, KIND_NUMBER, offsetof(struct demo_knobs, name), max, help},
#define SWITCH(name, initial, help)                                            \
	{#name, KIND_SWITCH, offsetof(struct demo_knobs, name), 1, help},
#define WORD(name, help)                                                       \
	{#name, KIND_WORD, offsetof(struct demo_knobs, name), 31, help},
static const struct row rows[] = {
#include "demo_knobs.def"
};
#undef FAULT
#undef NUMBER
#undef SWITCH
#undef WORD

struct fault_row {
	const char *name;
	const char *where;
	const char *help;
};

#define NUMBER(name, ...)
#define SWITCH(name, ...)
#define WORD(name, ...)
#define FAULT(name, word, where, help) {word, #where, help},
static const struct fault_row faults[] = {
#include "demo_knobs.def"
};
#undef FAULT
#undef NUMBER
#undef SWITCH
#undef WORD

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

void
demo_knobs_init(struct demo_knobs *k)
{
	memset(k, 0, sizeof(*k));
	buf_init(&k->headers, HEADERS_MAX_BYTES);
#define FAULT(name, ...)
#define NUMBER(name, initial, max, help) k->name = initial;
#define SWITCH(name, initial, help) k->name = initial;
#define WORD(name, help)
#include "demo_knobs.def"
#undef FAULT
#undef NUMBER
#undef SWITCH
#undef WORD
}

void
demo_knobs_fini(struct demo_knobs *k)
{
	buf_fini(&k->headers);
}

int
demo_knobs_copy(struct demo_knobs *to, const struct demo_knobs *from)
{
	*to = *from;
	buf_init(&to->headers, HEADERS_MAX_BYTES);
	if (from->headers.len == 0)
		return 0;
	return buf_append(&to->headers, from->headers.data,
	    from->headers.len);
}

/* "%0D%0A" and the like. 0, or -1 when a percent sign has no two digits. */
static int
put_decoded(struct buf *out, const char *s)
{
	char digits[3] = "";
	unsigned char c;

	for (; *s != '\0'; s++) {
		if (*s != '%') {
			buf_putc(out, *s);
			continue;
		}
		if (s[1] == '\0' || s[2] == '\0')
			return -1;
		memcpy(digits, s + 1, 2);
		if (text_unhex(digits, &c, 1) != 0)
			return -1;
		buf_putc(out, (char)c);
		s += 2;
	}
	return 0;
}

static int
set_header(struct demo_knobs *k, const char *value, struct err *err)
{
	if (strchr(value, ':') == NULL)
		return err_set(err, ERR_BAD_REQUEST,
		    "knob header wants Name:value");
	if (put_decoded(&k->headers, value) != 0)
		return err_set(err, ERR_BAD_REQUEST,
		    "knob header: two hex digits must follow %%");
	return buf_puts(&k->headers, "\r\n");
}

static int
set_fault(struct demo_knobs *k, const char *value, struct err *err)
{
	for (int i = 0; i < DEMO_FAULT_COUNT; i++) {
		if (strcmp(faults[i].name, value) != 0)
			continue;
		k->fault = (enum demo_fault)i;
		return 0;
	}
	return err_set(err, ERR_BAD_REQUEST, "no fault is called %s", value);
}

static int
set_switch(bool *to, const char *value)
{
	if (strcmp(value, "1") == 0 || strcmp(value, "on") == 0)
		*to = true;
	else if (strcmp(value, "0") == 0 || strcmp(value, "off") == 0)
		*to = false;
	else
		return -1;
	return 0;
}

static int
set_row(struct demo_knobs *k, const struct row *row, const char *value)
{
	char *at = (char *)k + row->offset;
	uint64_t n;
	bool on;

	switch (row->kind) {
	case KIND_NUMBER:
		if (text_u64(value, row->max, &n) != 0)
			return -1;
		memcpy(at, &n, sizeof(n));
		return 0;
	case KIND_SWITCH:
		if (set_switch(&on, value) != 0)
			return -1;
		memcpy(at, &on, sizeof(on));
		return 0;
	case KIND_WORD:
		if (strlen(value) > row->max)
			return -1;
		memcpy(at, value, strlen(value) + 1);
		return 0;
	}
	return -1;
}

static int
set_one(struct demo_knobs *k, const char *key, const char *value,
    struct err *err)
{
	if (strcmp(key, "header") == 0)
		return set_header(k, value, err);
	if (strcmp(key, "fault") == 0)
		return set_fault(k, value, err);
	for (size_t i = 0; i < N_ROWS; i++) {
		if (strcmp(rows[i].name, key) != 0)
			continue;
		if (set_row(k, &rows[i], value) != 0)
			return err_set(err, ERR_BAD_REQUEST,
			    "knob %s cannot have that value", key);
		return 0;
	}
	return err_set(err, ERR_BAD_REQUEST, "no knob is called %s", key);
}

int
demo_knobs_parse(struct demo_knobs *k, const char *list, struct err *err)
{
	char item[4096];
	const char *p;
	char *eq;
	size_t len;

	while ((p = text_next_item(&list, ",", &len)) != NULL) {
		if (len >= sizeof(item))
			return err_set(err, ERR_BAD_REQUEST,
			    "a knob is too long");
		memcpy(item, p, len);
		item[len] = '\0';
		eq = strchr(item, '=');
		if (eq == NULL)
			return err_set(err, ERR_BAD_REQUEST,
			    "a knob is written key=value");
		*eq = '\0';
		if (set_one(k, item, eq + 1, err) != 0)
			return -1;
	}
	return 0;
}

void
demo_knobs_help(FILE *out)
{
	fputs("Knobs (\"X-Demo: key=value, key=value\", or -k):\n", out);
	for (size_t i = 0; i < N_ROWS; i++)
		fprintf(out, "  %-10s %s\n", rows[i].name, rows[i].help);
	fputs("  header     Name:value, one more header field, with %XX for "
	    "odd bytes;\n             may be given several times\n"
	    "  fault      one of\n", out);
	for (int i = 0; i < DEMO_FAULT_COUNT; i++)
		fprintf(out, "    %-14s %-5s %s\n", faults[i].name,
		    faults[i].where, faults[i].help);
	fputs("EVENT faults hit event number at= (without events: the middle "
	    "of the body).\n", out);
}
