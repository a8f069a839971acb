/*
 * The access record: one JSON line a request, always, and whole.
 */
#ifndef OPS_ACCESS_LOG_H
#define OPS_ACCESS_LOG_H

#include "base/err.h"
#include "ops/counters.h"
#include "wire/format.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * What is said of a request. Strings are borrowed, may hold anything, and
 * are cut and escaped on the way out; NULL becomes null.
 */
struct access_record {
	int64_t time_ms;          /* wall clock, at its start */
	const char *request_id;
	const char *client;       /* its address */
	const char *caller;       /* fingerprint of its credential */
	const char *method;
	const char *path;         /* without the query, which may be secret */
	const char *format;
	const char *model;
	bool stream;
	int status;
	enum cache_status cache;
	const char *not_stored;   /* a verdict's word */
	const char *key;          /* a prefix of the key */
	const char *upstream;
	const char *error;        /* an error code's word */
	uint64_t bytes;           /* of the response body, sent */
	int64_t first_byte_us;    /* since the start; -1: none was sent */
	int64_t duration_us;
	struct wire_tokens spent;
	struct wire_tokens saved;
	json_t *usage;            /* as the upstream gave it; borrowed */
	bool aborted;             /* the client left before the end */
};

struct access_log;

/*
 * Open the log: "stderr", "syslog" or the path of a file, which is
 * appended to and opened anew when it was renamed away (log rotation).
 * NULL with err when the file cannot be opened. Called by main.
 */
struct access_log *access_log_open(const char *where, struct err *err);

/*
 * Whether access_log_open would succeed; but a file that is not there is not
 * made, as it would belong to whoever asks. 0, or -1 with err. Any thread.
 */
int access_log_check(const char *where, struct err *err);

/* Close it; no other thread may be using it. log may be NULL. */
void access_log_close(struct access_log *log);

/*
 * Write one record as one line in one system call. 0, or -1 when it was
 * lost. Any thread.
 */
int access_log_write(struct access_log *log, const struct access_record *r);

#endif
