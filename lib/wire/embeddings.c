#include "wire/embeddings.h"

#include "wire/payload.h"

enum wire_verdict
wire_embeddings_judge_request(const json_t *body)
{
	const json_t *model = json_object_get(body, "model");

	if (wire_is_set(json_object_get(body, "input")) &&
	    (model == NULL || json_is_string(model)))
		return WIRE_STORABLE;
	return WIRE_BODY_SHAPE;
}

/* An array of numbers, or a string (base64); not empty. */
static bool
is_vector(const json_t *value)
{
	size_t i;

	if (json_is_string(value))
		return json_string_length(value) > 0;
	for (i = 0; i < json_array_size(value); i++)
		if (!json_is_number(json_array_get(value, i)))
			return false;
	return json_array_size(value) > 0;
}

/* An element that says its place says this one. */
static bool
is_at(const json_t *element, size_t place)
{
	const json_t *index = json_object_get(element, "index");

	return index == NULL || (json_is_number(index) &&
	    json_number_value(index) == (double)place);
}

enum wire_verdict
wire_embeddings_judge(const json_t *body, size_t expected)
{
	const json_t *data = json_object_get(body, "data");
	size_t i, n = json_array_size(data);

	if (!json_is_object(body))
		return WIRE_BAD_JSON;
	if (wire_is_error(body, "data"))
		return WIRE_ERROR_ANSWER;
	if (wire_is_set(data) && !json_is_array(data))
		return WIRE_BAD_JSON;
	if (n == 0)
		return WIRE_EMPTY;
	if (expected != WIRE_EMBEDDINGS_ANY && n != expected)
		return WIRE_MISMATCH;
	for (i = 0; i < n; i++)
		if (!is_vector(json_object_get(json_array_get(data, i),
		    "embedding")))
			return WIRE_BAD_JSON;
	for (i = 0; i < n; i++)
		if (!is_at(json_array_get(data, i), i))
			return WIRE_MISMATCH;
	return WIRE_STORABLE;
}

enum wire_verdict
wire_embeddings_judge_json(const json_t *body,
    const struct wire_policy *policy, json_t **usage)
{
	(void)policy;
	*usage = wire_usage_of(body);
	return wire_embeddings_judge(body, WIRE_EMBEDDINGS_ANY);
}
