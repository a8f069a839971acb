/*
 * Writing server-sent events. Pure but for the buffer; one thread a buffer.
 */
#ifndef SSE_WRITER_H
#define SSE_WRITER_H

#include "base/buf.h"

/*
 * Append one event: "event: name" when name is not NULL, a "data:" line for
 * each line of data (ended by LF, CR or CRLF), and the blank line. A name
 * is cut at its first line end. 0, or -1 when out failed.
 */
int sse_write_event(struct buf *out, const char *name, const char *data);

/*
 * Append a comment that keeps a connection awake, a line for each line of
 * text, and the blank line. 0, or -1 when out failed.
 */
int sse_write_comment(struct buf *out, const char *text);

#endif
