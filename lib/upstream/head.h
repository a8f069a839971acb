/*
 * The head of an answer, line by line as libcurl hands it over.
 */
#ifndef UPSTREAM_HEAD_H
#define UPSTREAM_HEAD_H

#include "base/err.h"
#include "http/header.h"

#include <stdbool.h>
#include <stddef.h>

struct head {
	int status;      /* of the last status line; 0: none yet */
	bool open;       /* between a status line and its empty line */
	bool done;       /* the final head is complete */
	bool chunked;    /* it has Transfer-Encoding */
	struct http_headers fields;
};

/* Begin. End with head_fini. */
void head_init(struct head *h);

/* Free what it holds. */
void head_fini(struct head *h);

/*
 * Take one line with its end. Interim heads (1xx) are skipped, lines after
 * the final head (trailers) ignored; fields whose name or value is no good
 * are left out, hop-by-hop ones removed. *completed is set when this line
 * ended the final head.
 *
 * 0, or -1 with err (ERR_UPSTREAM_BROKEN): no good status line, a switch
 * of protocols, a folded line,
 * too many fields, lengths that contradict each other.
 */
int head_line(struct head *h, const char *line, size_t len, bool *completed,
    struct err *err);

#endif
