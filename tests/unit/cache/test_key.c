/* The key of an entry: every part changes it, nothing else does. */
#include "cache/key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t scope_a[DIGEST_BYTES] = {1};
static const uint8_t scope_b[DIGEST_BYTES] = {[31] = 1};
static const uint8_t scope_zero[DIGEST_BYTES];

static const struct text_pair headers[] = {
    {"anthropic-version", "2023-06-01"},
    {"openai-beta", "assistants=v2"},
    {"openai-beta", "responses=v1"},
};

static const struct cache_body plain_body = {.digest = {7}};

static const struct cache_key_parts base = {
	.method = "POST",
	.path = "/v1/chat/completions",
	.upstream_name = "openai",
	.upstream_url = "https://api.openai.com",
	.namespace = "default",
	.scope = scope_a,
	.headers = headers,
	.n_headers = 3,
	.body = &plain_body,
};

struct key {
	uint8_t bytes[CACHE_KEY_BYTES];
};

static struct key
key_of(const struct cache_key_parts *parts)
{
	struct key k;

	assert_int_equal(cache_key(k.bytes, parts), 0);
	return k;
}

static bool
same(const struct key *a, const struct key *b)
{
	return memcmp(a->bytes, b->bytes, CACHE_KEY_BYTES) == 0;
}

static void
test_same_parts_same_key(void **state)
{
	struct cache_key_parts copy = base;
	struct cache_body body = plain_body;
	struct key a, b;

	(void)state;
	/* What is not of the question is not in the key. */
	memset(body.why, 'w', sizeof(body.why) - 1);
	strncpy(body.model, "m", sizeof(body.model) - 1);
	copy.body = &body;
	a = key_of(&base);
	b = key_of(&copy);
	assert_true(same(&a, &b));
}

static void
add_key(struct key *keys, size_t *n, const struct cache_key_parts *parts)
{
	keys[(*n)++] = key_of(parts);
}

#define ADD(...)                                                               \
	do {                                                                   \
		struct cache_key_parts p = base;                               \
		__VA_ARGS__;                                                   \
		add_key(keys, &n, &p);                                         \
	} while (0)

static void
test_every_part_changes_the_key(void **state)
{
	static const struct cache_body streaming = {
	    .stream = true, .digest = {7}};
	static const struct cache_body with_options = {
	    .stream = true, .digest = {7}, .has_options = true};
	static const struct cache_body other = {.digest = {8}};
	static const struct cache_body last_byte = {.digest = {7, [31] = 1}};
	struct key keys[32];
	size_t n = 0, i, j;

	(void)state;
	ADD((void)p);
	ADD(p.method = "GET");
	ADD(p.method = "post");
	ADD(p.path = "/v1/completions");
	ADD(p.path = "");
	ADD(p.query = "");
	ADD(p.query = "a=1");
	ADD(p.query = "a=2");
	ADD(p.upstream_name = "azure");
	ADD(p.upstream_url = "https://api.openai.com/");
	ADD(p.namespace = "Default");
	ADD(p.namespace = "");
	ADD(p.scope = scope_b);
	ADD(p.scope = scope_zero);
	ADD(p.scope = NULL);
	ADD(p.n_headers = 2);
	ADD(p.n_headers = 1);
	ADD(p.n_headers = 0);
	ADD(p.body = &streaming);
	ADD(p.body = &with_options);
	ADD(p.body = &other);
	ADD(p.body = &last_byte);
	for (i = 0; i < n; i++) {
		for (j = 0; j < i; j++) {
			if (same(&keys[i], &keys[j]))
				fail_msg("variants %zu and %zu", i, j);
		}
	}
}

/* Text moved from one field to the next, at every place. */
static void
test_fields_do_not_run_together(void **state)
{
	static const char text[] = "abcabcab";
	char a[16], b[16];
	struct key keys[5 * sizeof(text)];
	struct text_pair pair = {a, b};
	size_t n = 0, i, j;

	(void)state;
	for (i = 0; i < sizeof(text); i++) {
		snprintf(a, sizeof(a), "%.*s", (int)i, text);
		snprintf(b, sizeof(b), "%s", text + i);
		ADD(p.method = a, p.path = b);
		ADD(p.path = a, p.query = b);
		ADD(p.upstream_name = a, p.upstream_url = b);
		ADD(p.upstream_url = a, p.namespace = b);
		ADD(p.headers = &pair, p.n_headers = 1);
	}
	for (i = 0; i < n; i++) {
		for (j = 0; j < i; j++)
			assert_false(same(&keys[i], &keys[j]));
	}
}

static void
test_header_lists_do_not_run_together(void **state)
{
	static const struct text_pair lists[][2] = {
	    {{"a", "b"}, {"c", "d"}}, {{"a", "bc"}, {"d", ""}},
	    {{"ab", ""}, {"c", "d"}}, {{"a", "b"}, {"c", ""}},
	    {{"a", "b"}, {"a", "b"}}, {{"a", "d"}, {"c", "b"}},
	    {{"a", "b"}, {"c", NULL}}, {{"a", "B"}, {"c", "d"}}};
	struct key keys[16];
	size_t n = 0, i, j;

	(void)state;
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		ADD(p.headers = lists[i], p.n_headers = 2);
	ADD(p.headers = lists[0], p.n_headers = 1);
	for (i = 0; i < n; i++) {
		for (j = 0; j < i; j++)
			assert_false(same(&keys[i], &keys[j]));
	}
}

static void
test_header_order_and_case_do_not_matter(void **state)
{
	static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
	    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct text_pair shuffled[3];
	struct cache_key_parts p = base;
	struct key a = key_of(&base), b;
	size_t i, j;

	(void)state;
	p.headers = shuffled;
	for (i = 0; i < 6; i++) {
		for (j = 0; j < 3; j++)
			shuffled[j] = headers[orders[i][j]];
		b = key_of(&p);
		assert_true(same(&a, &b));
	}
	shuffled[0].name = "OpenAI-Beta";
	b = key_of(&p);
	assert_true(same(&a, &b));
}

static void
test_long_header_names(void **state)
{
	char name[300];
	struct text_pair pair = {name, "v"};
	struct key keys[sizeof(name)];
	size_t n = 0, len, i;

	(void)state;
	for (len = 0; len < sizeof(name) - 1; len++) {
		memset(name, 'n', len);
		name[len] = '\0';
		ADD(p.headers = &pair, p.n_headers = 1);
		for (i = 0; i < len; i++)
			assert_false(same(&keys[i], &keys[len]));
	}
}

static void
test_a_body_without_digest_has_no_key(void **state)
{
	static const struct cache_body odd = {.verdict = WIRE_BODY_NUMBER};
	static const struct cache_body malformed = {.malformed = true};
	static const uint8_t zero[CACHE_KEY_BYTES];
	struct cache_key_parts p = base;
	uint8_t key[CACHE_KEY_BYTES];

	(void)state;
	p.body = &odd;
	assert_int_equal(cache_key(key, &p), -1);
	assert_memory_equal(key, zero, sizeof(key));
	p.body = &malformed;
	assert_int_equal(cache_key(key, &p), -1);
}

/* A key that changes by accident orphans every entry stored before. */
static void
test_key_is_the_same_for_ever(void **state)
{
	char hex[CACHE_KEY_HEX];
	struct key k = key_of(&base);

	(void)state;
	text_hex(k.bytes, sizeof(k.bytes), hex);
	assert_string_equal(hex, "207691bfb4e2fe5e18c721d743774f17"
	    "c24898f3687e469a457278de2142b93a");
}

static void
test_namespaces(void **state)
{
	char ns[CACHE_NAMESPACE_MAX + 2], one[2] = "";
	int c;

	(void)state;
	for (c = 1; c < 256; c++) {
		one[0] = (char)c;
		assert_int_equal(cache_namespace_ok(one), c > 0x20 && c < 0x7f);
	}
	assert_false(cache_namespace_ok(""));
	assert_true(cache_namespace_ok("team:a/b"));
	assert_false(cache_namespace_ok("team a"));
	assert_false(cache_namespace_ok("team\n"));
	memset(ns, 'n', sizeof(ns));
	ns[CACHE_NAMESPACE_MAX] = '\0';
	assert_true(cache_namespace_ok(ns));
	ns[CACHE_NAMESPACE_MAX] = 'n';
	ns[CACHE_NAMESPACE_MAX + 1] = '\0';
	assert_false(cache_namespace_ok(ns));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_same_parts_same_key),
	    cmocka_unit_test(test_every_part_changes_the_key),
	    cmocka_unit_test(test_fields_do_not_run_together),
	    cmocka_unit_test(test_header_lists_do_not_run_together),
	    cmocka_unit_test(test_header_order_and_case_do_not_matter),
	    cmocka_unit_test(test_long_header_names),
	    cmocka_unit_test(test_a_body_without_digest_has_no_key),
	    cmocka_unit_test(test_key_is_the_same_for_ever),
	    cmocka_unit_test(test_namespaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
