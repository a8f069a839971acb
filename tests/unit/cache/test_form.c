/* What makes two forms the same question. */
#include "cache/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static enum wire_verdict
wants_file_and_model(const json_t *form)
{
	return json_is_true(json_object_get(form, "file")) &&
	    json_is_string(json_object_get(form, "model")) ?
	    WIRE_STORABLE : WIRE_BODY_SHAPE;
}

static const struct wire_format format = {
    .name = "form", .judge_request = wants_file_and_model};

#define TEXT(n, c) {.name = n, .content = c, .len = sizeof(c) - 1}
#define FILE_PART(n, c)                                                        \
	{.name = n, .is_file = true, .content = c, .len = sizeof(c) - 1}

#define THE_FILE FILE_PART("file", "RIFF\0x")
#define MODEL TEXT("model", "whisper-1")
#define LANGUAGE TEXT("language", "de")

static const struct cache_form_part base[] = {THE_FILE, MODEL, LANGUAGE};

static struct cache_body
read_parts(const struct cache_form_part *parts, size_t n)
{
	struct cache_body body;

	assert_int_equal(cache_form_read(&body, parts, n, &format, NULL), 0);
	return body;
}

static bool
same(const struct cache_body *a, const struct cache_body *b)
{
	return memcmp(a->digest, b->digest, DIGEST_BYTES) == 0 &&
	    a->stream == b->stream;
}

static void
test_facts(void **state)
{
	struct cache_body body = read_parts(base, 3);

	(void)state;
	assert_int_equal(body.verdict, WIRE_STORABLE);
	assert_string_equal(body.model, "whisper-1");
	assert_false(body.stream);
	body = read_parts(base, 1);
	assert_int_equal(body.verdict, WIRE_BODY_SHAPE);
	body = read_parts(base, 0);
	assert_int_equal(body.verdict, WIRE_BODY_SHAPE);
}

static void
test_any_order_is_the_same(void **state)
{
	static const int orders[][3] = {{0, 2, 1}, {1, 0, 2}, {1, 2, 0},
	    {2, 0, 1}, {2, 1, 0}};
	struct cache_body whole = read_parts(base, 3), body;
	struct cache_form_part parts[3];
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		for (j = 0; j < 3; j++)
			parts[j] = base[orders[i][j]];
		body = read_parts(parts, 3);
		assert_true(same(&whole, &body));
	}
}
/* One reader takes the first of them, another the last. */
static void
test_the_order_of_parts_of_one_name_counts(void **state)
{
	static const struct cache_form_part a[] = {THE_FILE, MODEL,
	    TEXT("prompt", "a"), TEXT("prompt", "b")};
	static const struct cache_form_part b[] = {THE_FILE, MODEL,
	    TEXT("prompt", "b"), TEXT("prompt", "a")};
	static const struct cache_form_part a_elsewhere[] = {
	    TEXT("prompt", "a"), MODEL, TEXT("prompt", "b"), THE_FILE};
	struct cache_body ab = read_parts(a, 4), ba = read_parts(b, 4);
	struct cache_body moved = read_parts(a_elsewhere, 4);

	(void)state;
	assert_false(same(&ab, &ba));
	assert_true(same(&ab, &moved));
}

static void
test_every_difference_counts(void **state)
{
	static const struct cache_form_part changed[][3] = {
	    {FILE_PART("file", "RIFF\0y"), MODEL, LANGUAGE},
	    {FILE_PART("File", "RIFF\0x"), MODEL, LANGUAGE},
	    {TEXT("file", "RIFF\0x"), MODEL, LANGUAGE},
	    {FILE_PART("file", "RIFF"), MODEL, LANGUAGE},
	    {THE_FILE, TEXT("model", "whisper-2"), LANGUAGE},
	    {THE_FILE, MODEL, TEXT("language", "en")},
	    {THE_FILE, MODEL, TEXT("language", "")},
	    {THE_FILE, MODEL, TEXT("lang", "de")},
	    {THE_FILE, MODEL, MODEL},
	    {{.name = "file", .is_file = true, .content = "RIFF\0x", .len = 6,
		.parameters = ";rate=8000", .parameters_len = 10},
		MODEL, LANGUAGE},
	};
	struct cache_body all[11];
	size_t i, j;

	(void)state;
	all[0] = read_parts(base, 3);
	for (i = 0; i < 10; i++)
		all[i + 1] = read_parts(changed[i], 3);
	for (i = 0; i < 11; i++) {
		for (j = 0; j < i; j++) {
			if (same(&all[i], &all[j]))
				fail_msg("forms %zu and %zu", i, j);
		}
	}
}

static void
test_stream_is_a_dimension(void **state)
{
	static const struct cache_form_part yes = TEXT("stream", "true"),
	    no = TEXT("stream", "false"), other = TEXT("stream", "1");
	struct cache_form_part parts[5] = {base[0], base[1], base[2], no};
	struct cache_body plain = read_parts(base, 3);
	struct cache_body body = read_parts(parts, 4), twice;

	(void)state;
	assert_true(same(&plain, &body));
	parts[3] = yes;
	body = read_parts(parts, 4);
	assert_true(body.stream);
	assert_memory_equal(body.digest, plain.digest, DIGEST_BYTES);
	/* What another reader may take differently is no dimension. */
	parts[4] = no;
	twice = read_parts(parts, 5);
	assert_memory_not_equal(twice.digest, plain.digest, DIGEST_BYTES);
	parts[3] = other;
	body = read_parts(parts, 4);
	assert_false(body.stream);
	assert_memory_not_equal(body.digest, plain.digest, DIGEST_BYTES);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_facts),
	    cmocka_unit_test(test_any_order_is_the_same),
	    cmocka_unit_test(test_the_order_of_parts_of_one_name_counts),
	    cmocka_unit_test(test_every_difference_counts),
	    cmocka_unit_test(test_stream_is_a_dimension),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
