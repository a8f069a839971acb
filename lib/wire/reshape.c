#include "wire/reshape.h"

#include "wire/payload.h"

int
wire_reshape_to_stream(struct buf *out, const char *json, size_t len,
    const struct wire_format *asked, bool usage)
{
	/* Of a member that is there twice one would be lost: refused. */
	json_t *answer = json_loadb(json, len,
	    JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
	const struct wire_format *format;
	int rc = -1;

	if (answer == NULL)
		return -1;
	format = wire_format_of_json(answer, asked);
	if (format->to_stream != NULL && format->owns_json(answer))
		rc = format->to_stream(out, answer, usage);
	json_decref(answer);
	return out->failed ? -1 : rc;
}

int
wire_reshape_to_json(struct buf *out, const char *stream, size_t len,
    const struct wire_format *asked, json_t *usage)
{
	json_t *payloads = wire_payloads(stream, len);
	const json_t *first = json_array_get(payloads, 0);
	const struct wire_format *format;
	int rc = -1;

	if (first != NULL) {
		/* One that is nobody's may yet begin a stream of the asked. */
		format = wire_format_of_payload(first, asked);
		if (format->to_json != NULL)
			rc = format->to_json(out, payloads, usage);
	}
	json_decref(payloads);
	return out->failed ? -1 : rc;
}
