#include "wire/error.h"

#include <string.h>

static void
put_string(struct buf *out, const char *s)
{
	buf_put_json_string(out, s, strlen(s));
}

int
wire_openai_error_body(struct buf *out, const struct err *err)
{
	buf_puts(out, "{\"error\":{\"message\":");
	put_string(out,
	    err->text[0] != '\0' ? err->text : err_meaning(err->code));
	buf_puts(out, ",\"type\":");
	put_string(out, err_openai_type(err->code));
	buf_puts(out, ",\"param\":null,\"code\":");
	put_string(out, err_name(err->code));
	return buf_puts(out, "}}");
}

int
wire_openai_error_event(struct buf *out, const struct err *err)
{
	/* The body is one line by construction: one data line holds it. */
	buf_puts(out, "data: ");
	wire_openai_error_body(out, err);
	return buf_puts(out, "\n\n");
}
