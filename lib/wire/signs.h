/*
 * What an answer that ends for a reason shows of itself, and the verdict
 * that comes of it: what choices and messages share in judging. Any thread.
 */
#ifndef WIRE_SIGNS_H
#define WIRE_SIGNS_H

#include "wire/format.h"

/* Flags of an answer, or of a part of it; 128 is left to the format. */
enum wire_sign {
	WIRE_SIGN_FINISHED = 1,
	WIRE_SIGN_CONTENT = 2,
	WIRE_SIGN_BY_LENGTH = 4,
	WIRE_SIGN_CALLS_TOOLS = 8,
	WIRE_SIGN_FILTERED = 16,
	WIRE_SIGN_FAILED = 32,
	WIRE_SIGN_MISSHAPEN = 64
};

/*
 * The faults that show at once, whatever may follow; error is the verdict
 * on what failed. WIRE_STORABLE: none.
 */
enum wire_verdict wire_signs_fault(unsigned signs, enum wire_verdict error);

/* Note in a stream what part of an event shows. */
void wire_signs_note(struct wire_stream *s, unsigned signs);

/* What is lacking once all has ended: a finish, or content. */
enum wire_verdict wire_signs_lack(unsigned signs);

/* The verdict on an answer that lacks nothing. */
enum wire_verdict wire_signs_allowed(unsigned signs,
    const struct wire_policy *policy);

#endif
