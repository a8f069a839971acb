#include "demo_choices.h"

#include "demo_json.h"

void
demo_choices_init(struct demo_answer *a, const struct demo_choice_format *f,
    uint64_t prompts)
{
	const struct demo_knobs *k = a->reply->knobs;
	uint64_t n = k->choices > 0 ? k->choices :
	    demo_json_number(a->body, "n", 1);

	/* A larger n is cut off first: the product must not overflow. */
	n = n < DEMO_CHOICES_MAX ? n * prompts : n;
	a->choices = n < DEMO_CHOICES_MAX ? n : DEMO_CHOICES_MAX;
	a->choice_format = f;
}

void
demo_choices_json(struct demo_answer *a, struct buf *out)
{
	a->choice_format->start(a, out);
	buf_puts(out, ",\"choices\":[");
	for (uint64_t i = 0; i < a->choices; i++) {
		if (i > 0)
			buf_putc(out, ',');
		a->choice_format->whole(a, out, i);
	}
	buf_puts(out, "]");
	if (a->reply->knobs->usage)
		demo_answer_put_usage(a, out);
	buf_puts(out, "}");
}

static int
send_usage(struct demo_stream *s, struct demo_answer *a)
{
	struct buf out;

	if (!a->stream_usage)
		return 0;
	buf_init(&out, 64 * 1024);
	a->choice_format->start(a, &out);
	buf_puts(&out, ",\"choices\":[]");
	demo_answer_put_usage(a, &out);
	buf_puts(&out, "}");
	return demo_stream_take(s, NULL, &out);
}

int
demo_choices_events(struct demo_stream *s, struct demo_answer *a)
{
	for (uint64_t i = 0; i < a->choices; i++) {
		if (a->choice_format->send(s, a, i) != 0)
			return -1;
	}
	if (send_usage(s, a) != 0)
		return -1;
	return demo_stream_last(s, &(struct demo_event){NULL, "[DONE]", 6});
}
