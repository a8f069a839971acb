#include "demo_choices.h"

#include "demo_json.h"

void
demo_choices_count(struct demo_answer *a, uint64_t prompts)
{
	const struct demo_knobs *k = a->reply->knobs;
	uint64_t n = k->choices > 0 ? k->choices :
	    demo_json_number(a->body, "n", 1);

	/* A larger n is cut off first: the product must not overflow. */
	n = n < DEMO_CHOICES_MAX ? n * prompts : n;
	a->choices = n < DEMO_CHOICES_MAX ? n : DEMO_CHOICES_MAX;
}

void
demo_choices_json(struct demo_answer *a, struct buf *out,
    const struct demo_choices *f)
{
	f->start(a, out);
	buf_puts(out, ",\"choices\":[");
	for (uint64_t i = 0; i < a->choices; i++) {
		if (i > 0)
			buf_putc(out, ',');
		f->whole(a, out, i);
	}
	buf_puts(out, "]");
	if (a->reply->knobs->usage)
		demo_answer_put_usage(a, out);
	buf_puts(out, "}");
}

static int
send_usage(struct demo_stream *s, struct demo_answer *a,
    const struct demo_choices *f)
{
	struct buf out;

	if (!a->stream_usage)
		return 0;
	buf_init(&out, 64 * 1024);
	f->start(a, &out);
	buf_puts(&out, ",\"choices\":[]");
	demo_answer_put_usage(a, &out);
	buf_puts(&out, "}");
	return demo_stream_take(s, NULL, &out);
}

int
demo_choices_events(struct demo_stream *s, struct demo_answer *a,
    const struct demo_choices *f)
{
	for (uint64_t i = 0; i < a->choices; i++) {
		if (f->send(s, a, i) != 0)
			return -1;
	}
	if (send_usage(s, a, f) != 0)
		return -1;
	return demo_stream_last(s, &(struct demo_event){NULL, "[DONE]", 6});
}
