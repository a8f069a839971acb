/*
 * Forms in multipart/form-data (RFC 7578; RFC 2046 section 5.1), split in
 * memory without copying what the parts hold.
 *
 * The reader is strict: a body that two readers might split differently is
 * refused, so that what is taken here for the content of a part is what
 * the upstream takes for it.
 */
#ifndef HTTP_MULTIPART_H
#define HTTP_MULTIPART_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	HTTP_FORM_PARTS_MAX = 256,
	HTTP_PART_HEAD_MAX = 8192,       /* bytes of a part's header lines */
	HTTP_BOUNDARY_SIZE = 70 + 1,     /* RFC 2046 section 5.1.1, and NUL */
};

struct http_part {
	/*
	 * NUL-terminated UTF-8 without control bytes, never empty. A \" of
	 * the header is a plain " here; %22, %0D and %0A, which browsers
	 * send, stay as they are. Names may repeat.
	 */
	const char *name;
	size_t name_len;
	bool is_file;        /* has a filename or filename* parameter */
	const char *type;    /* Content-Type, in the body, or NULL: none */
	size_t type_len;     /* bytes, without surrounding blanks */
	const char *content; /* in the body */
	size_t len;          /* bytes */
};

struct http_form {
	struct http_part *parts; /* in the order of the body */
	size_t count;
	struct buf names; /* owns the names */
};

/*
 * Find the boundary in the value of a Content-Type field: 1 to 70 bytes
 * of RFC 2046's bchars, without quotes, NUL-terminated. content_type may
 * be NULL. 0, or -1 when the type is not multipart/form-data, its
 * parameters are malformed, or it has not exactly one legal boundary
 * (outside quotes only what is also a token, RFC 2045 section 5.1). Any
 * thread.
 */
int http_multipart_boundary(char boundary[HTTP_BOUNDARY_SIZE],
    const char *content_type);

/*
 * Split the len bytes of body, which must stay as long as the form does.
 * Text before the first delimiter line and after the closing one is
 * ignored; a form without any part is legal. Lines end in CRLF, or
 * throughout in LF.
 *
 * 0, or -1 with err ERR_BAD_REQUEST or ERR_MEMORY. Refused as malformed,
 * with a text that says what and in which part:
 * - no legal boundary in content_type; no delimiter, or no closing one; a
 *   line that begins with the delimiter but goes on, be it with blanks
 *   (not after the closing one, though), or that another kind of line end
 *   precedes; the delimiter in the text around the parts;
 * - headers that are folded, malformed, given twice or too long; too many
 *   parts;
 * - a part without Content-Disposition: form-data and exactly one name;
 *   bytes that are not UTF-8 in it; name*, a name in pieces (RFC 2231), a
 *   filename* not after RFC 8187; a backslash whose meaning differs
 *   between readers;
 * - a field of type application/octet-stream, to some a file;
 * - content that is encoded (Content-Transfer-Encoding other than 7bit,
 *   8bit and binary, or Content-Encoding), that is itself multipart, in a
 *   charset other than UTF-8 unless it is all ASCII, or of another length
 *   than its Content-Length.
 *
 * Time is linear in len. In either case the form may be given to
 * http_form_fini; on -1 it is empty. Any thread.
 */
int http_form_parse(struct http_form *form, const char *content_type,
    const char *body, size_t len, struct err *err);

/* Free what the form owns; it is then empty. The body is not touched. */
void http_form_fini(struct http_form *form);

#endif
