/*
 * Random answers made of choices, and streams of them as other makers cut
 * them, which must come back as they were. A failing one names its seed.
 */
#ifndef TEST_RANDOM_CHOICES_H
#define TEST_RANDOM_CHOICES_H

#include "random_json.h"
#include "reshaping.h"

/* The bytes of a random beginning of a text, at a character's border. */
static inline size_t
random_cut(struct rng *r, const char *text, size_t len)
{
	size_t n = 1 + rng_below(r, len < 12 ? len : 12);

	while (n < len && ((unsigned char)text[n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* A text as an array of random pieces. */
static inline json_t *
random_pieces(struct rng *r, const json_t *text)
{
	const char *s = json_string_value(text);
	size_t left = json_string_length(text), n;
	json_t *pieces = json_array();

	for (; left > 0; s += n, left -= n) {
		n = random_cut(r, s, left);
		json_array_append_new(pieces, json_stringn(s, n));
	}
	return pieces;
}

/* A usage object. */
static inline json_t *
random_usage(struct rng *r)
{
	json_t *usage = json_pack("{s:i, s:i, s:i}", "prompt_tokens", 9,
	    "completion_tokens", (int)rng_below(r, 100), "total_tokens", 13);

	if (rng_below(r, 2) == 0)
		json_object_set_new(usage, "details", random_value(r, 2));
	return usage;
}

/* ---- answers ---- */

typedef json_t *random_choice_fn(struct rng *r, json_int_t index);
typedef json_t *random_logprobs_fn(struct rng *r, const json_t *choice);

/* What a choice may have besides: logprobs, and what nobody knows. */
static inline void
add_members(struct rng *r, json_t *choice, random_logprobs_fn *logprobs)
{
	switch (rng_below(r, 4)) {
	case 0:
		json_object_set_new(choice, "logprobs", json_null());
		break;
	case 1:
		json_object_set_new(choice, "logprobs", logprobs(r, choice));
		break;
	default:
		break;
	}
	if (rng_below(r, 2) == 0)
		json_object_set_new(choice, "stop_reason", random_value(r, 2));
}

/* An answer of up to three choices, whose indices may have gaps. */
static inline json_t *
random_choices(struct rng *r, const char *object, random_choice_fn *choice)
{
	json_t *choices = json_array();
	json_int_t index = (json_int_t)rng_below(r, 2);
	size_t n;

	for (n = 1 + rng_below(r, 3); n > 0; n--) {
		json_array_append_new(choices, choice(r, index));
		index += 1 + (json_int_t)rng_below(r, 2);
	}
	return json_pack("{s:s, s:s, s:i, s:s, s:o}", "id", "c-1", "object",
	    object, "created", 7, "model", "m", "choices", choices);
}

/*
 * The payloads of a stream out of queues of choices, each in its order but
 * mixed with the others (they are used up); head: what each is a copy of.
 */
static inline json_t *
random_mix(struct rng *r, json_t *queues, json_t *head)
{
	json_t *payloads = json_array(), *queue, *chunk;
	size_t i;

	while (json_array_size(queues) > 0) {
		i = rng_below(r, json_array_size(queues));
		queue = json_array_get(queues, i);
		chunk = json_copy(head);
		json_object_set_new(chunk, "choices",
		    json_pack("[O]", json_array_get(queue, 0)));
		json_array_append_new(payloads, chunk);
		json_array_remove(queue, 0);
		if (json_array_size(queue) == 0)
			json_array_remove(queues, i);
	}
	json_decref(queues);
	return payloads;
}

/* ---- round trips ---- */

struct random_set {
	enum wire_format_id id;
	size_t rounds;
	json_t *(*answer)(struct rng *r);
	json_t *(*cut)(struct rng *r, json_t *answer);
	void (*check)(const json_t *payloads); /* of a made stream */
	say_choice_fn *say;
	bool usage_beside; /* what is cut has no usage in it */
};

static inline bool
is_storable(const struct random_set *set, const json_t *answer)
{
	return golden_judge_value(set->id, answer, &golden_lax, NULL) ==
	    WIRE_STORABLE;
}

/* From JSON to stream and back; of how many: those that are stored. */
static inline size_t
check_random_answers(const struct random_set *set)
{
	json_t *answer, *payloads;
	size_t seed, made = 0;
	char name[32];

	for (seed = 1; seed <= set->rounds; seed++) {
		struct rng r = rng_new(seed);

		snprintf(name, sizeof(name), "seed %zu", seed);
		answer = set->answer(&r);
		if (is_storable(set, answer)) {
			check_json_round_trip(set->id, name, answer, answer);
			payloads = stream_of(set->id, name, answer, false);
			check_chunks(answer, payloads, false);
			set->check(payloads);
			json_decref(payloads);
			made++;
		}
		json_decref(answer);
	}
	return made;
}

/* From a stream as others cut it to JSON, and back. As above. */
static inline size_t
check_random_streams(const struct random_set *set)
{
	json_t *answer, *payloads, *got;
	size_t seed, made = 0;
	struct buf text;
	char name[32];

	for (seed = 1; seed <= set->rounds; seed++) {
		struct rng r = rng_new(seed * 7919);

		snprintf(name, sizeof(name), "seed %zu", seed);
		answer = set->answer(&r);
		payloads = set->cut(&r, answer);
		if (is_storable(set, answer)) {
			got = json_from(set->id, payloads, set->usage_beside ?
			    json_object_get(answer, "usage") : NULL);
			expect_equal(name, got, answer);
			json_decref(got);
			put_stream(&text, payloads);
			check_stream_round_trip(set->id, name, text.data,
			    text.len, set->say);
			buf_fini(&text);
			made++;
		}
		json_decref(payloads);
		json_decref(answer);
	}
	return made;
}

#endif
