/*
 * Any request body: reading it never crashes; what it says is always the
 * same, through the memory too; and a canonical form means what the body
 * meant, is its own canonical form, and is what was digested.
 */
#include "cache/memo.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct wire_format any = {.id = WIRE_CHAT, .name = "any"};

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static bool
same(const struct cache_body *a, const struct cache_body *b)
{
	return a->verdict == b->verdict && a->malformed == b->malformed &&
	    a->stream == b->stream && strcmp(a->why, b->why) == 0 &&
	    strcmp(a->model, b->model) == 0 &&
	    memcmp(a->digest, b->digest, DIGEST_BYTES) == 0;
}

/* The body without what its canonical form leaves out. */
static json_t *
parse(const char *text, size_t len, const struct cache_body *body)
{
	json_t *root = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
	const json_t *stream = json_object_get(root, "stream");

	require(root != NULL);
	if (json_is_boolean(stream) || json_is_null(stream))
		json_object_del(root, "stream");
	if (!body->stream)
		json_object_del(root, "stream_options");
	return root;
}

static void
check_canonical(const struct cache_body *body, const char *text, size_t len,
    const struct buf *form)
{
	json_t *meant = parse(text, len, body);
	json_t *kept = json_loadb(form->data, form->len, JSON_ALLOW_NUL, NULL);
	uint8_t digest[DIGEST_BYTES];
	struct cache_body again;
	struct buf twice;

	require(kept != NULL && json_equal(meant, kept));
	require(digest_sha256(form->data, form->len, digest) == 0);
	require(memcmp(digest, body->digest, DIGEST_BYTES) == 0);
	buf_init(&twice, SIZE_MAX / 2);
	require(cache_body_read(&again, form->data, form->len, &any,
	    &twice) == 0);
	require(again.verdict == WIRE_STORABLE && !again.stream);
	if (!body->stream || json_object_get(kept, "stream_options") == NULL)
		require(memcmp(again.digest, body->digest, DIGEST_BYTES) == 0 &&
		    strcmp(form->data, twice.data) == 0);
	buf_fini(&twice);
	json_decref(kept);
	json_decref(meant);
}

static void
check_memo(const struct cache_body *body, const char *text, size_t len)
{
	struct cache_memo *memo = cache_memo_new(4);
	struct cache_body recalled;
	int i;

	require(memo != NULL);
	for (i = 0; i < 2; i++) {
		require(cache_memo_read(memo, &recalled, text, len, &any) == 0);
		require(same(&recalled, body));
	}
	cache_memo_free(memo);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct cache_body body;
	struct buf form;

	buf_init(&form, SIZE_MAX / 2);
	require(cache_body_read(&body, text, size, &any, &form) == 0);
	require(memchr(body.why, '\0', sizeof(body.why)) != NULL);
	require(!body.malformed || body.verdict != WIRE_STORABLE);
	if (body.verdict == WIRE_STORABLE)
		check_canonical(&body, text, size, &form);
	else
		require(form.len == 0);
	check_memo(&body, text, size);
	buf_fini(&form);
	return 0;
}
