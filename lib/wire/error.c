#include "wire/error.h"

#include "sse/writer.h"

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

int
wire_openai_error_body(struct buf *out, const struct err *err)
{
	buf_puts(out, "{\"error\":{\"message\":");
	put_string(out, message_of(err));
	buf_puts(out, ",\"type\":");
	put_string(out, err_openai_type(err->code));
	buf_puts(out, ",\"param\":null,\"code\":");
	put_string(out, err_name(err->code));
	return buf_puts(out, "}}");
}

int
wire_openai_error_event(struct buf *out, const struct err *err)
{
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
wire_anthropic_error_event(struct buf *out, const struct err *err)
{
	return put_event(out, "error", wire_anthropic_error_body, err);
}
