/*
 * Embeddings taken apart and put together: any mix of cached and fetched
 * inputs gives what the upstream alone would have given.
 */
#include "../base/random.h"
#include "fixture.h"
#include "embeddings_rules.h"

#include "wire/usage.h"

#include <dirent.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

/* The text is given exactly as long as it is: a byte more is a fault. */
static void
expect_rules(const char *name, const char *text, size_t len)
{
	char *exact = malloc(len > 0 ? len : 1);
	bool good;

	assert_non_null(exact);
	memcpy(exact, text, len);
	good = rules_hold(exact, len);
	free(exact);
	if (!good)
		fail_msg("%s: %.*s", name, (int)len, text);
}

static void
each_fixture(void (*check)(const char *name, char *bytes, size_t len))
{
	DIR *dir = opendir("tests/fixtures/embeddings");
	struct dirent *d;
	char *bytes;
	size_t len;

	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		bytes = fixture_read("embeddings", d->d_name, &len);
		check(d->d_name, bytes, len);
		free(bytes);
	}
	closedir(dir);
}

static void
check_beginnings(const char *name, char *bytes, size_t len)
{
	size_t n;

	for (n = 0; n <= len; n++)
		expect_rules(name, bytes, n);
}

static void
check_damaged(const char *name, char *bytes, size_t len)
{
	static const char marks[] = "{}[]\",:\\ 1.-e0u\n\xff";
	struct rng r = rng_new(7);
	size_t at, round;
	char was;

	for (round = 0; round < 400; round++) {
		at = rng_below(&r, len);
		was = bytes[at];
		bytes[at] = marks[rng_below(&r, sizeof(marks) - 1)];
		expect_rules(name, bytes, len);
		bytes[at] = was;
	}
}

static void
test_every_fixture_and_all_its_beginnings(void **state)
{
	(void)state;
	each_fixture(check_beginnings);
}

static void
test_every_fixture_damaged(void **state)
{
	(void)state;
	each_fixture(check_damaged);
}

static void
expect_read(const char *text, size_t expected, enum wire_verdict want)
{
	enum wire_verdict v = WIRE_STORABLE;
	struct wire_embeddings e;

	if (wire_embeddings_read(&e, text, strlen(text), expected, &v) == 0)
		wire_embeddings_fini(&e);
	if (v != want)
		fail_msg("%s is \"%s\"", text, wire_verdict_word(v));
}

#define ONE "{\"index\":0,\"embedding\":[1]}"
#define TWO "{\"index\":0,\"embedding\":[1]},{\"index\":1,\"embedding\":\"AA\"}"

static void
test_number_of_elements(void **state)
{
	(void)state;
	expect_read("{\"data\":[" ONE "]}", 1, WIRE_STORABLE);
	expect_read("{\"data\":[" ONE "]}", 2, WIRE_MISMATCH);
	expect_read("{\"data\":[" TWO "]}", 2, WIRE_STORABLE);
	expect_read("{\"data\":[" TWO "]}", 1, WIRE_MISMATCH);
	expect_read("{\"data\":[]}", 1, WIRE_EMPTY);
	expect_read("", 1, WIRE_BAD_JSON);
}

static void
test_the_same_key_twice(void **state)
{
	(void)state;
	expect_read("{\"data\":[" ONE "],\"data\":[" ONE "]}", 1,
	    WIRE_BAD_JSON);
	expect_read("{\"data\":[" ONE "],\"d\\u0061ta\":[]}", 1,
	    WIRE_BAD_JSON);
	expect_read("{\"data\":[{\"embedding\":[1],\"embedding\":[2]}]}", 1,
	    WIRE_BAD_JSON);
	expect_read("{\"data\":[" ONE "],\"usage\":{\"a\":1,\"a\":2}}", 1,
	    WIRE_BAD_JSON);
}

/* Digits that a double would lose stay. */
static void
test_vectors_keep_every_digit(void **state)
{
	static const char text[] =
	    "{\"data\":[{\"embedding\":[0.1000000000000000055511151231257827,"
	    "1e-400,-0,123456789012345678901234567890]}],\"model\":\"m\"}";

	(void)state;
	expect_read(text, 1, WIRE_STORABLE);
}

/* ---- an upstream, and a cache of single answers ---- */

enum { POOL = 40, BATCH_MAX = 48 };

struct style {
	const char *before, *between, *after; /* around the elements */
	const char *index, *vector, *end; /* before these, of an element */
	bool indexed, base64;
};

static const struct style styles[] = {
    {"{\"object\":\"list\",\"data\":[", ",", "],\"model\":\"m-1\",",
	"{\"object\":\"embedding\",\"index\":", ",\"embedding\":", "}",
	true, false},
    {"{\"data\":[", ",", "],\"id\":7,", "{\"index\":", ",\"embedding\":",
	"}", true, true},
    {"{\n  \"data\": [\n    ", ",\n    ", "\n  ],\n  ",
	"{\n      \"index\" : ", " ,\n      \"embedding\" : ", "\n    }",
	true, false},
    {"{\"model\":\"m\",\"data\":[", ",", "],", "", "{\"embedding\":", "}",
	false, false},
};

static size_t
cost_of(size_t input)
{
	return 1 + input * 7 % 13;
}

static void
put_element(struct buf *out, const struct style *style, size_t place,
    size_t input)
{
	buf_puts(out, style->index);
	if (style->indexed)
		buf_printf(out, "%zu", place);
	buf_puts(out, style->vector);
	if (style->base64)
		buf_printf(out, "\"AB%zuCD==\"", input);
	else
		buf_printf(out, "[%zu.10, -0.000%zu,1e-7]", input, input);
	buf_puts(out, style->end);
}

/* What the upstream says to these inputs. */
static void
answer(struct buf *out, const struct style *style, const size_t *inputs,
    size_t n)
{
	size_t i, tokens = 0;

	buf_puts(out, style->before);
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_puts(out, style->between);
		put_element(out, style, i, inputs[i]);
		tokens += cost_of(inputs[i]);
	}
	buf_puts(out, style->after);
	buf_printf(out, "\"usage\":{\"prompt_tokens\":%zu,\"details\":"
	    "{\"cached\":0,\"units\":%zu},\"total_tokens\":%zu}}", tokens,
	    3 * tokens, tokens);
}

/* The cache: the answer of every input that has been stored. */
struct cache {
	struct buf entries[POOL]; /* empty: not stored */
};

/* Store an answer's elements, an entry each. */
static void
store(struct cache *cache, const struct wire_embeddings *e,
    const size_t *inputs)
{
	size_t weights[BATCH_MAX], i;
	json_t *shares;

	for (i = 0; i < e->n; i++)
		weights[i] = cost_of(inputs[i]);
	shares = wire_usage_share(e->usage, weights, e->n);
	assert_int_equal(json_array_size(shares), e->n);
	for (i = 0; i < e->n; i++) {
		buf_reset(&cache->entries[inputs[i]]);
		assert_int_equal(wire_embeddings_write(
		    &cache->entries[inputs[i]], e, &e->elements[i], 1,
		    json_array_get(shares, i)), 0);
	}
	json_decref(shares);
}

/* Add usage to a sum in place. */
static void
add_usage(json_t **sum, const json_t *more)
{
	json_t *was = *sum;

	*sum = wire_usage_add(was, more);
	assert_non_null(*sum);
	json_decref(was);
}

/*
 * Answer a request from the cache as far as it goes, and from the upstream
 * for the rest, which is stored.
 */
static void
merge(struct buf *out, struct cache *cache, const struct style *style,
    const size_t *inputs, size_t n)
{
	struct wire_embeddings parts[BATCH_MAX + 1], *fetched = &parts[n];
	struct json_span elements[BATCH_MAX];
	size_t missing[BATCH_MAX], missed = 0, i;
	enum wire_verdict v;
	struct buf upstream;
	json_t *usage = NULL;
	bool hit[BATCH_MAX];

	buf_init(&upstream, 1 << 20);
	for (i = 0; i < n; i++) {
		hit[i] = cache->entries[inputs[i]].len > 0;
		if (!hit[i])
			missing[missed++] = inputs[i];
		else
			assert_int_equal(wire_embeddings_read(&parts[i],
			    cache->entries[inputs[i]].data,
			    cache->entries[inputs[i]].len, 1, &v), 0);
	}
	if (missed > 0) {
		answer(&upstream, style, missing, missed);
		assert_int_equal(wire_embeddings_read(fetched, upstream.data,
		    upstream.len, missed, &v), 0);
		add_usage(&usage, fetched->usage);
	}
	for (i = 0, missed = 0; i < n; i++) {
		elements[i] = hit[i] ? parts[i].elements[0] :
		    fetched->elements[missed++];
		if (hit[i])
			add_usage(&usage, parts[i].usage);
	}
	assert_int_equal(wire_embeddings_write(out,
	    missed > 0 ? fetched : &parts[0], elements, n, usage), 0);
	for (i = 0; i < n; i++)
		if (hit[i])
			wire_embeddings_fini(&parts[i]);
	if (missed > 0) {
		store(cache, fetched, missing);
		wire_embeddings_fini(fetched);
	}
	json_decref(usage);
	buf_fini(&upstream);
}

static void
forget_some(struct cache *cache, struct rng *r)
{
	size_t keep = rng_below(r, 4);
	size_t i;

	for (i = 0; i < POOL; i++)
		if (rng_below(r, 4) > keep)
			buf_reset(&cache->entries[i]);
}

static void
check_style(struct cache *cache, const struct style *style, size_t seed)
{
	struct rng r = rng_new(seed);
	size_t inputs[BATCH_MAX], n, i, round;
	struct buf merged, alone;

	buf_init(&merged, 1 << 20);
	buf_init(&alone, 1 << 20);
	for (round = 0; round < 300; round++) {
		n = 1 + rng_below(&r, BATCH_MAX - 1);
		for (i = 0; i < n; i++)
			inputs[i] = rng_below(&r, POOL);
		forget_some(cache, &r);
		buf_reset(&merged);
		buf_reset(&alone);
		merge(&merged, cache, style, inputs, n);
		answer(&alone, style, inputs, n);
		assert_string_equal(merged.data, alone.data);
	}
	buf_fini(&merged);
	buf_fini(&alone);
}

static void
test_any_mix_is_what_the_upstream_says(void **state)
{
	struct cache cache;
	size_t i, style;

	(void)state;
	for (style = 0; style < sizeof(styles) / sizeof(styles[0]); style++) {
		for (i = 0; i < POOL; i++)
			buf_init(&cache.entries[i], 1 << 16);
		check_style(&cache, &styles[style], style);
		for (i = 0; i < POOL; i++)
			buf_fini(&cache.entries[i]);
	}
}

/* ---- writing ---- */

static void
expect_written(const char *text, const char *usage, const char *want)
{
	json_t *value = usage != NULL ? json_loads(usage, 0, NULL) : NULL;
	struct wire_embeddings e;
	struct json_span twice[2];
	enum wire_verdict v;
	struct buf out;
	size_t room;

	assert_int_equal(
	    wire_embeddings_read(&e, text, strlen(text), 1, &v), 0);
	twice[0] = twice[1] = e.elements[0];
	for (room = 0; room < strlen(want); room++) {
		buf_init(&out, room);
		assert_int_equal(
		    wire_embeddings_write(&out, &e, twice, 2, value), -1);
		buf_fini(&out);
	}
	buf_init(&out, room);
	assert_int_equal(wire_embeddings_write(&out, &e, twice, 2, value), 0);
	assert_string_equal(out.data, want);
	buf_fini(&out);
	wire_embeddings_fini(&e);
	json_decref(value);
}

static void
test_written_text(void **state)
{
	(void)state;
	/* in its place, before and behind the data */
	expect_written("{\"data\":[" ONE "],\"usage\":{\"n\":1},\"x\":0}",
	    "{\"n\":2}", "{\"data\":[" ONE ",{\"index\":1,\"embedding\":[1]}],"
	    "\"usage\":{\"n\":2},\"x\":0}");
	expect_written("{\"usage\":{\"n\":1},\"data\":[" ONE "]}",
	    "{\"n\":2}", "{\"usage\":{\"n\":2},\"data\":[" ONE
	    ",{\"index\":1,\"embedding\":[1]}]}");
	expect_written("{\"usage\":null,\"data\":[{\"embedding\":[1]}]}",
	    "{\"n\":2}", "{\"usage\":{\"n\":2},\"data\":[{\"embedding\":[1]},"
	    "{\"embedding\":[1]}]}");
	/* added as the last member */
	expect_written("{ \"data\" : [ {\"embedding\":[1]} ]\n}\n",
	    "{\"n\":2}", "{ \"data\" : [ {\"embedding\":[1]}, "
	    "{\"embedding\":[1]} ],\"usage\":{\"n\":2}\n}\n");
	/* left alone */
	expect_written("{\"usage\":{\"n\":1.0},\"data\":[{\"embedding\":\"A\""
	    "}]}", NULL, "{\"usage\":{\"n\":1.0},\"data\":[{\"embedding\":"
	    "\"A\"},{\"embedding\":\"A\"}]}");
	expect_written("{\"data\":[{\"embedding\":\"A\"}]}", NULL,
	    "{\"data\":[{\"embedding\":\"A\"},{\"embedding\":\"A\"}]}");
}

/* ---- what may stand together ---- */

static void
expect_alike(const char *a, const char *b, bool alike)
{
	struct wire_embeddings x, y;
	enum wire_verdict v;

	assert_int_equal(wire_embeddings_read(&x, a, strlen(a), 1, &v), 0);
	assert_int_equal(wire_embeddings_read(&y, b, strlen(b), 1, &v), 0);
	if (wire_embeddings_alike(&x, &y) != alike ||
	    wire_embeddings_alike(&y, &x) != alike)
		fail_msg("%s and %s are%s alike", a, b, alike ? " not" : "");
	wire_embeddings_fini(&x);
	wire_embeddings_fini(&y);
}

/* Behind one name there may be another model tomorrow. */
static void
test_vectors_of_another_kind(void **state)
{
#define OF(vector) "{\"data\":[{\"embedding\":" vector "}]}"
#define BY(model) "{\"model\":" model ",\"data\":[{\"embedding\":[1]}]}"
	(void)state;
	expect_alike(OF("[1,2]"), OF("[ 0.5 ,\n-1e-7 ]"), true);
	expect_alike(OF("[1,2]"), OF("[1,2,3]"), false);
	expect_alike(OF("[1]"), OF("[1,2]"), false);
	expect_alike(OF("[1]"), OF("\"AA==\""), false);
	expect_alike(OF("\"AAAA\""), OF("\"AB==\""), true);
	expect_alike(OF("\"A\\/A\\/\""), OF("\"ABCD\""), true);
	expect_alike(OF("\"AAAA\""), OF("\"AAAAAAAA\""), false);
	expect_alike(BY("\"m\""), BY("\"m\""), true);
	expect_alike(BY("\"m\""), BY("\"n\""), false);
	expect_alike(BY("\"m\""), OF("[1]"), false);
#undef OF
#undef BY
}

/* Of a server that numbers its elements only now and then. */
static void
test_numbered_beside_unnumbered(void **state)
{
	static const char first[] = "{\"data\":[{\"embedding\":[1]}]}",
	    second[] = "{\"data\":[{\"index\":0,\"embedding\":[2]}]}";
	struct wire_embeddings a, b;
	struct json_span both[2];
	enum wire_verdict v;
	struct buf out;

	(void)state;
	assert_int_equal(
	    wire_embeddings_read(&a, first, strlen(first), 1, &v), 0);
	assert_int_equal(
	    wire_embeddings_read(&b, second, strlen(second), 1, &v), 0);
	buf_init(&out, 4096);
	both[0] = b.elements[0];
	both[1] = a.elements[0];
	assert_int_equal(wire_embeddings_write(&out, &a, both, 2, NULL), 0);
	assert_string_equal(out.data, "{\"data\":[{\"index\":0,\"embedding\":"
	    "[2]},{\"embedding\":[1],\"index\":1}]}");
	buf_reset(&out);
	both[0] = a.elements[0];
	assert_int_equal(wire_embeddings_write(&out, &a, both, 2, NULL), 0);
	assert_string_equal(out.data, "{\"data\":[{\"embedding\":[1]},"
	    "{\"embedding\":[1]}]}");
	buf_fini(&out);
	wire_embeddings_fini(&a);
	wire_embeddings_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_fixture_and_all_its_beginnings),
	    cmocka_unit_test(test_every_fixture_damaged),
	    cmocka_unit_test(test_number_of_elements),
	    cmocka_unit_test(test_the_same_key_twice),
	    cmocka_unit_test(test_vectors_keep_every_digit),
	    cmocka_unit_test(test_any_mix_is_what_the_upstream_says),
	    cmocka_unit_test(test_written_text),
	    cmocka_unit_test(test_vectors_of_another_kind),
	    cmocka_unit_test(test_numbered_beside_unnumbered),
	};

	return cmocka_run_group_tests_name("wire embeddings_merge", tests, NULL,
	    NULL);
}
