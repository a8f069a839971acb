/*
 * One part of a multipart/form-data body: its header lines and what they
 * say of its content. Private to http/multipart.c.
 */
#ifndef HTTP_PART_H
#define HTTP_PART_H

#include "base/buf.h"
#include "base/err.h"
#include "http/multipart.h"
#include "http/params.h"

/*
 * Read the part that lies between two delimiter lines. The line ends of
 * its head are CRLF, or LF when crlf is false. Its name is appended to
 * names with a NUL; part->name is left NULL, as names still moves.
 *
 * 0, or -1 with err ERR_BAD_REQUEST (see http_form_parse) or ERR_MEMORY;
 * number, counted from 1, is for its text. Any thread.
 */
int http_part_read(struct http_part *part, struct buf *names,
    struct http_span between, bool crlf, size_t number, struct err *err);

#endif
