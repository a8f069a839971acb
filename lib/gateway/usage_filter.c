#include "gateway/usage_filter.h"

#include <stdint.h>
#include <string.h>

void
usage_filter_init(struct usage_filter *f, size_t max_bytes)
{
	memset(f, 0, sizeof(*f));
	sse_parser_init(&f->parser, max_bytes);
	buf_init(&f->out, SIZE_MAX / 4);
}

void
usage_filter_fini(struct usage_filter *f)
{
	sse_parser_fini(&f->parser);
	buf_fini(&f->out);
	json_decref(f->usage);
	f->usage = NULL;
}

/* The chunk that include_usage adds: no choices, and the usage. */
static int
on_event(void *arg, const struct sse_event *event)
{
	struct usage_filter *f = arg;
	json_t *chunk, *usage, *choices;

	/* Cheaper than parsing what streams are mostly made of. */
	if (!event->has_data || strstr(event->data, "\"usage\"") == NULL)
		return 0;
	chunk = json_loadb(event->data, event->data_len, JSON_ALLOW_NUL, NULL);
	usage = json_object_get(chunk, "usage");
	choices = json_object_get(chunk, "choices");
	if (json_is_object(usage) && json_is_array(choices) &&
	    json_array_size(choices) == 0) {
		f->is_usage = true;
		json_decref(f->usage);
		f->usage = json_incref(usage);
	}
	json_decref(chunk);
	return 0;
}

/* The length of the first line of bytes[0..len-1], with its end if there. */
static size_t
line_length(const char *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (bytes[i] == '\n' || bytes[i] == '\r')
			return i + 1;
	}
	return len;
}

/* An event may have ended: it passes, or is taken out. */
static void
end_event(struct usage_filter *f)
{
	if (f->is_usage) {
		f->after_cr = f->out.data[f->out.len - 1] == '\r';
		f->out.len = f->whole;
		f->out.data[f->out.len] = '\0';
	}
	f->is_usage = false;
	f->whole = f->out.len;
}

static void
feed_line(struct usage_filter *f, const char *bytes, size_t len)
{
	if (sse_parser_feed(&f->parser, bytes, len, on_event, f) == -1)
		f->off = true;
	if (f->after_cr && bytes[0] == '\n') {
		f->after_cr = false;
		return;
	}
	f->after_cr = false;
	buf_append(&f->out, bytes, len);
	if (f->off)
		f->whole = f->out.len;
	else if (sse_parser_at_boundary(&f->parser))
		end_event(f);
}

int
usage_filter_feed(struct usage_filter *f, const char *bytes, size_t len)
{
	size_t n;

	for (; len > 0; bytes += n, len -= n) {
		n = f->off ? len : line_length(bytes, len);
		if (f->off) {
			buf_append(&f->out, bytes, n);
			f->whole = f->out.len;
		} else {
			feed_line(f, bytes, n);
		}
	}
	return f->out.failed ? -1 : 0;
}

void
usage_filter_end(struct usage_filter *f)
{
	f->whole = f->out.len;
}

void
usage_filter_sent(struct usage_filter *f)
{
	buf_consume(&f->out, f->whole);
	f->whole = 0;
}
