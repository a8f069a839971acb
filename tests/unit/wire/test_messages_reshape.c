/*
 * Messages reshaped: what a stored answer says in the one mode it says in
 * the other, to the byte, or it is refused.
 */
#include "golden.h"

#include "wire/payload.h"
#include "wire/reshape.h"

enum { OUT_MAX = 4 * 1024 * 1024, RANDOM_ANSWERS = 3000 };

static const struct wire_format *
messages(void)
{
	return wire_format_get(WIRE_MESSAGES);
}

/* ---- helpers ------------------------------------------------------------ */

/* The stream of an answer, empty when it is refused. */
static struct buf
stream_of(const json_t *answer)
{
	struct buf out;

	buf_init(&out, OUT_MAX);
	if (messages()->to_stream(&out, answer, false) != 0)
		buf_reset(&out);
	return out;
}

/* The answer of payloads, NULL when they are refused. */
static json_t *
json_of_payloads(const json_t *payloads)
{
	json_t *answer = NULL;
	struct buf out;

	buf_init(&out, OUT_MAX);
	if (messages()->to_json(&out, payloads, NULL) == 0) {
		answer = json_loadb(out.data, out.len,
		    JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(answer);
	}
	buf_fini(&out);
	return answer;
}

static json_t *
json_of_stream(const char *stream, size_t len)
{
	json_t *payloads = wire_payloads(stream, len), *answer;

	assert_non_null(payloads);
	answer = json_of_payloads(payloads);
	json_decref(payloads);
	return answer;
}

static json_t *
load(const char *text)
{
	json_t *value = json_loads(text, JSON_ALLOW_NUL, NULL);

	if (value == NULL)
		fail_msg("the test has bad JSON: %s", text);
	return value;
}

static json_t *
load_fixture(const char *name)
{
	size_t len;
	char *bytes = fixture_read("messages", name, &len);
	json_t *value = json_loadb(bytes, len, JSON_ALLOW_NUL, NULL);

	assert_non_null(value);
	free(bytes);
	return value;
}

static enum wire_verdict
verdict_of_json(const json_t *answer, const struct wire_policy *policy)
{
	json_t *usage = NULL;
	enum wire_verdict v = messages()->judge_json(answer, policy, &usage);

	json_decref(usage);
	return v;
}

/*
 * An answer's stream is good, is judged as the answer is, has its usage,
 * and says it all: back comes an equal answer.
 */
static void
expect_round_trip(const char *name, const json_t *answer)
{
	struct buf stream = stream_of(answer);
	json_t *usage = NULL, *back;

	if (stream.len == 0)
		fail_msg("%s is refused", name);
	golden_expect(name, golden_judge_stream(WIRE_MESSAGES, stream.data,
	    stream.len, &golden_lax, &usage), WIRE_STORABLE);
	golden_expect(name, golden_judge_stream(WIRE_MESSAGES, stream.data,
	    stream.len, &golden_strict, NULL),
	    verdict_of_json(answer, &golden_strict));
	if (!json_equal(usage, json_object_get(answer, "usage")))
		fail_msg("the usage of %s is another", name);
	back = json_of_stream(stream.data, stream.len);
	if (back == NULL || !json_equal(back, answer))
		fail_msg("%s comes back as another", name);
	json_decref(back);
	json_decref(usage);
	buf_fini(&stream);
}

static const char *
text_at(const json_t *object, const char *member)
{
	return json_string_value(json_object_get(object, member));
}

static bool
is_delta(const json_t *payload, const char *type)
{
	const char *is = text_at(json_object_get(payload, "delta"), "type");

	return is != NULL && strcmp(is, type) == 0;
}

/* The pieces of one member of a stream's deltas, put together. */
static struct buf
pieces_of(const json_t *payloads, const char *type, const char *member)
{
	const json_t *payload, *piece;
	struct buf all;
	size_t i;

	buf_init(&all, OUT_MAX);
	json_array_foreach((json_t *)(uintptr_t)payloads, i, payload) {
		if (!is_delta(payload, type))
			continue;
		piece = json_object_get(json_object_get(payload, "delta"),
		    member);
		buf_append(&all, json_string_value(piece),
		    json_string_length(piece));
	}
	return all;
}

/* ---- the golden answers ------------------------------------------------- */

static void
test_golden_jsons_come_back(void **state)
{
	static const char *const names[] = {"plain", "white-space", "tools",
	    "tools-stop", "length", "window", "stop-sequence", "pause-turn",
	    "unknown-reason", "thinking", "thinking-omitted",
	    "thinking-unsigned", "search", "container", "no-stop-sequence",
	    "one-block-empty", "unknown-block", "error-null", "nul-in-text"};
	char name[64];
	json_t *answer;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(names); i++) {
		snprintf(name, sizeof(name), "%s.json", names[i]);
		answer = load_fixture(name);
		assert_true(messages()->owns_json(answer));
		expect_round_trip(name, answer);
		json_decref(answer);
	}
}

static void
expect_same_pieces(const char *name, const json_t *a, const json_t *b,
    const char *type, const char *member)
{
	struct buf one = pieces_of(a, type, member);
	struct buf two = pieces_of(b, type, member);

	if (one.len != two.len ||
	    (one.len > 0 && memcmp(one.data, two.data, one.len) != 0))
		fail_msg("the %ss of %s differ", type, name);
	buf_fini(&one);
	buf_fini(&two);
}

/* Stream to JSON to stream: it says the same. */
static void
expect_stream_comes_back(const char *name)
{
	size_t len;
	char *bytes = fixture_read("messages", name, &len);
	json_t *payloads = wire_payloads(bytes, len), *again, *answer;
	struct buf stream;

	assert_non_null(payloads);
	assert_true(messages()->owns_payload(json_array_get(payloads, 0)));
	answer = json_of_payloads(payloads);
	if (answer == NULL)
		fail_msg("%s is refused", name);
	golden_expect(name, verdict_of_json(answer, &golden_lax),
	    WIRE_STORABLE);
	expect_round_trip(name, answer);
	stream = stream_of(answer);
	again = wire_payloads(stream.data, stream.len);
	expect_same_pieces(name, payloads, again, "text_delta", "text");
	expect_same_pieces(name, payloads, again, "thinking_delta",
	    "thinking");
	expect_same_pieces(name, payloads, again, "signature_delta",
	    "signature");
	json_decref(again);
	json_decref(answer);
	json_decref(payloads);
	buf_fini(&stream);
	free(bytes);
}

static void
test_golden_streams_come_back(void **state)
{
	static const char *const names[] = {"plain", "crlf", "cr", "bom",
	    "no-space", "no-event-lines", "comment-after-stop",
	    "done-after-stop", "several-lines", "tools", "tools-stop",
	    "length", "window", "stop-sequence", "pause-turn",
	    "unknown-reason", "thinking", "search", "container",
	    "two-message-deltas", "stop-in-text", "nul-in-text", "error-null"};
	char name[64];
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(names); i++) {
		snprintf(name, sizeof(name), "%s.sse", names[i]);
		expect_stream_comes_back(name);
	}
}

/* ---- what a client sees ------------------------------------------------- */

static void
test_stream_is_as_documented(void **state)
{
	static const char want[] =
	    "event: message_start\n"
	    "data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\","
	    "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\","
	    "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
	    "\"usage\":{\"input_tokens\":9,\"output_tokens\":0},\"x\":1}}\n\n"
	    "event: content_block_start\n"
	    "data: {\"type\":\"content_block_start\",\"index\":0,"
	    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
	    "event: content_block_delta\n"
	    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
	    "{\"type\":\"text_delta\",\"text\":\"Let\"}}\n\n"
	    "event: content_block_delta\n"
	    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
	    "{\"type\":\"text_delta\",\"text\":\" me.\"}}\n\n"
	    "event: content_block_stop\n"
	    "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
	    "event: content_block_start\n"
	    "data: {\"type\":\"content_block_start\",\"index\":1,"
	    "\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\","
	    "\"name\":\"f\",\"input\":{}}}\n\n"
	    "event: content_block_delta\n"
	    "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":"
	    "{\"type\":\"input_json_delta\",\"partial_json\":\"\"}}\n\n"
	    "event: content_block_delta\n"
	    "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":"
	    "{\"type\":\"input_json_delta\",\"partial_json\":"
	    "\"{\\\"b\\\":1}\"}}\n\n"
	    "event: content_block_stop\n"
	    "data: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
	    "event: message_delta\n"
	    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
	    "\"tool_use\",\"stop_sequence\":null},\"usage\":"
	    "{\"input_tokens\":9,\"output_tokens\":4}}\n\n"
	    "event: message_stop\n"
	    "data: {\"type\":\"message_stop\"}\n\n";
	json_t *answer = load("{\"id\":\"msg_1\",\"type\":\"message\","
	    "\"role\":\"assistant\",\"model\":\"m\",\"content\":["
	    "{\"type\":\"text\",\"text\":\"Let me.\"},{\"type\":\"tool_use\","
	    "\"id\":\"t\",\"name\":\"f\",\"input\":{\"b\":1}}],"
	    "\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"usage\":"
	    "{\"input_tokens\":9,\"output_tokens\":4},\"x\":1}");
	struct buf stream = stream_of(answer);

	(void)state;
	assert_string_equal(stream.data, want);
	buf_fini(&stream);
	json_decref(answer);
}

static void
test_json_is_as_documented(void **state)
{
	static const char want[] = "{\"id\":\"msg_01\",\"type\":\"message\","
	    "\"role\":\"assistant\",\"model\":\"example-1\",\"content\":["
	    "{\"type\":\"text\",\"text\":\"Let me look.\"},"
	    "{\"type\":\"tool_use\",\"id\":\"toolu_01\",\"name\":\"weather\","
	    "\"input\":{\"city\":\"Zürich\",\"days\":[1,2.5]}},"
	    "{\"type\":\"tool_use\",\"id\":\"toolu_02\",\"name\":\"now\","
	    "\"input\":{}}],\"stop_reason\":\"tool_use\","
	    "\"stop_sequence\":null,\"usage\":{\"input_tokens\":9,"
	    "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,"
	    "\"cache_creation\":{\"ephemeral_5m_input_tokens\":0,"
	    "\"ephemeral_1h_input_tokens\":0},\"output_tokens\":44,"
	    "\"service_tier\":\"standard\"}}";
	size_t len;
	char *bytes = fixture_read("messages", "tools.sse", &len);
	struct buf out;

	(void)state;
	buf_init(&out, OUT_MAX);
	assert_int_equal(
	    wire_reshape_to_json(&out, bytes, len, messages(), NULL), 0);
	assert_string_equal(out.data, want);
	buf_fini(&out);
	free(bytes);
}

/* Words, with the white space before them, that make up the text. */
static void
test_pieces_are_words(void **state)
{
	static const char *const words[] = {"  Grüße,", "\n\n\tWörld", " 👋🏽",
	    " —", " \r\n  ok", "  "};
	json_t *answer = load_fixture("white-space.json"), *payloads, *payload;
	struct buf stream = stream_of(answer);
	size_t i, n = 0;

	(void)state;
	payloads = wire_payloads(stream.data, stream.len);
	json_array_foreach(payloads, i, payload) {
		if (!is_delta(payload, "text_delta") || n >= N_OF(words))
			continue;
		assert_string_equal(text_at(json_object_get(payload, "delta"),
		    "text"), words[n++]);
	}
	assert_int_equal(n, N_OF(words));
	json_decref(payloads);
	json_decref(answer);
	buf_fini(&stream);
}

/* Where a stream has no usage at all, what is known beside it is told. */
static void
test_usage_beside_the_stream(void **state)
{
	size_t len;
	char *bytes = fixture_read("messages", "no-usage.sse", &len);
	json_t *usage = load("{\"input_tokens\":1,\"output_tokens\":2}");
	json_t *payloads = wire_payloads(bytes, len), *answer;
	struct buf out;

	(void)state;
	answer = json_of_payloads(payloads);
	assert_null(json_object_get(answer, "usage"));
	json_decref(answer);
	buf_init(&out, OUT_MAX);
	assert_int_equal(messages()->to_json(&out, payloads, usage), 0);
	answer = load(out.data);
	assert_true(json_equal(json_object_get(answer, "usage"), usage));
	json_decref(answer);
	json_decref(payloads);
	json_decref(usage);
	buf_fini(&out);
	free(bytes);
}

/* ---- random answers ----------------------------------------------------- */

struct dice {
	uint64_t state;
};

static unsigned
roll(struct dice *d, unsigned sides)
{
	/* Knuth's MMIX generator; its high bits are the good ones. */
	d->state = d->state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(d->state >> 33) % sides;
}

static json_t *
random_text(struct dice *d)
{
	static const char *const parts[] = {" ", "a", "owl", "\n", "\t", "ß",
	    "—", "語", "👋🏽", "\"", "\\", "{", "}", "data: [DONE]", "\r\n",
	    "supercalifragilisticexpialidociousnesses", "\x01", "\x7f"};
	unsigned n = roll(d, 4) == 0 ? roll(d, 60) : roll(d, 6);
	struct buf b;
	json_t *text;

	buf_init(&b, OUT_MAX);
	buf_reserve(&b, 1);
	for (; n > 0; n--)
		buf_puts(&b, parts[roll(d, N_OF(parts))]);
	if (roll(d, 50) == 0)
		buf_append(&b, "\0", 1);
	text = json_stringn(b.data, b.len);
	assert_non_null(text);
	buf_fini(&b);
	return text;
}

static json_t *
random_value(struct dice *d, unsigned depth)
{
	static const char *const names[] = {"a", "type", "text", "", "ä\n"};
	json_t *value;
	unsigned n;

	switch (roll(d, depth > 3 ? 6 : 8)) {
	case 0:
		return json_null();
	case 1:
		return json_boolean(roll(d, 2));
	case 2:
		return json_integer((json_int_t)d->state);
	case 3:
		return json_real((double)(int32_t)roll(d, 1u << 31) / 1e7);
	case 4:
	case 5:
		return random_text(d);
	case 6:
		value = json_array();
		for (n = roll(d, 4); n > 0; n--)
			json_array_append_new(value,
			    random_value(d, depth + 1));
		return value;
	default:
		value = json_object();
		for (n = roll(d, 4); n > 0; n--)
			json_object_set_new(value, names[roll(d, N_OF(names))],
			    random_value(d, depth + 1));
		return value;
	}
}

/* Set a member to anything, to null or "", or leave it out. */
static void
random_member(struct dice *d, json_t *object, const char *name, json_t *value)
{
	switch (roll(d, 4)) {
	case 0:
		json_decref(value);
		break;
	case 1:
		json_decref(value);
		json_object_set_new(object, name, json_null());
		break;
	default:
		json_object_set_new(object, name, value);
		break;
	}
}

static json_t *
random_list(struct dice *d)
{
	json_t *list = json_array();
	unsigned n;

	for (n = roll(d, 4); n > 0; n--)
		json_array_append_new(list, random_value(d, 2));
	return list;
}

static json_t *
random_block(struct dice *d)
{
	static const char *const types[] = {"text", "thinking", "tool_use",
	    "server_tool_use", "redacted_thinking", "mcp_tool_use",
	    "hologram"};
	unsigned type = roll(d, N_OF(types));
	json_t *block = json_object(), *input = json_object();

	json_object_set_new(block, "type", json_string(types[type]));
	json_object_set_new(input, "x", random_value(d, 0));
	if (roll(d, 3) == 0)
		json_object_clear(input);
	if (type == 0) {
		json_object_set_new(block, "text", random_text(d));
		random_member(d, block, "citations", random_list(d));
	} else if (type == 1) {
		json_object_set_new(block, "thinking", random_text(d));
		random_member(d, block, "signature", random_text(d));
	} else {
		json_object_set(block, "input", input);
	}
	random_member(d, block, "more", random_value(d, 1));
	json_decref(input);
	return block;
}

static json_t *
random_usage(struct dice *d)
{
	json_t *usage = json_object();

	random_member(d, usage, "input_tokens", json_integer(roll(d, 9)));
	random_member(d, usage, "output_tokens", json_integer(roll(d, 9)));
	random_member(d, usage, "server_tool_use", random_value(d, 2));
	random_member(d, usage, "service_tier", random_text(d));
	return usage;
}

static json_t *
random_answer(struct dice *d)
{
	static const char *const reasons[] = {"end_turn", "max_tokens",
	    "tool_use", "stop_sequence", "pause_turn", "surprise"};
	json_t *answer = json_pack("{s:s, s:s, s:s, s:s, s:[]}", "id",
	    "msg_01", "type", "message", "role", "assistant", "model", "m",
	    "content");
	unsigned n;

	for (n = roll(d, 5); n > 0; n--)
		json_array_append_new(json_object_get(answer, "content"),
		    random_block(d));
	json_array_append_new(json_object_get(answer, "content"),
	    json_pack("{s:s, s:s}", "type", "text", "text", "so"));
	json_object_set_new(answer, "stop_reason",
	    json_string(reasons[roll(d, N_OF(reasons))]));
	random_member(d, answer, "stop_sequence", random_text(d));
	random_member(d, answer, "stop_details", random_value(d, 1));
	random_member(d, answer, "container", random_value(d, 1));
	random_member(d, answer, "hue", random_value(d, 0));
	json_object_set_new(answer, "usage", random_usage(d));
	return answer;
}

static void
test_random_answers_come_back(void **state)
{
	struct dice d;
	json_t *answer;
	char name[64];
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= RANDOM_ANSWERS; seed++) {
		d.state = seed;
		snprintf(name, sizeof(name), "the random answer of seed %u",
		    (unsigned)seed);
		answer = random_answer(&d);
		expect_round_trip(name, answer);
		json_decref(answer);
	}
}

/* ---- other ways to say the same ----------------------------------------- */

/* Put the text of one delta after that of another; whether they are alike. */
static bool
merge_delta(json_t *into, const json_t *next, const char *type,
    const char *member)
{
	json_t *delta = json_object_get(into, "delta"), *one, *two;
	struct buf b;

	if (!is_delta(into, type) || !is_delta(next, type))
		return false;
	one = json_object_get(delta, member);
	two = json_object_get(json_object_get(next, "delta"), member);
	buf_init(&b, OUT_MAX);
	buf_reserve(&b, 1);
	buf_append(&b, json_string_value(one), json_string_length(one));
	buf_append(&b, json_string_value(two), json_string_length(two));
	json_object_set_new(delta, member, json_stringn(b.data, b.len));
	buf_fini(&b);
	return true;
}

static bool
merge_any(struct dice *d, json_t *into, const json_t *next)
{
	return into != NULL && roll(d, 2) == 0 &&
	    (merge_delta(into, next, "text_delta", "text") ||
	    merge_delta(into, next, "thinking_delta", "thinking") ||
	    merge_delta(into, next, "input_json_delta", "partial_json"));
}

/* Longer pieces, and pings between them, are the same answer. */
static void
test_streams_cut_otherwise_say_the_same(void **state)
{
	json_t *answer, *payloads, *other, *payload, *back;
	struct buf stream;
	struct dice d;
	uint64_t seed;
	size_t i;

	(void)state;
	for (seed = 1; seed <= RANDOM_ANSWERS / 10; seed++) {
		d.state = seed;
		answer = random_answer(&d);
		stream = stream_of(answer);
		payloads = wire_payloads(stream.data, stream.len);
		other = json_array();
		json_array_foreach(payloads, i, payload) {
			if (merge_any(&d, json_array_get(other,
			    json_array_size(other) - 1), payload))
				continue;
			if (i > 0 && roll(&d, 5) == 0)
				json_array_append_new(other,
				    json_pack("{s:s}", "type", "ping"));
			json_array_append(other, payload);
		}
		back = json_of_payloads(other);
		if (back == NULL || !json_equal(back, answer))
			fail_msg("seed %u comes back as another",
			    (unsigned)seed);
		json_decref(back);
		json_decref(other);
		json_decref(payloads);
		json_decref(answer);
		buf_fini(&stream);
	}
}

/* ---- what is refused ---------------------------------------------------- */

/* A message of this content and usage. */
static json_t *
message_with(const char *content, const char *usage)
{
	return json_pack("{s:s, s:s, s:o, s:s, s:o}", "id", "msg_1", "type",
	    "message", "content", load(content), "stop_reason", "end_turn",
	    "usage", json_loads(usage, JSON_DECODE_ANY, NULL));
}

static void
test_answers_that_are_refused(void **state)
{
	static const char *const contents[] = {
	    "[{\"type\":\"text\"}]",
	    "[{\"type\":\"text\",\"text\":null}]",
	    "[{\"type\":\"thinking\",\"signature\":\"x\"}]",
	    "[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\"}]",
	    "[{\"type\":\"tool_use\",\"input\":\"{}\"}]",
	    "[{\"type\":\"tool_use\",\"input\":[1]}]",
	    "[{\"type\":\"server_tool_use\",\"input\":null}]",
	    "[{\"type\":\"fallback\",\"to\":{\"model\":\"m\"}}]",
	    "[{\"text\":\"x\"}]", "[\"x\"]", "[null]"};
	static const char *const usages[] = {"null", "7", "[]"};
	static const char fine[] = "[{\"type\":\"text\",\"text\":\"x\"}]";
	json_t *answer;
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, OUT_MAX);
	for (i = 0; i < N_OF(contents) + N_OF(usages); i++) {
		answer = i < N_OF(contents) ? message_with(contents[i], "{}") :
		    message_with(fine, usages[i - N_OF(contents)]);
		if (messages()->to_stream(&out, answer, true) == 0)
			fail_msg("case %u passes", (unsigned)i);
		json_decref(answer);
	}
	answer = message_with(fine, "{}");
	json_object_del(answer, "usage");
	assert_int_equal(messages()->to_stream(&out, answer, true), -1);
	json_object_set_new(answer, "usage", json_object());
	assert_int_equal(messages()->to_stream(&out, answer, true), 0);
	json_decref(answer);
	buf_fini(&out);
}

#define START "{\"type\":\"message_start\",\"message\":{\"type\":\"message\"," \
	      "\"content\":[],\"usage\":{\"output_tokens\":1}}}"
#define TEXT(i)                                                                \
	"{\"type\":\"content_block_start\",\"index\":" #i ","                  \
	"\"content_block\":{\"type\":\"text\",\"text\":\"\"}}"
#define CALL(i)                                                                \
	"{\"type\":\"content_block_start\",\"index\":" #i ","                  \
	"\"content_block\":{\"type\":\"tool_use\",\"input\":{}}}"
#define THINK(i)                                                               \
	"{\"type\":\"content_block_start\",\"index\":" #i ","                  \
	"\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}"
#define DELTA(i, type, member, value)                                          \
	"{\"type\":\"content_block_delta\",\"index\":" #i ","                  \
	"\"delta\":{\"type\":\"" type "\",\"" member "\":" value "}}"
#define HI DELTA(0, "text_delta", "text", "\"hi\"")
#define INPUT(text) DELTA(0, "input_json_delta", "partial_json", text)
#define SIGN DELTA(0, "signature_delta", "signature", "\"s\"")
#define STOP(i) "{\"type\":\"content_block_stop\",\"index\":" #i "}"
#define END                                                                    \
	"{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"              \
	"\"end_turn\"},\"usage\":{\"output_tokens\":2}}"
#define OVER "{\"type\":\"message_stop\"}"
#define C ","
#define HELLO START C TEXT(0) C HI C STOP(0)

static void
expect_payloads(const char *payloads, bool passes)
{
	struct buf text;
	json_t *all, *answer;

	buf_init(&text, OUT_MAX);
	buf_printf(&text, "[%s]", payloads);
	all = load(text.data);
	answer = json_of_payloads(all);
	if ((answer != NULL) != passes)
		fail_msg("%s: %s", passes ? "refused" : "passes", payloads);
	json_decref(answer);
	json_decref(all);
	buf_fini(&text);
}

static void
test_streams_that_pass(void **state)
{
	static const char *const cases[] = {
	    HELLO C END C OVER,
	    START C TEXT(0) C STOP(0) C END C OVER,
	    START C CALL(0) C STOP(0) C END C OVER,
	    START C CALL(0) C INPUT("\"\"") C STOP(0) C END C OVER,
	    START C CALL(0) C INPUT("\"{}\"") C STOP(0) C END C OVER,
	    START C THINK(0) C SIGN C STOP(0) C END C OVER,
	    HELLO C END C END C OVER,
	    HELLO C "{\"type\":\"ping\"}" C END C OVER};
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(cases); i++)
		expect_payloads(cases[i], true);
}

/* Events that contradict each other, and those that are not known. */
static void
test_streams_that_are_refused(void **state)
{
	static const char *const cases[] = {
	    HELLO, HELLO C END, "", OVER, START C START C END C OVER,
	    TEXT(0) C START C HI C STOP(0) C END C OVER,
	    START C HI C END C OVER,
	    START C TEXT(1) C STOP(1) C END C OVER,
	    START C TEXT(0) C TEXT(1) C STOP(1) C STOP(0) C END C OVER,
	    START C TEXT(0) C HI C STOP(1) C STOP(0) C END C OVER,
	    START C TEXT(0) C HI C END C STOP(0) C OVER,
	    START C TEXT(0) C HI C END C OVER,
	    HELLO C STOP(0) C END C OVER,
	    HELLO C END C OVER C OVER,
	    HELLO C END C OVER C "{\"type\":\"ping\"}",
	    HELLO C "{\"type\":\"weather_report\"}" C END C OVER,
	    HELLO C "{\"type\":\"ping\",\"x\":1}" C END C OVER,
	    HELLO C END C "{\"type\":\"message_stop\",\"x\":1}",
	    HELLO C "{}" C END C OVER, HELLO C "7" C END C OVER,
	    /* deltas */
	    START C TEXT(0) C DELTA(0, "shiny", "x", "1") C STOP(0) C END
	    C OVER,
	    START C TEXT(0) C DELTA(1, "text_delta", "text", "\"x\"")
	    C STOP(0) C END C OVER,
	    START C TEXT(0) C DELTA(0, "text_delta", "text", "null") C STOP(0)
	    C END C OVER,
	    START C TEXT(0) C DELTA(0, "text_delta", "y", "null") C STOP(0)
	    C END C OVER,
	    START C TEXT(0) C DELTA(0, "text_delta", "x\":1,\"text", "\"y\"")
	    C STOP(0) C END C OVER,
	    START C TEXT(0) C DELTA(0, "thinking_delta", "thinking", "\"x\"")
	    C STOP(0) C END C OVER,
	    START C THINK(0) C HI C STOP(0) C END C OVER,
	    START C THINK(0) C SIGN C SIGN C STOP(0) C END C OVER,
	    START C TEXT(0) C INPUT("\"{}\"") C STOP(0) C END C OVER,
	    /* inputs */
	    START C CALL(0) C INPUT("\"{\"") C STOP(0) C END C OVER,
	    START C CALL(0) C INPUT("\"[]\"") C STOP(0) C END C OVER,
	    START C CALL(0) C INPUT("\"{} {}\"") C STOP(0) C END C OVER,
	    START C CALL(0) C INPUT("\"{\\\"a\\\":1,\\\"a\\\":2}\"") C STOP(0)
	    C END C OVER,
	    START C "{\"type\":\"content_block_start\",\"index\":0,"
	    "\"content_block\":{\"type\":\"tool_use\",\"input\":{\"a\":1}}}"
	    C INPUT("\"{}\"") C STOP(0) C END C OVER,
	    START C "{\"type\":\"content_block_start\",\"index\":0,"
	    "\"content_block\":{\"type\":\"tool_use\"}}" C STOP(0) C END
	    C OVER,
	    /* the message */
	    "{\"type\":\"message_start\",\"message\":{\"type\":\"message\","
	    "\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}}" C END C OVER,
	    "{\"type\":\"message_start\",\"message\":{}}" C END C OVER,
	    HELLO C END C "{\"type\":\"message_delta\",\"delta\":"
	    "{\"stop_reason\":\"max_tokens\"}}" C OVER,
	    HELLO C END C "{\"type\":\"message_delta\",\"delta\":"
	    "{\"content\":[]}}" C OVER,
	    HELLO C END C "{\"type\":\"message_delta\",\"delta\":{},"
	    "\"hue\":1}" C OVER,
	    HELLO C END C "{\"type\":\"message_delta\",\"delta\":{},"
	    "\"usage\":7}" C OVER};
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(cases); i++)
		expect_payloads(cases[i], false);
}

static void
test_what_does_not_fit_is_refused(void **state)
{
	json_t *answer = load_fixture("search.json"), *payloads;
	struct buf stream = stream_of(answer), out;
	size_t max;

	(void)state;
	payloads = wire_payloads(stream.data, stream.len);
	for (max = 0; max < stream.len; max += 7) {
		buf_init(&out, max);
		assert_int_equal(
		    messages()->to_stream(&out, answer, false), -1);
		buf_fini(&out);
	}
	for (max = 0; max < 512; max += 7) {
		buf_init(&out, max);
		assert_int_equal(
		    messages()->to_json(&out, payloads, NULL), -1);
		buf_fini(&out);
	}
	json_decref(payloads);
	json_decref(answer);
	buf_fini(&stream);
}

static void
test_shapes(void **state)
{
	static const char *const others[] = {"{\"object\":\"chat.completion\"}",
	    "{\"type\":\"message\"}", "{\"type\":\"message\",\"content\":\"x\"}",
	    "{\"type\":\"message\",\"content\":[],\"object\":\"response\"}",
	    "{\"type\":\"error\",\"content\":[]}", "[]",
	    "{\"type\":\"message_start\"}", "{\"type\":\"ping\"}",
	    "{\"type\":\"response.created\",\"message\":{}}"};
	json_t *value;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(others); i++) {
		value = load(others[i]);
		assert_false(messages()->owns_json(value));
		assert_false(messages()->owns_payload(value));
		json_decref(value);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_golden_jsons_come_back),
	    cmocka_unit_test(test_golden_streams_come_back),
	    cmocka_unit_test(test_stream_is_as_documented),
	    cmocka_unit_test(test_json_is_as_documented),
	    cmocka_unit_test(test_pieces_are_words),
	    cmocka_unit_test(test_usage_beside_the_stream),
	    cmocka_unit_test(test_random_answers_come_back),
	    cmocka_unit_test(test_streams_cut_otherwise_say_the_same),
	    cmocka_unit_test(test_answers_that_are_refused),
	    cmocka_unit_test(test_streams_that_pass),
	    cmocka_unit_test(test_streams_that_are_refused),
	    cmocka_unit_test(test_what_does_not_fit_is_refused),
	    cmocka_unit_test(test_shapes),
	};

	return cmocka_run_group_tests_name("wire messages reshape", tests,
	    NULL, NULL);
}
