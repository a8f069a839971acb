/*
 * The parts of a multipart/form-data body (RFC 7578), just well enough
 * for a simulated model.
 */
#ifndef DEMO_FORM_H
#define DEMO_FORM_H

#include "demo_http.h"

#include <stddef.h>

enum { DEMO_PARTS_MAX = 64 };

/* A part's name and content, both in the request's memory. */
struct demo_part {
	const char *name;
	size_t name_len;
	const char *bytes;
	size_t len;
};

struct demo_form {
	struct demo_part parts[DEMO_PARTS_MAX];
	size_t n;
};

/* Read the form of req. 0, or -1 when it is none. Any thread. */
int demo_form_read(struct demo_form *form, const struct demo_request *req);

/* The first part called so, or NULL. */
const struct demo_part *demo_form_get(const struct demo_form *form,
    const char *name);

/* Whether there is a part called name that says value. */
bool demo_form_says(const struct demo_form *form, const char *name,
    const char *value);

#endif
