/*
 * What the kinds of http_conn share on the way out: a small buffer in
 * front of a descriptor, and writing vectors whole.
 */
#ifndef HTTP_OUTPUT_H
#define HTTP_OUTPUT_H

#include <stddef.h>
#include <sys/uio.h>

/*
 * Bytes that wait for more. With the records around them they fit one
 * buffer of libfcgi (8192 bytes), so that a small answer and its end are
 * one write.
 */
enum { HTTP_OUTPUT_BYTES = 8000 };

struct http_output {
	size_t len;
	char bytes[HTTP_OUTPUT_BYTES];
};

/*
 * Copy bytes behind those that wait. 0, or -1 when they do not fit
 * (nothing is copied then). One thread at a time.
 */
int http_output_add(struct http_output *o, const void *bytes, size_t len);

/*
 * Write all of count vectors to fd, whatever the kernel takes at a time;
 * iov is used up. A descriptor that would block is waited for at most
 * wait_ms (0: not at all, for sockets with SO_SNDTIMEO). 0 or -1. SIGPIPE
 * must be ignored. Any thread.
 */
int http_write_all(int fd, struct iovec *iov, int count, int wait_ms);

#endif
