#include "demo_json.h"

#include <stdlib.h>

void
demo_put_text(struct buf *out, const char *s, size_t len)
{
	json_t *text = json_stringn(s, len);
	char *quoted = json_dumps(text, JSON_ENCODE_ANY);

	buf_puts(out, quoted == NULL ? "\"\"" : quoted);
	free(quoted);
	json_decref(text);
}

void
demo_put_value(struct buf *out, const json_t *value)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

	buf_puts(out, text == NULL ? "null" : text);
	free(text);
}

void
demo_put_base64(struct buf *out, const void *bytes, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = bytes;
	char four[4];
	uint32_t bits;
	size_t n;

	for (; len > 0; p += n, len -= n) {
		n = len < 3 ? len : 3;
		bits = (uint32_t)p[0] << 16;
		bits |= n > 1 ? (uint32_t)p[1] << 8 : 0;
		bits |= n > 2 ? p[2] : 0;
		for (int i = 0; i < 4; i++)
			four[i] = digits[bits >> (18 - 6 * i) & 63];
		if (n < 3)
			four[3] = '=';
		if (n < 2)
			four[2] = '=';
		buf_append(out, four, 4);
	}
}

uint64_t
demo_json_number(const json_t *body, const char *name, uint64_t otherwise)
{
	const json_t *value = json_object_get(body, name);

	if (!json_is_integer(value) || json_integer_value(value) < 1)
		return otherwise;
	return (uint64_t)json_integer_value(value);
}
