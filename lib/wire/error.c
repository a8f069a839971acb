#include "wire/error.h"

#include "sse/writer.h"

#include <inttypes.h>
#include <string.h>

/* The text of a struct err, escaped, and some words around it. */
enum { ERROR_BODY_MAX = 4096 };

static void
put_string(struct buf *out, const char *s)
{
	buf_put_json_string(out, s, strlen(s));
}

static const char *
message_of(const struct err *err)
{
	return err->text[0] != '\0' ? err->text : err_meaning(err->code);
}

static int
put_event(struct buf *out, const char *name,
    int (*put_body)(struct buf *out, const struct err *err),
    const struct err *err)
{
	struct buf body;
	int rc;

	buf_init(&body, ERROR_BODY_MAX);
	rc = put_body(&body, err);
	if (rc == 0)
		rc = sse_write_event(out, name, body.data);
	buf_fini(&body);
	return rc;
}

/* The member "error", as all of OpenAI's shapes have it. */
static void
put_openai_error(struct buf *out, const struct err *err)
{
	buf_puts(out, "\"error\":{\"message\":");
	put_string(out, message_of(err));
	buf_puts(out, ",\"type\":");
	put_string(out, err_openai_type(err->code));
	buf_puts(out, ",\"param\":null,\"code\":");
	put_string(out, err_name(err->code));
	buf_puts(out, "}");
}

int
wire_openai_error_body(struct buf *out, const struct err *err)
{
	buf_puts(out, "{");
	put_openai_error(out, err);
	return buf_puts(out, "}");
}

int
wire_openai_error_event(struct buf *out, const struct err *err,
    uint64_t events)
{
	(void)events;
	return put_event(out, NULL, wire_openai_error_body, err);
}

int
wire_anthropic_error_body(struct buf *out, const struct err *err)
{
	buf_puts(out, "{\"type\":\"error\",\"error\":{\"type\":");
	put_string(out, err_anthropic_type(err->code));
	buf_puts(out, ",\"message\":");
	put_string(out, message_of(err));
	return buf_puts(out, "}}");
}

int
wire_anthropic_error_event(struct buf *out, const struct err *err,
    uint64_t events)
{
	(void)events;
	return put_event(out, "error", wire_anthropic_error_body, err);
}

int
wire_responses_error_event(struct buf *out, const struct err *err,
    uint64_t events)
{
	struct buf data;
	int rc = -1;

	buf_init(&data, ERROR_BODY_MAX);
	buf_printf(&data, "{\"type\":\"error\",\"sequence_number\":%" PRIu64
	    ",\"code\":", events);
	put_string(&data, err_name(err->code));
	buf_puts(&data, ",\"message\":");
	put_string(&data, message_of(err));
	buf_puts(&data, ",\"param\":null,");
	put_openai_error(&data, err);
	if (buf_puts(&data, "}") == 0)
		rc = sse_write_event(out, "error", data.data);
	buf_fini(&data);
	return rc;
}

static int
put_transcription_error(struct buf *out, const struct err *err)
{
	buf_puts(out, "{\"type\":\"error\",");
	put_openai_error(out, err);
	return buf_puts(out, "}");
}

int
wire_transcription_error_event(struct buf *out, const struct err *err,
    uint64_t events)
{
	(void)events;
	return put_event(out, "error", put_transcription_error, err);
}
