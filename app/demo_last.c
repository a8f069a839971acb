#include "demo_last.h"

#include "demo_json.h"

#include "base/digest.h"
#include "base/text.h"

#include <string.h>

enum { ABOUT_MAX = 16 * 1024 * 1024 };

void
demo_last_init(struct demo_last *last)
{
	pthread_mutex_init(&last->lock, NULL);
	buf_init(&last->about, ABOUT_MAX);
	buf_init(&last->body, DEMO_BODY_MAX);
}

static void
put_string(struct buf *out, const char *s)
{
	buf_put_json_string(out, s, strlen(s));
}

void
demo_about(struct buf *out, const struct demo_request *q)
{
	uint8_t sum[DIGEST_BYTES];
	char hex[2 * DIGEST_BYTES + 1];

	digest_sha256(q->body.data, q->body.len, sum);
	text_hex(sum, sizeof(sum), hex);
	buf_puts(out, "\"method\":");
	put_string(out, q->method);
	buf_puts(out, ",\"target\":");
	put_string(out, q->target);
	buf_puts(out, ",\"headers\":[");
	for (size_t i = 0; i < q->n_fields; i++) {
		buf_puts(out, i > 0 ? ",[" : "[");
		put_string(out, q->fields[i].name);
		buf_puts(out, ",");
		put_string(out, q->fields[i].value);
		buf_puts(out, "]");
	}
	buf_printf(out, "],\"body_bytes\":%zu,\"body_sha256\":\"%s\"",
	    q->body.len, hex);
}

void
demo_last_set(struct demo_last *last, const struct demo_request *q)
{
	struct buf about, body, old_about, old_body;

	buf_init(&about, ABOUT_MAX);
	demo_about(&about, q);
	buf_init(&body, DEMO_BODY_MAX);
	if (q->body.len > 0)
		buf_append(&body, q->body.data, q->body.len);
	pthread_mutex_lock(&last->lock);
	old_about = last->about;
	old_body = last->body;
	last->about = about;
	last->body = body;
	pthread_mutex_unlock(&last->lock);
	buf_fini(&old_about);
	buf_fini(&old_body);
}

static bool
is_utf8(const char *s, size_t len)
{
	uint32_t c;
	size_t n;

	for (; len > 0; s += n, len -= n) {
		n = text_utf8_next(s, len, &c);
		if (c == 0xfffd && n == 1)
			return false;
	}
	return true;
}

void
demo_last_put(struct demo_last *last, struct buf *out)
{
	const struct buf *body = &last->body;

	pthread_mutex_lock(&last->lock);
	if (last->about.len == 0) {
		buf_puts(out, "null");
	} else {
		buf_putc(out, '{');
		buf_append(out, last->about.data, last->about.len);
		if (is_utf8(body->data, body->len)) {
			buf_puts(out, ",\"body\":");
			buf_put_json_string(out, body->data, body->len);
		} else {
			buf_puts(out, ",\"body_base64\":\"");
			demo_put_base64(out, body->data, body->len);
			buf_putc(out, '"');
		}
		buf_putc(out, '}');
	}
	pthread_mutex_unlock(&last->lock);
}
