#include "cache/recorder.h"

#include "base/clock.h"
#include "wire/payload.h"

#include <string.h>
#include <strings.h>

void
recorder_init(struct recorder *r, const struct recorder_config *config)
{
	memset(r, 0, sizeof(*r));
	r->config = *config;
	r->format = config->format;
	buf_init(&r->body, config->max_bytes);
	timeline_init(&r->times);
	sse_parser_init(&r->parser, config->max_bytes);
	r->keep = true;
	if (config->format->id == WIRE_OTHER)
		recorder_refuse(r, WIRE_NOT_A_FORMAT);
}

void
recorder_fini(struct recorder *r)
{
	buf_fini(&r->body);
	timeline_fini(&r->times);
	sse_parser_fini(&r->parser);
	r->format->stream_fini(&r->stream);
	json_decref(r->usage);
	r->usage = NULL;
}

/*
 * The media type of a Content-Type, without blanks and parameters
 * (RFC 9110 section 8.3.1): its start, and its length in *len.
 */
static const char *
media_type(const char *content_type, size_t *len)
{
	content_type += strspn(content_type, " \t");
	*len = strcspn(content_type, " \t;,");
	return content_type;
}

static bool
is_stream(const char *content_type)
{
	static const char stream[] = "text/event-stream";
	size_t len;
	const char *type = media_type(content_type, &len);

	return len == sizeof(stream) - 1 && strncasecmp(type, stream, len) == 0;
}

/* application/json, or a type with the suffix +json (RFC 6839). */
static bool
is_json(const char *content_type)
{
	static const char json[] = "application/json", suffix[] = "+json";
	size_t len, at;
	const char *type = media_type(content_type, &len);

	if (len == sizeof(json) - 1 && strncasecmp(type, json, len) == 0)
		return true;
	if (len < sizeof(suffix))
		return false;
	at = len - (sizeof(suffix) - 1);
	return strncasecmp(type + at, suffix, sizeof(suffix) - 1) == 0;
}

static void
let_go(struct recorder *r)
{
	r->keep = false;
	buf_fini(&r->body);
	timeline_fini(&r->times);
}

/* Reasons that say nothing against the answer itself. */
static bool
leaves_usage(enum wire_verdict why)
{
	switch (why) {
	case WIRE_NO_STORE_ASKED:
	case WIRE_ZERO_TTL:
	case WIRE_BODY_CODED:
	case WIRE_BODY_DUPLICATE_KEY:
	case WIRE_BODY_NUMBER:
	case WIRE_BODY_ENCODING:
	case WIRE_BODY_DEPTH:
	case WIRE_BODY_SHAPE:
	case WIRE_NOT_A_FORM:
	case WIRE_FORM_TOO_LARGE:
	case WIRE_BACKGROUND:
	case WIRE_CONVERSATION:
	case WIRE_PREVIOUS_RESPONSE:
	case WIRE_STORE_UPSTREAM:
	case WIRE_NOT_OPTED_IN:
	case WIRE_STORE_DOWN:
	case WIRE_NO_STORE_ANSWERED:
	case WIRE_VARY_ANY:
	case WIRE_FOLLOWED:
	case WIRE_FALLBACK:
		return true;
	default:
		return false;
	}
}

void
recorder_head(struct recorder *r, int status, const char *content_type,
    const char *content_encoding)
{
	r->head_us = clock_steady_us();
	if (content_type == NULL)
		content_type = "";
	r->mode = is_stream(content_type) ? ENTRY_STREAM : ENTRY_JSON;
	if (status != 200)
		recorder_refuse(r, WIRE_STATUS);
	if (content_encoding != NULL && content_encoding[0] != '\0' &&
	    strcasecmp(content_encoding, "identity") != 0) {
		/* Compressed bytes are no events that could be followed. */
		r->mode = ENTRY_JSON;
		recorder_refuse(r, WIRE_ENCODED);
	}
	if (r->mode == ENTRY_JSON && !is_json(content_type))
		recorder_refuse(r, WIRE_CONTENT_TYPE);
	/* A stream gives its usage as it passes: a refusal ends the keeping. */
	if (r->mode == ENTRY_STREAM && r->verdict != WIRE_STORABLE)
		let_go(r);
}

void
recorder_refuse(struct recorder *r, enum wire_verdict why)
{
	if (why == WIRE_STORABLE)
		return;
	if (r->verdict == WIRE_STORABLE)
		r->verdict = why;
	if (r->mode == ENTRY_STREAM || !leaves_usage(why))
		let_go(r);
}

/*
 * The first payload tells whose rules a stream follows. Nothing has been
 * judged before it but events without data, which leave no state.
 */
static void
learn_shape(struct recorder *r, const struct sse_event *event)
{
	json_t *payload;

	r->knows_shape = true;
	if (r->config.format->owns_payload == NULL)
		return;
	payload = wire_parse(event->data, event->data_len);
	if (payload != NULL)
		r->format = wire_format_of_payload(payload, r->config.format);
	json_decref(payload);
}

static int
on_event(void *arg, const struct sse_event *event)
{
	struct recorder *r = arg;

	if (event->has_data && !r->knows_shape)
		learn_shape(r, event);
	r->events++;
	r->format->stream_event(&r->stream, event);
	return 0;
}

/* A fault in an event is known before the end: let the body go early. */
static void
follow_events(struct recorder *r, const char *bytes, size_t len)
{
	if (r->mode != ENTRY_STREAM)
		return;
	/*
	 * No line or event is longer than a body that may be stored, so for
	 * such a body the parser can fail only for want of memory.
	 */
	if (sse_parser_feed(&r->parser, bytes, len, on_event, r) == -1)
		recorder_refuse(r, WIRE_MEMORY);
	if (r->stream.bad != WIRE_STORABLE)
		recorder_refuse(r, r->stream.bad);
}

static void
note_time(struct recorder *r)
{
	if (r->keep && r->mode == ENTRY_STREAM)
		timeline_note(&r->times,
		    (clock_steady_us() - r->head_us) / 1000, r->parser.whole);
}

void
recorder_data(struct recorder *r, const char *bytes, size_t len)
{
	size_t room = r->keep ? r->config.max_bytes - r->body.len : len;
	size_t first = len < room ? len : room;

	if (r->keep && buf_append(&r->body, bytes, first) == -1)
		recorder_refuse(r, WIRE_MEMORY);
	follow_events(r, bytes, first);
	if (first == len) {
		note_time(r);
		return;
	}
	/* Told apart here so that the verdict is the same in any chunking. */
	recorder_refuse(r, WIRE_TOO_LARGE);
	follow_events(r, bytes + first, len - first);
}

bool
recorder_at_boundary(const struct recorder *r)
{
	return r->mode == ENTRY_STREAM && sse_parser_at_boundary(&r->parser);
}

static void
end_stream(struct recorder *r)
{
	enum wire_verdict v;

	v = r->format->stream_end(&r->stream, &r->config.policy);
	/* An event that no blank line ended may have been cut. */
	if (v == WIRE_STORABLE && !sse_parser_may_end(&r->parser))
		v = WIRE_NO_TERMINATOR;
	recorder_refuse(r, v);
}

static void
end_json(struct recorder *r)
{
	enum wire_verdict v = WIRE_BAD_JSON;
	json_t *body = NULL;

	if (r->body.len > 0)
		body = wire_parse(r->body.data, r->body.len);
	if (body != NULL) {
		r->format = wire_format_of_json(body, r->config.format);
		v = r->format->judge_json(body, &r->config.policy, &r->usage);
	}
	json_decref(body);
	recorder_refuse(r, v);
}

enum wire_verdict
recorder_end(struct recorder *r, bool clean)
{
	if (!clean)
		recorder_refuse(r, WIRE_TRANSPORT);
	if (r->mode == ENTRY_STREAM) {
		end_stream(r);
		r->usage = json_incref(r->stream.usage);
	} else if (r->keep) {
		end_json(r);
	}
	if (r->verdict != WIRE_STORABLE)
		let_go(r);
	return r->verdict;
}
