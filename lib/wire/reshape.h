/*
 * Reshaping a stored answer between its two modes (wire-format rules:
 * lossless, or not at all). The shape of the stored body decides, not the
 * path it was asked on. Any thread.
 */
#ifndef WIRE_RESHAPE_H
#define WIRE_RESHAPE_H

#include "base/buf.h"
#include "wire/format.h"

/*
 * Append the stream that says what a stored JSON answer says. asked: the
 * format of the request; usage: it asked for a usage chunk. 0; or -1 when it
 * cannot be expressed faithfully, or does not fit out.
 */
int wire_reshape_to_stream(struct buf *out, const char *json, size_t len,
    const struct wire_format *asked, bool usage);

/*
 * Append the JSON answer that says what a stored stream says. usage: what is
 * known of it beside the stream; may be NULL. 0 or -1, as above.
 */
int wire_reshape_to_json(struct buf *out, const char *stream, size_t len,
    const struct wire_format *asked, json_t *usage);

#endif
