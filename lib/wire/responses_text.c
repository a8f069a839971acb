#include "wire/responses_text.h"

#include "wire/responses.h"

#include <string.h>

const struct wire_responses_text
    wire_responses_texts[WIRE_RESPONSES_TEXTS] = {
    {
	.event = "response.output_text",
	.item_type = "message",
	.member = "text",
	.list = "content",
	.part_type = "output_text",
	.index_name = "content_index",
	.part_event = "response.content_part",
	.has_extras = true,
    },
    {
	.event = "response.refusal",
	.item_type = "message",
	.member = "refusal",
	.list = "content",
	.part_type = "refusal",
	.index_name = "content_index",
	.part_event = "response.content_part",
    },
    {
	.event = "response.reasoning_summary_text",
	.item_type = "reasoning",
	.member = "text",
	.list = "summary",
	.part_type = "summary_text",
	.index_name = "summary_index",
	.part_event = "response.reasoning_summary_part",
    },
    {
	.event = "response.reasoning_text",
	.item_type = "reasoning",
	.member = "text",
	.list = "content",
	.part_type = "reasoning_text",
	.index_name = "content_index",
	.part_event = "response.content_part",
    },
    {
	.event = "response.function_call_arguments",
	.item_type = "function_call",
	.member = "arguments",
    },
    {
	.event = "response.custom_tool_call_input",
	.item_type = "custom_tool_call",
	.member = "input",
    },
};

const struct wire_responses_text *
wire_responses_text_of_part(const json_t *item, const char *list,
    const json_t *part)
{
	const struct wire_responses_text *kind = wire_responses_texts;
	size_t i;

	for (i = 0; i < WIRE_RESPONSES_TEXTS; i++, kind++) {
		if (kind->list != NULL && strcmp(kind->list, list) == 0 &&
		    wire_responses_says(item, "type", kind->item_type) &&
		    wire_responses_says(part, "type", kind->part_type))
			return kind;
	}
	return NULL;
}

bool
wire_responses_says(const json_t *object, const char *member, const char *word)
{
	const char *s = json_string_value(json_object_get(object, member));

	return s != NULL && strcmp(s, word) == 0;
}

bool
wire_responses_is_whole(const json_t *answer)
{
	static const struct wire_policy storing_all = {true, true};
	json_t *usage = NULL;
	enum wire_verdict v;

	v = wire_responses_judge_json(answer, &storing_all, &usage);
	json_decref(usage);
	return v == WIRE_STORABLE && wire_responses_owns_json(answer);
}
