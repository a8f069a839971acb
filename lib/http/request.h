/*
 * A request as the web server describes it in CGI variables (RFC 3875).
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include "base/err.h"
#include "http/header.h"

#include <stdbool.h>
#include <stdint.h>

struct http_request {
	char *method;   /* a token, e.g. "POST" */
	char *path;     /* raw path below the base path; begins with '/' */
	char *query;    /* raw query without '?', or NULL */
	char *client;   /* REMOTE_ADDR, made printable; "" when unknown */
	int64_t content_length;       /* bytes; -1: not known (chunked) */
	struct http_headers headers;  /* end-to-end ones, see below */
};

/*
 * Read the request from CGI variables, envp in the form of environ.
 *
 * The target is REQUEST_URI (an absolute form loses scheme and host);
 * without it SCRIPT_NAME, PATH_INFO and QUERY_STRING are put together.
 * base_path ("/" or "/llm") is taken off; a path with a dot segment, plain
 * or percent-encoded, is refused. Headers come from HTTP_* with '_' as
 * '-', from CONTENT_TYPE, and Authorization also from
 * REDIRECT_HTTP_AUTHORIZATION. HTTP_PROXY is never taken. A field that
 * comes twice becomes one, its values joined. Hop-by-hop
 * fields are removed, and so is Content-Length (see content_length).
 *
 * 0, or -1 with err: ERR_BAD_REQUEST (bad method, target, length or
 * header), ERR_NOT_FOUND (outside base_path), ERR_MEMORY. In either case
 * the caller ends with http_request_fini; on -1 whatever could be read is
 * there, so that the error can be recorded. Any thread.
 */
int http_request_parse(struct http_request *req, char *const *envp,
    const char *base_path, struct err *err);

/*
 * Copy a request that was parsed. 0, or -1: memory; the caller ends with
 * http_request_fini in either case. Any thread.
 */
int http_request_copy(struct http_request *out,
    const struct http_request *req);

/* Free all of it. */
void http_request_fini(struct http_request *req);

#endif
