/*
 * POST /v1/chat/completions of demo-upstream.
 */
#ifndef DEMO_CHAT_H
#define DEMO_CHAT_H

#include "demo_http.h"

#include <stdint.h>

/*
 * Answer a chat completion on r, as JSON or as a stream. Equal bodies,
 * knobs and seeds give equal answers. 0, or -1 when the client left.
 */
int demo_chat(struct demo_reply *r, uint64_t seed);

#endif
