#include "http/output.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

int
http_output_add(struct http_output *o, const void *bytes, size_t len)
{
	if (len > sizeof(o->bytes) - o->len)
		return -1;
	memcpy(o->bytes + o->len, bytes, len);
	o->len += len;
	return 0;
}

/* Whether a failed write may be tried again. */
static int
may_retry(int fd, int wait_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int n;

	if (errno == EINTR)
		return 1;
	if (errno != EAGAIN || wait_ms == 0)
		return 0;
	do
		n = poll(&p, 1, wait_ms);
	while (n == -1 && errno == EINTR);
	return n > 0;
}

int
http_write_all(int fd, struct iovec *iov, int count, int wait_ms)
{
	size_t n;
	ssize_t wrote;

	while (count > 0) {
		wrote = writev(fd, iov, count);
		if (wrote < 0) {
			if (may_retry(fd, wait_ms))
				continue;
			return -1;
		}
		n = (size_t)wrote;
		for (; count > 0 && n >= iov->iov_len; iov++, count--)
			n -= iov->iov_len;
		if (count > 0) {
			iov->iov_base = (char *)iov->iov_base + n;
			iov->iov_len -= n;
		}
	}
	return 0;
}
