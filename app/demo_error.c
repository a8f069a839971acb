#include "demo_error.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

static const char in_stream[] =
    "The server had an error while processing your request";

static const char *
openai_type(int status)
{
	return status == 429 ? "rate_limit_error" :
	    status >= 500 ? "server_error" : "invalid_request_error";
}

/* https://docs.anthropic.com/en/api/errors */
static const char *
anthropic_type(int status)
{
	static const struct {
		int status;
		const char *type;
	} table[] = {
		{400, "invalid_request_error"}, {401, "authentication_error"},
		{403, "permission_error"}, {404, "not_found_error"},
		{413, "request_too_large"}, {429, "rate_limit_error"},
		{529, "overloaded_error"}, {200, "overloaded_error"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].status == status)
			return table[i].type;
	}
	return status >= 500 ? "api_error" : "invalid_request_error";
}

void
demo_put_error(struct buf *out, enum demo_shape shape, int status,
    const char *message)
{
	if (shape == DEMO_SHAPE_ANTHROPIC)
		buf_printf(out, "{\"type\":\"error\",\"error\":{\"type\":"
		    "\"%s\",\"message\":", anthropic_type(status));
	else
		buf_puts(out, shape == DEMO_SHAPE_COHERE ? "{\"message\":" :
		    "{\"error\":{\"message\":");
	buf_put_json_string(out, message, strlen(message));
	if (shape == DEMO_SHAPE_ANTHROPIC)
		buf_puts(out, "}}");
	else if (shape == DEMO_SHAPE_COHERE)
		buf_puts(out, "}");
	else
		buf_printf(out, ",\"type\":\"%s\",\"param\":null,"
		    "\"code\":null}}", openai_type(status));
}

const char *
demo_put_error_event(struct buf *out, enum demo_shape shape, uint64_t index)
{
	switch (shape) {
	case DEMO_SHAPE_RESPONSES:
		buf_printf(out, "{\"type\":\"error\",\"sequence_number\":%"
		    PRIu64 ",\"code\":\"server_error\",\"message\":\"%s\","
		    "\"param\":null}", index, in_stream);
		return "error";
	case DEMO_SHAPE_ANTHROPIC:
		buf_puts(out, "{\"type\":\"error\",\"error\":{\"type\":"
		    "\"overloaded_error\",\"message\":\"Overloaded\"}}");
		return "error";
	case DEMO_SHAPE_AUDIO:
		buf_printf(out, "{\"type\":\"error\",\"error\":{\"message\":"
		    "\"%s\",\"type\":\"server_error\",\"param\":null,"
		    "\"code\":null}}", in_stream);
		return NULL;
	case DEMO_SHAPE_OPENAI:
	case DEMO_SHAPE_COHERE:
		break;
	}
	demo_put_error(out, DEMO_SHAPE_OPENAI, 500, in_stream);
	return NULL;
}
