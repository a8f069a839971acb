#include "gateway/wait.h"

#include "base/clock.h"

#include <poll.h>

/*
 * A descriptor that is readable though the client has not left (the next
 * request, sent early) is not watched for so long: it would spin.
 */
enum { WATCH_REST_US = 100 * 1000 };

void
wait_init(struct wait *w, struct http_conn *conn)
{
	w->conn = conn;
	w->watch_from_us = 0;
}

int
wait_for(struct wait *w, int64_t ms)
{
	int64_t until_us = clock_steady_us() + ms * 1000, now_us;
	struct pollfd p = {.events = POLLIN};
	int64_t left_us;

	do {
		now_us = clock_steady_us();
		p.fd = now_us >= w->watch_from_us ?
		    http_conn_watch_fd(w->conn) : -1;
		p.revents = 0;
		left_us = until_us - now_us;
		if (p.fd == -1 && left_us > WATCH_REST_US)
			left_us = WATCH_REST_US;
		poll(&p, 1, left_us <= 0 ? 0 : (int)((left_us + 999) / 1000));
		if (p.revents == 0)
			continue;
		if (http_conn_peer_left(w->conn))
			return -1;
		w->watch_from_us = clock_steady_us() + WATCH_REST_US;
	} while (clock_steady_us() < until_us);
	/* A pipe's reader is not told of by what is watched. */
	return w->conn->body_ended && http_conn_peer_left(w->conn) ? -1 : 0;
}
