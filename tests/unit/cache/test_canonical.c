/*
 * The canonical form of requests: two texts share a digest exactly when
 * they mean the same question.
 */
#include "cache/canonical.h"

#include "body_check.h"
#include "json_speller.h"

#include <stdlib.h>

enum { ROUNDS = 2000 };

static bool
same_question(const char *a, const char *b)
{
	struct cache_body x = read_text(a), y = read_text(b);

	assert_storable(&x);
	assert_storable(&y);
	return same_digest(&x, &y) && x.stream == y.stream;
}

static void
test_canonical_text(void **state)
{
	const char *text = " {\"messages\" : [ {\"role\":\"user\"} , 1.50, "
	    "1E2,\t-7 ],\n\"b\\u0041\":\"\\u00e9\\/\\u0007\\ud83d\\ude00\","
	    "\"model\":\"gpt-4o\",\"stream\":true,\"\":null,\"B\":false}\r\n";
	struct buf form;
	struct cache_body body;

	(void)state;
	buf_init(&form, TEXT_MAX);
	assert_int_equal(cache_body_read(&body, text, strlen(text),
	    wire_format_get(WIRE_CHAT), &form), 0);
	assert_storable(&body);
	assert_true(body.stream);
	assert_string_equal(body.model, "gpt-4o");
	assert_string_equal(form.data, "{\"\":null,\"B\":false,"
	    "\"bA\":\"\xc3\xa9/\\u0007\xf0\x9f\x98\x80\","
	    "\"messages\":[{\"role\":\"user\"},1.5,100.0,-7],"
	    "\"model\":\"gpt-4o\"}");
	buf_fini(&form);
}

/*
 * Questions of every length up to some pages, as long as real ones are: the
 * form holds all of the text, and the digest is of just that.
 */
static void
test_long_text_counts_to_its_end(void **state)
{
	enum { LONGEST = 9000 };
	uint8_t digest[DIGEST_BYTES];
	struct cache_body body;
	struct buf text, form;
	int len, i;

	(void)state;
	buf_init(&text, TEXT_MAX);
	buf_init(&form, TEXT_MAX);
	for (len = 0; len < LONGEST; len += len < 4000 ? 100 : 1) {
		buf_reset(&text);
		buf_reset(&form);
		buf_puts(&text, "{\"messages\":[\"");
		for (i = 0; i < len; i++)
			buf_putc(&text, (char)('a' + i % 23));
		buf_puts(&text, "\"],\"model\":\"m\"}");
		assert_int_equal(cache_body_read(&body, text.data, text.len,
		    wire_format_get(WIRE_CHAT), &form), 0);
		assert_storable(&body);
		assert_string_equal(form.data, text.data);
		digest_sha256(text.data, text.len, digest);
		assert_memory_equal(body.digest, digest, DIGEST_BYTES);
	}
	buf_fini(&form);
	buf_fini(&text);
}

static void
test_canonical_text_that_does_not_fit_fails(void **state)
{
	struct buf form;
	struct cache_body body;

	(void)state;
	buf_init(&form, 10);
	assert_int_equal(cache_body_read(&body, START "}", strlen(START "}"),
	    wire_format_get(WIRE_CHAT), &form), -1);
	buf_fini(&form);
}

/* Every spelling of one value has the digest of every other. */
static void
test_spelling_does_not_matter(void **state)
{
	struct rng r = {20240601};
	struct buf text;
	struct cache_body first, other;
	json_t *root;
	int i, j;

	(void)state;
	buf_init(&text, TEXT_MAX);
	for (i = 0; i < ROUNDS / 4; i++) {
		root = random_request(&r);
		for (j = 0; j < 4; j++) {
			buf_reset(&text);
			spell(&r, &text, root);
			other = read_bytes(text.data, text.len);
			assert_storable(&other);
			if (j == 0)
				first = other;
			if (!same_digest(&first, &other))
				fail_msg("round %d: %s", i, text.data);
			assert_int_equal(first.stream, other.stream);
		}
		json_decref(root);
	}
	buf_fini(&text);
}

/*
 * Small values come up twice often enough: digests are equal just when the
 * values are.
 */
static void
test_digests_are_equal_just_when_values_are(void **state)
{
	enum { N = 250 };
	struct rng r = {7};
	struct buf text;
	struct cache_body body[N];
	json_t *root[N];
	int i, j, equal = 0;

	(void)state;
	buf_init(&text, TEXT_MAX);
	for (i = 0; i < N; i++) {
		root[i] = json_object();
		json_object_set_new(root[i], "model", json_string("m"));
		json_object_set_new(root[i], "messages", json_array());
		json_object_set_new(root[i], "x", random_value(&r, 1));
		buf_reset(&text);
		spell(&r, &text, root[i]);
		body[i] = read_bytes(text.data, text.len);
		assert_storable(&body[i]);
		for (j = 0; j < i; j++) {
			assert_int_equal(json_equal(root[i], root[j]),
			    same_digest(&body[i], &body[j]));
			equal += json_equal(root[i], root[j]);
		}
	}
	assert_true(equal > N / 10);
	for (i = 0; i < N; i++)
		json_decref(root[i]);
	buf_fini(&text);
}

static void replace_leaf(json_t *v, size_t *n);

static void
replace_or_descend(json_t *v, size_t *n, json_t *parent, const char *key,
    size_t index)
{
	if (json_is_object(v) || json_is_array(v)) {
		replace_leaf(v, n);
	} else if ((*n)-- == 0) {
		if (key != NULL)
			json_object_set_new(parent, key, json_string("other"));
		else
			json_array_set_new(parent, index, json_string("other"));
	}
}

/* Put "other" in place of the n-th leaf; *n passes below 0 when done. */
static void
replace_leaf(json_t *v, size_t *n)
{
	const char *key;
	json_t *member;
	void *tmp;
	size_t i;

	if (json_is_array(v)) {
		json_array_foreach(v, i, member)
			replace_or_descend(member, n, v, NULL, i);
		return;
	}
	json_object_foreach_safe(v, tmp, key, member)
		replace_or_descend(member, n, v, key, 0);
}

/* Each leaf of each of many requests is in the digest. */
static void
test_every_leaf_counts(void **state)
{
	struct rng r = {99};
	struct cache_body before, after;
	struct buf text;
	json_t *root, *changed;
	size_t leaf, n;
	int i, changes = 0;

	(void)state;
	buf_init(&text, TEXT_MAX);
	for (i = 0; i < ROUNDS / 10; i++) {
		root = random_request(&r);
		json_object_del(root, "stream");
		buf_reset(&text);
		spell(&r, &text, root);
		before = read_bytes(text.data, text.len);
		for (leaf = 0;; leaf++) {
			changed = json_deep_copy(root);
			n = leaf;
			replace_leaf(changed, &n);
			if (n <= leaf) {
				json_decref(changed);
				break;
			}
			buf_reset(&text);
			spell(&r, &text, changed);
			after = read_bytes(text.data, text.len);
			assert_storable(&after);
			assert_false(same_digest(&before, &after));
			json_decref(changed);
			changes++;
		}
		json_decref(root);
	}
	assert_true(changes > ROUNDS / 10);
	buf_fini(&text);
}

static void
test_what_makes_another_question(void **state)
{
	static const char *const all[] = {START "}", WITH("1"), WITH("1.0"),
	    WITH("\"1\""), WITH("true"), WITH("null"), WITH("\"\""),
	    WITH("[]"), WITH("{}"), WITH("[1,2]"), WITH("[2,1]"),
	    WITH("[1,2,null]"), WITH("[[1],2]"), WITH("[[1,2]]"),
	    WITH("[12]"), WITH("0.0"), WITH("-0.0"), WITH("0"),
	    WITH("{\"a\":1}"), WITH("{\"A\":1}"), WITH("{\"a\":{\"b\":1}}"),
	    WITH("{\"a\":{},\"b\":1}"), WITH("\"a\""), WITH("\"A\""),
	    WITH("\"a \""), WITH("\"\\u0000\""), WITH("\"\\u0000\\u0000\""),
	    WITH("\"a\\u0000\""), WITH("\"\xc3\xa9\""),
	    WITH("\"e\xcc\x81\""), /* the same e acute in two characters */
	    WITH("\"\\\\u0041\""), WITH("9007199254740993"),
	    WITH("9007199254740992"), WITH("9007199254740992.0"),
	    START ",\"y\":1}", START ",\"stream\":\"true\"}",
	    START ",\"stream\":1}", START ",\"stream\":0}",
	    START ",\"stream\":[]}", START ",\"stream\":{}}",
	    START ",\"Stream\":true}", START ",\"x\":{\"stream\":true}}",
	    START ",\"x\":{\"stream\":false}}",
	    START ",\"x\":{\"stream_options\":1}}",
	    "{\"model\":\"m2\",\"messages\":[]}",
	    "{\"model\":\"m\",\"messages\":[{}]}"};
	size_t n = sizeof(all) / sizeof(all[0]), i, j;

	(void)state;
	for (i = 0; i < n; i++) {
		for (j = 0; j < i; j++) {
			if (same_question(all[i], all[j]))
				fail_msg("%s is %s", all[i], all[j]);
		}
	}
}

static void
test_stream_is_a_dimension(void **state)
{
	struct cache_body off = read_text(START "}");
	struct cache_body on = read_text(START ",\"stream\":true}");

	(void)state;
	assert_storable(&off);
	assert_storable(&on);
	assert_false(off.stream);
	assert_true(on.stream);
	assert_true(same_question(START "}", START ",\"stream\":false}"));
	assert_true(same_question(START "}", START ",\"stream\":null}"));
	assert_false(same_question(START "}", START ",\"stream\":true}"));
	assert_false(read_text(START ",\"stream\":\"true\"}").stream);
	assert_false(read_text(START ",\"stream\":1}").stream);
}

static void
test_stream_options_count_when_streaming(void **state)
{
#define ON START ",\"stream\":true"
#define USAGE(v) ",\"stream_options\":{\"include_usage\":" v "}}"
	(void)state;
	assert_false(same_question(ON "}", ON USAGE("true")));
	assert_false(same_question(ON "}", ON USAGE("false")));
	assert_false(same_question(ON USAGE("false"), ON USAGE("true")));
	assert_false(same_question(ON ",\"stream_options\":{}}", ON "}"));
	assert_false(same_question(ON ",\"stream_options\":{\"n\":1}}",
	    ON ",\"stream_options\":{\"n\":2}}"));
	assert_false(same_question(ON ",\"stream_options\":null}", ON "}"));
	assert_false(same_question(ON ",\"stream_options\":7}",
	    ON ",\"stream_options\":\"7\"}"));
	assert_true(same_question(START "}", START USAGE("true")));
	assert_true(same_question(START "}",
	    START ",\"stream\":false" USAGE("true")));
	assert_true(same_question(START ",\"stream\":null}",
	    START ",\"stream_options\":7}"));
}

static void
test_model_is_copied_when_it_fits(void **state)
{
	char name[CACHE_MODEL_MAX + 1], text[600];
	size_t len;

	(void)state;
	for (len = CACHE_MODEL_MAX - 2; len <= CACHE_MODEL_MAX; len++) {
		memset(name, 'n', len);
		name[len] = '\0';
		snprintf(text, sizeof(text),
		    "{\"model\":\"%s\",\"messages\":[]}", name);
		assert_string_equal(read_text(text).model,
		    len < CACHE_MODEL_MAX ? name : "");
		assert_true(read_text(text).verdict == WIRE_STORABLE);
	}
	assert_string_equal(
	    read_text("{\"model\":\"a\\u0000b\",\"messages\":[]}").model, "");
}

static const char sample[] = SAMPLE;

/* Any one byte changed: no key, or that of what the text now means. */
static void
test_every_changed_byte(void **state)
{
	struct cache_body whole = read_text(sample), body;
	json_t *before = json_loads(sample, 0, NULL), *after;
	char text[sizeof(sample)];
	size_t i;
	int c, storable = 0;

	(void)state;
	for (i = 0; i < sizeof(sample) - 1; i++) {
		for (c = 0; c < 256; c++) {
			memcpy(text, sample, sizeof(text));
			text[i] = (char)c;
			body = read_bytes(text, sizeof(text) - 1);
			if (body.verdict != WIRE_STORABLE)
				continue;
			storable++;
			after = json_loads(text, JSON_ALLOW_NUL, NULL);
			assert_non_null(after);
			assert_int_equal(json_equal(before, after),
			    same_digest(&whole, &body) &&
			    whole.stream == body.stream);
			json_decref(after);
		}
	}
	assert_true(storable > 1000);
	json_decref(before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_canonical_text),
	    cmocka_unit_test(test_long_text_counts_to_its_end),
	    cmocka_unit_test(test_canonical_text_that_does_not_fit_fails),
	    cmocka_unit_test(test_spelling_does_not_matter),
	    cmocka_unit_test(test_digests_are_equal_just_when_values_are),
	    cmocka_unit_test(test_every_leaf_counts),
	    cmocka_unit_test(test_what_makes_another_question),
	    cmocka_unit_test(test_stream_is_a_dimension),
	    cmocka_unit_test(test_stream_options_count_when_streaming),
	    cmocka_unit_test(test_model_is_copied_when_it_fits),
	    cmocka_unit_test(test_every_changed_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
