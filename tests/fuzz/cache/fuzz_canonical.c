/*
 * Any request body: reading it never crashes; what it says is always the
 * same, through the memory too; a canonical form means what the body meant,
 * is its own canonical form, and is what was digested; and the body without
 * its cache object is the same question, with nothing left to take out.
 */
#include "cache/memo.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum wire_verdict
accept(const json_t *body)
{
	(void)body;
	return WIRE_STORABLE;
}

static const struct wire_format any = {
    .id = WIRE_CHAT, .name = "any", .judge_request = accept};

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
	    a->has_options == b->has_options &&
	    memcmp(a->options, b->options, DIGEST_BYTES) == 0 &&
	    memcmp(a->digest, b->digest, DIGEST_BYTES) == 0;
}

/* The body without what its canonical form leaves out. */
static json_t *
parse(const char *text, size_t len)
{
	json_t *root = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
	const json_t *stream = json_object_get(root, "stream");

	require(root != NULL);
	if (json_is_boolean(stream) || json_is_null(stream))
		json_object_del(root, "stream");
	if (json_is_object(json_object_get(root, "cache")))
		json_object_del(root, "cache");
	json_object_del(root, "stream_options");
	return root;
}

static void
check_canonical(const struct cache_body *body, const char *text, size_t len,
    const struct buf *form)
{
	json_t *meant = parse(text, len);
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
	require(memcmp(again.digest, body->digest, DIGEST_BYTES) == 0 &&
	    strcmp(form->data, twice.data) == 0);
	buf_fini(&twice);
	json_decref(kept);
	json_decref(meant);
}

static void
check_cut(const struct cache_body *body, const char *text, size_t len)
{
	struct cache_body again;
	struct buf sent;

	if (body->cut_len == 0)
		return;
	buf_init(&sent, len);
	require(body->cut_at + body->cut_len <= len);
	buf_append(&sent, text, body->cut_at);
	buf_append(&sent, text + body->cut_at + body->cut_len,
	    len - body->cut_at - body->cut_len);
	require(cache_body_read(&again, sent.data, sent.len, &any, NULL) == 0);
	require(same(&again, body) && again.cut_len == 0);
	buf_fini(&sent);
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
	if (body.verdict == WIRE_STORABLE) {
		check_canonical(&body, text, size, &form);
		check_cut(&body, text, size);
	} else {
		require(form.len == 0);
	}
	check_memo(&body, text, size);
	buf_fini(&form);
	return 0;
}
