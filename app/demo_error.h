/*
 * Errors of demo-upstream in the shape of each API.
 */
#ifndef DEMO_ERROR_H
#define DEMO_ERROR_H

#include "base/buf.h"

#include <stdint.h>

enum demo_shape {
	DEMO_SHAPE_OPENAI,    /* {"error":{...}}, also as an event */
	DEMO_SHAPE_RESPONSES, /* events named and numbered */
	DEMO_SHAPE_ANTHROPIC, /* {"type":"error","error":{...}}, events named */
	DEMO_SHAPE_AUDIO,     /* events with a type */
	DEMO_SHAPE_COHERE,    /* {"message":...} */
};

/* Append the body of an error answer. Any thread, like below. */
void demo_put_error(struct buf *out, enum demo_shape shape, int status,
    const char *message);

/*
 * Append the data of an error event that comes as event number index.
 * Returns the event's name, or NULL when it has none.
 */
const char *demo_put_error_event(struct buf *out, enum demo_shape shape,
    uint64_t index);

#endif
