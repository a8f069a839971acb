#include "cache/inputs.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/*
 * The first field of every input's digest. No canonical form of a request
 * begins so, which keeps the digests of the two apart.
 */
static const char domain[] = "reprise input 1";

/* ---- one input ---------------------------------------------------------- */

static bool
is_integer(const struct json_span *s)
{
	size_t i = *s->at == '-' ? 1 : 0;

	if (i == s->len)
		return false;
	for (; i < s->len; i++) {
		if (s->at[i] < '0' || s->at[i] > '9')
			return false;
	}
	return true;
}

/* How many integers an array holds, when it holds nothing else; or 0. */
static size_t
count_tokens(const struct json_span *s)
{
	struct json_item item;
	struct json_walk w;
	size_t n = 0;

	if (!json_walk_begin(&w, s->at, s->len) || w.object)
		return 0;
	for (; json_walk_next(&w, &item); n++) {
		if (!is_integer(&item.value))
			return 0;
	}
	return n;
}

static bool
is_input(const struct json_span *s)
{
	return *s->at == '"' || count_tokens(s) > 0;
}

/* An integer of JSON has one spelling. */
static void
put_tokens(struct digest *d, struct cache_input *input)
{
	struct json_item item;
	struct json_walk w;

	digest_update(d, "t", 1);
	json_walk_begin(&w, input->text.at, input->text.len);
	for (; json_walk_next(&w, &item); input->weight++) {
		digest_update(d, item.value.at, item.value.len);
		digest_update(d, ",", 1);
	}
}

/* A string as it is meant: most are written so. */
static int
put_string(struct digest *d, struct cache_input *input)
{
	const char *inner = input->text.at + 1;
	size_t len = input->text.len - 2;
	json_t *string;

	digest_update(d, "s", 1);
	input->weight = len;
	if (memchr(inner, '\\', len) == NULL) {
		digest_update(d, inner, len);
		return 0;
	}
	string = json_loadb(input->text.at, input->text.len,
	    JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (string == NULL)
		return -1;
	input->weight = json_string_length(string);
	digest_update(d, json_string_value(string), input->weight);
	json_decref(string);
	return 0;
}

static int
read_input(struct cache_input *out, const struct cache_body *body,
    const struct json_span *text)
{
	struct digest *d = digest_new();
	int rc = 0;

	if (d == NULL)
		return -1;
	out->text = *text;
	out->weight = 0;
	digest_field(d, domain, sizeof(domain) - 1);
	digest_field(d, body->rest, sizeof(body->rest));
	if (*text->at == '"')
		rc = put_string(d, out);
	else
		put_tokens(d, out);
	if (digest_finish(d, out->digest) == -1)
		rc = -1;
	return rc;
}

/* ---- all of them -------------------------------------------------------- */

/* How many inputs there are; 0 when they are not to be taken apart. */
static size_t
count_inputs(const struct json_span *s)
{
	struct json_item item;
	struct json_walk w;
	size_t n = 0;

	if (is_input(s))
		return 1;
	if (!json_walk_begin(&w, s->at, s->len) || w.object)
		return 0;
	for (; json_walk_next(&w, &item); n++) {
		if (n == CACHE_INPUTS_MAX || !is_input(&item.value))
			return 0;
	}
	return n;
}

static int
read_all(struct cache_input *all, size_t n, const struct cache_body *body,
    const struct json_span *s)
{
	struct json_item item;
	struct json_walk w;
	size_t i;

	if (is_input(s))
		return read_input(all, body, s);
	json_walk_begin(&w, s->at, s->len);
	for (i = 0; i < n && json_walk_next(&w, &item); i++) {
		if (read_input(&all[i], body, &item.value) == -1)
			return -1;
	}
	return i == n ? 0 : -1;
}

/* An input at its place, for sorting. */
struct placed {
	const uint8_t *digest;
	size_t place;
};

/* Equal ones in the order of their places. */
static int
by_digest(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;
	int order = memcmp(x->digest, y->digest, DIGEST_BYTES);

	return order != 0 ? order : (x->place > y->place) -
	    (x->place < y->place);
}

/* Of each place the first place that asks the same, into unique_of. */
static int
find_repeats(struct cache_inputs *in, const struct cache_input *all)
{
	struct placed *sorted = calloc(in->n, sizeof(*sorted));
	const struct placed *first = sorted;
	size_t i;

	if (sorted == NULL)
		return -1;
	for (i = 0; i < in->n; i++) {
		sorted[i].digest = all[i].digest;
		sorted[i].place = i;
	}
	qsort(sorted, in->n, sizeof(*sorted), by_digest);
	for (i = 0; i < in->n; i++) {
		if (memcmp(first->digest, sorted[i].digest, DIGEST_BYTES) != 0)
			first = &sorted[i];
		in->unique_of[sorted[i].place] = first->place;
	}
	free(sorted);
	return 0;
}

/* Keep the first of each, and number them. */
static void
drop_repeats(struct cache_inputs *in)
{
	size_t i, first;

	for (i = 0; i < in->n; i++) {
		first = in->unique_of[i];
		if (first < i) {
			in->unique_of[i] = in->unique_of[first];
			continue;
		}
		in->unique[in->n_unique] = in->unique[i];
		in->unique_of[i] = in->n_unique++;
	}
}

int
cache_inputs_read(struct cache_inputs *out, const struct cache_body *body,
    const char *text, size_t len, const struct wire_format *format)
{
	struct json_span value = {NULL, 0};

	memset(out, 0, sizeof(*out));
	if (format->split_member != NULL)
		value = json_member_value(text, len, format->split_member);
	if (value.at == NULL)
		return 0;
	out->n = count_inputs(&value);
	if (out->n == 0)
		return 0;
	out->unique = calloc(out->n, sizeof(*out->unique));
	out->unique_of = calloc(out->n, sizeof(*out->unique_of));
	if (out->unique == NULL || out->unique_of == NULL ||
	    read_all(out->unique, out->n, body, &value) == -1 ||
	    find_repeats(out, out->unique) == -1)
		return -1;
	drop_repeats(out);
	return 0;
}

void
cache_inputs_fini(struct cache_inputs *inputs)
{
	free(inputs->unique);
	free(inputs->unique_of);
	memset(inputs, 0, sizeof(*inputs));
}

void
cache_inputs_body(struct cache_body *out, const struct cache_body *whole,
    const struct cache_input *input)
{
	*out = *whole;
	memcpy(out->digest, input->digest, sizeof(out->digest));
}
