/*
 * What the fuzz targets of reshaping answers made of choices share: the
 * input is taken as a JSON answer and as a stream. An answer that may be
 * stored comes back equal from being a stream, or is refused; and so does
 * what is made of a stream that may be stored.
 */
#ifndef FUZZ_CHOICES_RESHAPE_H
#define FUZZ_CHOICES_RESHAPE_H

#include "judge.h"

#include "wire/payload.h"

static const struct wire_policy reshape_policy = {true, true};

/* Judge an answer that this program made: anything but good is a bug. */
static inline void
must_be_storable(const struct wire_format *format, const json_t *answer)
{
	json_t *usage;

	if (format->judge_json(answer, &reshape_policy, &usage) !=
	    WIRE_STORABLE || !format->owns_json(answer))
		abort();
	json_decref(usage);
}

/* Tool calls may lose the number that some servers put in JSON, too. */
static inline void
drop_tool_numbers(json_t *answer)
{
	json_t *choice, *tool;
	size_t i, k;

	json_array_foreach(json_object_get(answer, "choices"), i, choice) {
		json_array_foreach(json_object_get(json_object_get(choice,
		    "message"), "tool_calls"), k, tool)
			json_object_del(tool, "index");
	}
}

/* An answer out of a stream: new, or NULL when it is refused. */
static inline json_t *
answer_of(const struct wire_format *format, const char *stream, size_t len,
    json_t *usage)
{
	json_t *payloads = wire_payloads(stream, len), *answer = NULL;
	struct buf json;

	buf_init(&json, 1 << 24);
	if (payloads != NULL &&
	    format->to_json(&json, payloads, usage) == 0) {
		answer = json_loadb(json.data, json.len,
		    JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
		if (answer == NULL)
			abort();
		must_be_storable(format, answer);
	}
	json_decref(payloads);
	buf_fini(&json);
	return answer;
}

/* A storable answer, as a stream and back. */
static inline void
round_trip(enum wire_format_id id, const json_t *answer, bool ask)
{
	const struct wire_format *format = wire_format_get(id);
	json_t *want = json_deep_copy(answer), *back;
	struct buf stream;
	size_t events;

	buf_init(&stream, 1 << 24);
	if (format->to_stream(&stream, answer, ask) == 0) {
		if (!judge_stream(id, stream.data, stream.len, &events))
			abort();
		back = answer_of(format, stream.data, stream.len,
		    ask ? NULL : json_object_get(answer, "usage"));
		drop_tool_numbers(want);
		if (back != NULL && !json_equal(back, want))
			abort();
		json_decref(back);
	}
	json_decref(want);
	buf_fini(&stream);
}

static inline void
reshape_json(enum wire_format_id id, const char *text, size_t len)
{
	json_t *answer = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
	json_t *usage = NULL;

	if (answer != NULL && wire_format_get(id)->judge_json(answer,
	    &reshape_policy, &usage) == WIRE_STORABLE) {
		round_trip(id, answer, false);
		round_trip(id, answer, true);
	}
	json_decref(usage);
	json_decref(answer);
}

static inline void
reshape_choices(enum wire_format_id id, const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	json_t *answer;
	size_t events;

	reshape_json(id, text, size);
	if (!judge_stream(id, text, size, &events))
		return;
	answer = answer_of(wire_format_get(id), text, size, NULL);
	if (answer == NULL)
		return;
	round_trip(id, answer, false);
	round_trip(id, answer, true);
	json_decref(answer);
}

#endif
