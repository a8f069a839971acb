/*
 * The knobs of demo-upstream: what a request may ask it to do wrong.
 */
#ifndef DEMO_KNOBS_H
#define DEMO_KNOBS_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define NUMBER(name, ...)
#define SWITCH(name, ...)
#define WORD(name, ...)
#define FAULT(name, ...) DEMO_FAULT_##name,
enum demo_fault {
#include "demo_knobs.def"
	DEMO_FAULT_COUNT
};
#undef FAULT
#undef NUMBER
#undef SWITCH
#undef WORD

#define NUMBER(name, ...) uint64_t name;
#define SWITCH(name, ...) bool name;
#define WORD(name, ...) char name[32];
#define FAULT(name, ...)
struct demo_knobs {
	enum demo_fault fault;
	struct buf headers; /* further header lines, raw on purpose */
#include "demo_knobs.def"
};
#undef FAULT
#undef NUMBER
#undef SWITCH
#undef WORD

/* Set every knob to its default. End with demo_knobs_fini. */
void demo_knobs_init(struct demo_knobs *k);

/* Free what k holds. */
void demo_knobs_fini(struct demo_knobs *k);

/*
 * Make to a copy of from; to is not initialised before. End with
 * demo_knobs_fini. 0, or -1 when memory is short.
 */
int demo_knobs_copy(struct demo_knobs *to, const struct demo_knobs *from);

/*
 * Take over a list "key=value, key=value". 0, or -1 with err
 * (ERR_BAD_REQUEST) that names the key.
 */
int demo_knobs_parse(struct demo_knobs *k, const char *list, struct err *err);

/* Print the table of knobs for --help. */
void demo_knobs_help(FILE *out);

#endif
