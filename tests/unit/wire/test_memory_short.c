/*
 * Reshaping while memory is short: each of the allocations that Jansson
 * makes fails once, and what is made is whole, or refused.
 */
#include "golden.h"

#include "wire/payload.h"

enum { OUT_MAX = 1 << 24 };

/* The one allocation that fails is the one before which this many succeed. */
static long allocations_left;

static void *
scarce_malloc(size_t size)
{
	return allocations_left-- == 0 ? NULL : malloc(size);
}

/* Make the answer a stream, or the stream an answer, with one failure. */
static int
reshape_scarcely(const struct wire_format *format, struct buf *out,
    const json_t *value, long n)
{
	int rc;

	json_set_alloc_funcs(scarce_malloc, free);
	allocations_left = n;
	if (json_is_array(value))
		rc = format->to_json(out, value, NULL);
	else
		rc = format->to_stream(out, value, true);
	json_set_alloc_funcs(malloc, free);
	return rc;
}

static void
check(const struct wire_format *format, const json_t *value)
{
	struct buf want, out;
	long n = 0;

	buf_init(&want, OUT_MAX);
	assert_int_equal(reshape_scarcely(format, &want, value, -1), 0);
	do {
		buf_init(&out, OUT_MAX);
		if (reshape_scarcely(format, &out, value, n++) == 0)
			assert_string_equal(out.data, want.data);
		buf_fini(&out);
	} while (allocations_left < 0);
	buf_fini(&want);
}

/* An answer to a stream and back. */
static void
check_fixture(enum wire_format_id id, const char *dir, const char *name)
{
	const struct wire_format *format = wire_format_get(id);
	json_t *answer, *payloads;
	struct buf stream;
	size_t len;
	char *bytes = fixture_read(dir, name, &len);

	answer = json_loadb(bytes, len, JSON_ALLOW_NUL, NULL);
	buf_init(&stream, OUT_MAX);
	assert_int_equal(format->to_stream(&stream, answer, true), 0);
	payloads = wire_payloads(stream.data, stream.len);
	check(format, answer);
	check(format, payloads);
	json_decref(payloads);
	json_decref(answer);
	buf_fini(&stream);
	free(bytes);
}

#define CHECK_ALL(id, dir, ...)                                                \
	do {                                                                   \
		static const char *const names[] = {__VA_ARGS__};              \
		size_t i;                                                      \
                                                                               \
		for (i = 0; i < N_OF(names); i++)                              \
			check_fixture(id, dir, names[i]);                      \
	} while (0)

static void
test_chat(void **state)
{
	(void)state;
	CHECK_ALL(WIRE_CHAT, "chat", "openai.json", "choices.json",
	    "logprobs.json", "logprobs-refusal.json", "tools-many.json",
	    "function-call.json", "groq.json");
}

static void
test_completions(void **state)
{
	(void)state;
	CHECK_ALL(WIRE_COMPLETIONS, "completions", "plain.json",
	    "choices.json", "logprobs.json", "vllm.json");
}

/*
 * No calls of tools: their input is parsed, and Jansson's reader itself
 * loses bytes of a string then.
 */
static void
test_messages(void **state)
{
	(void)state;
	CHECK_ALL(WIRE_MESSAGES, "messages", "plain.json", "thinking.json",
	    "container.json", "white-space.json", "unknown-block.json");
}

static void
test_responses(void **state)
{
	(void)state;
	CHECK_ALL(WIRE_RESPONSES, "responses", "search.json",
	    "reasoning.json", "tools.json");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_chat),
	    cmocka_unit_test(test_completions),
	    cmocka_unit_test(test_messages),
	    cmocka_unit_test(test_responses),
	};

	return cmocka_run_group_tests_name("wire, memory short", tests, NULL,
	    NULL);
}
