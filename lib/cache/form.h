/*
 * What the cache knows of a request body that is a form
 * (multipart/form-data), already split into its parts.
 */
#ifndef CACHE_FORM_H
#define CACHE_FORM_H

#include "cache/canonical.h"

struct cache_form_part {
	const char *name;    /* NUL-terminated */
	bool is_file;
	const char *content;
	size_t len;
	/*
	 * Of a file, the parameters of its media type, which say how to read
	 * raw samples ("audio/L16;rate=8000"); NULL when it has none.
	 */
	const char *parameters;
	size_t parameters_len;
};

/*
 * Digest a form, so that two forms are the same question when they have
 * parts of the same names, kinds, contents and parameters, in any order but
 * for parts of the same name; boundaries, file names, media types and the
 * parts' other headers do not matter. A text part "stream" that is "true" or
 * "false" is a dimension of the key instead.
 *
 * out->verdict is WIRE_STORABLE, or what the format's judge_request said.
 * canonical, when not NULL, gets a readable list of the parts appended. 0,
 * or -1 when memory is short. Any thread.
 */
int cache_form_read(struct cache_body *out,
    const struct cache_form_part *parts, size_t n,
    const struct wire_format *format, struct buf *canonical);

#endif
