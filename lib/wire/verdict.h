/*
 * May it be stored? One closed list of answers (verdict.def).
 */
#ifndef WIRE_VERDICT_H
#define WIRE_VERDICT_H

enum wire_verdict {
#define VERDICT(name, word, text) WIRE_##name,
#include "wire/verdict.def"
#undef VERDICT
	WIRE_VERDICT_COUNT
};

/* The verdict's word, e.g. "no-terminator". Static. Any thread. */
const char *wire_verdict_word(enum wire_verdict v);

/* The verdict in plain words. Static. Any thread. */
const char *wire_verdict_text(enum wire_verdict v);

#endif
