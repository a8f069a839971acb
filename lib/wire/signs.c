#include "wire/signs.h"

#include "wire/payload.h"

enum wire_verdict
wire_signs_fault(unsigned signs, enum wire_verdict error)
{
	if (signs & WIRE_SIGN_MISSHAPEN)
		return WIRE_BAD_JSON;
	if (signs & WIRE_SIGN_FAILED)
		return error;
	return signs & WIRE_SIGN_FILTERED ? WIRE_FILTERED : WIRE_STORABLE;
}

void
wire_signs_note(struct wire_stream *s, unsigned signs)
{
	wire_stream_fault(s, wire_signs_fault(signs, WIRE_ERROR_EVENT));
	s->any_payload = s->any_payload || signs & WIRE_SIGN_CONTENT;
	s->ended_by_length = s->ended_by_length || signs & WIRE_SIGN_BY_LENGTH;
	s->calls_tools = s->calls_tools || signs & WIRE_SIGN_CALLS_TOOLS;
}

enum wire_verdict
wire_signs_lack(unsigned signs)
{
	if (!(signs & WIRE_SIGN_FINISHED))
		return WIRE_NO_FINISH;
	return signs & WIRE_SIGN_CONTENT ? WIRE_STORABLE : WIRE_EMPTY;
}

enum wire_verdict
wire_signs_allowed(unsigned signs, const struct wire_policy *policy)
{
	if (signs & WIRE_SIGN_BY_LENGTH && !policy->store_length)
		return WIRE_LENGTH;
	if (signs & WIRE_SIGN_CALLS_TOOLS && !policy->store_tool_calls)
		return WIRE_TOOL_CALLS;
	return WIRE_STORABLE;
}
