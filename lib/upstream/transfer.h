/*
 * One transfer in progress. It lives on the stack of upstream_perform and
 * belongs to its thread.
 */
#ifndef UPSTREAM_TRANSFER_H
#define UPSTREAM_TRANSFER_H

#include "upstream/curl_api.h"
#include "upstream/head.h"
#include "upstream/pool.h"
#include "upstream/upstream.h"

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct transfer {
	const struct upstream_request *request;
	const struct upstream_sink *sink;
	const struct curl_api *api;
	struct pool_handle *handle;
	struct curl_slist *fields; /* what goes up */
	struct buf url;
	struct head head;
	struct buf pending;   /* body bytes of this network read */
	struct err failure;   /* found by us, not by libcurl */
	char host[128];       /* for messages */
	char detail[CURL_ERROR_SIZE]; /* what libcurl says of a failure */
	bool fresh;           /* not over a connection that is open already */
	bool connected;       /* the request is going out */
	bool got_data;
	bool surplus;         /* TLS held more behind the last body bytes */
	int watch_fd;
	int64_t watch_from_us; /* not watched before */
	int64_t progress_us;  /* when something last moved */
	int64_t idle_us;      /* when idle() was last called */
	curl_off_t uploaded;  /* bytes, as of progress_us */
	bool was_closing;     /* see upstream_perform: send it once more */
};

/*
 * Set every option of the transfer's easy handle, and its url and fields.
 * 0, or -1 with err: ERR_BAD_REQUEST (something that cannot be sent),
 * ERR_CONFIG, ERR_MEMORY.
 */
int transfer_prepare(struct transfer *t, struct err *err);

/* The callbacks libcurl is given by transfer_prepare; arg is a transfer. */
size_t transfer_on_header(char *line, size_t size, size_t n, void *arg);
size_t transfer_on_data(char *bytes, size_t size, size_t n, void *arg);
size_t transfer_on_read(char *out, size_t size, size_t n, void *arg);
int transfer_on_connected(void *arg, char *ip, char *local_ip, int port,
    int local_port);

/*
 * Turn libcurl's result into an error code and words. 0 when code is
 * CURLE_OK and the answer was complete; else -1 with err.
 */
int transfer_outcome(const struct transfer *t, CURLcode code, struct err *err);

#endif
