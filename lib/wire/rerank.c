#include "wire/rerank.h"

#include "wire/payload.h"

enum wire_verdict
wire_rerank_judge_request(const json_t *body)
{
	const json_t *model = json_object_get(body, "model");

	if (wire_is_set(json_object_get(body, "query")) &&
	    wire_is_set(json_object_get(body, "documents")) &&
	    (model == NULL || json_is_string(model)))
		return WIRE_STORABLE;
	return WIRE_BODY_SHAPE;
}

/* The name of the list: Voyage and Pinecone call it "data". */
static const char *
list_name(const json_t *body)
{
	return json_object_get(body, "results") != NULL ? "results" : "data";
}

/* Which document, and how relevant it is. */
static bool
is_result(const json_t *result)
{
	const json_t *score = json_object_get(result, "relevance_score");

	if (score == NULL)
		score = json_object_get(result, "score");
	return json_is_integer(json_object_get(result, "index")) &&
	    json_is_number(score);
}

/* The object that says what an answer cost; NULL: it does not say. */
static json_t *
usage_of(const json_t *body)
{
	json_t *usage = json_object_get(body, "usage");
	json_t *meta = json_object_get(body, "meta");

	if (json_is_object(usage))
		return usage;
	if (json_is_object(json_object_get(meta, "billed_units")) ||
	    json_is_object(json_object_get(meta, "tokens")))
		return meta;
	return NULL;
}

enum wire_verdict
wire_rerank_judge_json(const json_t *body, const struct wire_policy *policy,
    json_t **usage)
{
	const char *name = list_name(body);
	const json_t *results = json_object_get(body, name);
	size_t i;

	(void)policy;
	*usage = json_incref(usage_of(body));
	if (!json_is_object(body))
		return WIRE_BAD_JSON;
	if (wire_is_error(body, name))
		return WIRE_ERROR_ANSWER;
	if (wire_is_set(results) && !json_is_array(results))
		return WIRE_BAD_JSON;
	if (json_array_size(results) == 0)
		return WIRE_EMPTY;
	for (i = 0; i < json_array_size(results); i++)
		if (!is_result(json_array_get(results, i)))
			return WIRE_BAD_JSON;
	return WIRE_STORABLE;
}
