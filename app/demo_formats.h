/*
 * The wire formats demo-upstream speaks: a file each.
 */
#ifndef DEMO_FORMATS_H
#define DEMO_FORMATS_H

#include "demo_http.h"

#include <stdint.h>

/*
 * Answer a request of one format on r, as JSON or as a stream. Equal
 * bodies, knobs and seeds give equal answers (of audio: equal parts of the
 * form). 0, or -1 when the client left.
 */
int demo_chat(struct demo_reply *r, uint64_t seed);
int demo_completions(struct demo_reply *r, uint64_t seed);
int demo_responses(struct demo_reply *r, uint64_t seed);
int demo_messages(struct demo_reply *r, uint64_t seed);

/* A vector depends on the model, the dimensions and its input alone. */
int demo_embeddings(struct demo_reply *r, uint64_t seed);

/* In the shape of Jina and others, or of Cohere's second version. */
int demo_rerank(struct demo_reply *r, uint64_t seed);

/* Transcriptions and translations. */
int demo_audio(struct demo_reply *r, uint64_t seed);

#endif
