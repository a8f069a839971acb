#include "wire/verdict.h"

struct verdict_row {
	const char *word;
	const char *text;
};

static const struct verdict_row rows[WIRE_VERDICT_COUNT] = {
#define VERDICT(name, word, text) [WIRE_##name] = {word, text},
#include "wire/verdict.def"
#undef VERDICT
};

const char *
wire_verdict_word(enum wire_verdict v)
{
	return (unsigned)v < WIRE_VERDICT_COUNT ? rows[v].word : "unknown";
}

const char *
wire_verdict_text(enum wire_verdict v)
{
	return (unsigned)v < WIRE_VERDICT_COUNT ? rows[v].text : "unknown";
}
