#include "sse/parser.h"

#include <string.h>

static const char bom[3] = {'\xef', '\xbb', '\xbf'};

/* Where the next line ends are: each byte of the input is searched once. */
struct ends {
	const char *lf, *cr, *end;
};

void
sse_parser_init(struct sse_parser *p, size_t max_event_bytes)
{
	memset(p, 0, sizeof(*p));
	buf_init(&p->line, max_event_bytes);
	buf_init(&p->data, max_event_bytes);
}

void
sse_parser_fini(struct sse_parser *p)
{
	buf_fini(&p->line);
	buf_fini(&p->data);
}

static int
add_data(struct sse_parser *p, const char *value, size_t len)
{
	if (p->has_data && buf_putc(&p->data, '\n') == -1)
		return -1;
	p->has_data = true;
	return buf_append(&p->data, value, len);
}

static void
set_name(struct sse_parser *p, const char *value, size_t len)
{
	if (len > sizeof(p->name) - 1)
		len = sizeof(p->name) - 1;
	memcpy(p->name, value, len);
	p->name[len] = '\0';
}

/* A line with text: a comment or a field. */
static int
take_field(struct sse_parser *p, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	size_t name_len = colon == NULL ? len : (size_t)(colon - line);
	size_t at = colon == NULL ? len : name_len + 1;

	if (name_len == 0)
		return 0;
	p->pending = true;
	if (at < len && line[at] == ' ')
		at++;
	if (name_len == 4 && memcmp(line, "data", 4) == 0)
		return add_data(p, line + at, len - at);
	if (name_len == 5 && memcmp(line, "event", 5) == 0)
		set_name(p, line + at, len - at);
	return 0;
}

/* A blank line: hand the event over, begin the next one. */
static int
dispatch(struct sse_parser *p, sse_event_fn *fn, void *arg)
{
	struct sse_event event = {
	    .name = p->name,
	    .data = p->data.data == NULL ? "" : p->data.data,
	    .data_len = p->data.len,
	    .has_data = p->has_data,
	};
	int rc = 0;

	p->pending = false;
	if (p->has_data || p->name[0] != '\0')
		rc = fn(arg, &event);
	buf_reset(&p->data);
	p->has_data = false;
	p->name[0] = '\0';
	return rc;
}

static int
take_line(struct sse_parser *p, const char *line, size_t len, sse_event_fn *fn,
    void *arg)
{
	if (!p->started) {
		p->started = true;
		if (len >= sizeof(bom) && memcmp(line, bom, sizeof(bom)) == 0) {
			line += sizeof(bom);
			len -= sizeof(bom);
		}
	}
	if (len == 0)
		return dispatch(p, fn, arg);
	return take_field(p, line, len);
}

/*
 * The line that ends with the input bytes from..to: taken where it lies
 * when all of it is there, else out of the line buffer.
 */
static int
finish_line(struct sse_parser *p, const char *from, const char *to,
    sse_event_fn *fn, void *arg)
{
	size_t len = (size_t)(to - from);
	int rc;

	if (p->line.len == 0) {
		if (len > p->line.max) {
			p->line.failed = true;
			return -1;
		}
		return take_line(p, from, len, fn, arg);
	}
	if (buf_append(&p->line, from, len) == -1)
		return -1;
	rc = take_line(p, p->line.data, p->line.len, fn, arg);
	buf_reset(&p->line);
	return rc;
}

static const char *
find(const char *at, const char *end, char c)
{
	const char *found = memchr(at, c, (size_t)(end - at));

	return found == NULL ? end : found;
}

/* The first line end at or after at; e->end when there is none. */
static const char *
next_end(struct ends *e, const char *at)
{
	if (e->lf < at)
		e->lf = find(at, e->end, '\n');
	if (e->cr < at)
		e->cr = find(at, e->end, '\r');
	return e->lf < e->cr ? e->lf : e->cr;
}

/*
 * The line that ended at stop has been taken. Returns where the next one
 * begins: an LF after a CR belongs to it, now or when it comes.
 */
static const char *
after_line(struct sse_parser *p, const char *stop, const char *end)
{
	const char *next = stop + 1;

	p->after_cr = *stop == '\r';
	if (p->after_cr && next < end && *next == '\n') {
		p->after_cr = false;
		next++;
	}
	return next;
}

/* All before at has been taken in; from is where that count began. */
static void
count(struct sse_parser *p, size_t before, const char *from, const char *at)
{
	p->fed = before + (size_t)(at - from);
	if (sse_parser_at_boundary(p))
		p->whole = p->fed;
}

static int
feed(struct sse_parser *p, const char *from, const char *end, sse_event_fn *fn,
    void *arg)
{
	struct ends ends = {find(from, end, '\n'), find(from, end, '\r'), end};
	const size_t before = p->fed;
	const char *at = from, *stop;
	int rc;

	if (p->after_cr && *at == '\n')
		count(p, before, from, ++at);
	p->after_cr = false;
	while ((stop = next_end(&ends, at)) < end) {
		rc = finish_line(p, at, stop, fn, arg);
		at = after_line(p, stop, end);
		count(p, before, from, at);
		if (rc != 0)
			return rc;
	}
	if (at < end)
		p->after_cr = false;
	rc = buf_append(&p->line, at, (size_t)(end - at));
	p->fed = before + (size_t)(end - from);
	return rc;
}

int
sse_parser_feed(struct sse_parser *p, const char *bytes, size_t len,
    sse_event_fn *fn, void *arg)
{
	if (p->line.failed || p->data.failed)
		return -1;
	if (len == 0)
		return 0;
	return feed(p, bytes, bytes + len, fn, arg);
}

bool
sse_parser_may_end(const struct sse_parser *p)
{
	return sse_parser_at_boundary(p) || (!p->pending && p->line.len > 0 &&
	    p->line.data[0] == ':' && !p->line.failed && !p->data.failed);
}

bool
sse_parser_at_boundary(const struct sse_parser *p)
{
	return !p->pending && p->line.len == 0 && !p->line.failed &&
	    !p->data.failed;
}
