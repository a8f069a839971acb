/*
 * Reranking, POST /v1/rerank, /v2/rerank and /rerank, as Cohere defined it
 * (docs.cohere.com, "Rerank") and Jina, vLLM and others speak it: documents
 * put in the order of their relevance to a query, never streamed. The
 * members of its row. Any thread.
 */
#ifndef WIRE_RERANK_H
#define WIRE_RERANK_H

#include "wire/format.h"

/*
 * Whether the request has a "query" and "documents", and a "model" that is
 * a string if it is there.
 */
enum wire_verdict wire_rerank_judge_request(const json_t *body);

/*
 * As judge_json of struct wire_format. The usage of Cohere's answers is
 * their whole "meta".
 */
enum wire_verdict wire_rerank_judge_json(const json_t *body,
    const struct wire_policy *policy, json_t **usage);

#endif
