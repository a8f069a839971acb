/*
 * Threads for what is to be done once a request has been answered (struct
 * http_conn: after), beside those that serve: however long it takes, no
 * request waits for it. They begin when they are first needed.
 */
#ifndef HTTP_ASIDE_H
#define HTTP_ASIDE_H

#include "http/peers.h"

#include <stdbool.h>
#include <stddef.h>

struct http_aside;

/*
 * Make a set of at most max threads, each with a stack of so many bytes;
 * none begins yet. peers must outlive it. NULL: memory.
 */
struct http_aside *http_aside_new(
    struct http_peers *peers, int max, size_t stack_bytes);

/*
 * Whether something may be done aside: if so, it counts as being in the air
 * from now on, and http_aside_give must follow. False when the process is
 * to stop, or max such things are begun. Any thread.
 */
bool http_aside_begin(struct http_aside *a);

/*
 * Have run(arg, true) called, on another thread; or here, when there can be
 * none. The calling thread takes no signals, and so will the other. Any
 * thread.
 */
void http_aside_give(
    struct http_aside *a, void (*run)(void *arg, bool allowed), void *arg);

/*
 * Wait for what has been given, and free it. a may be NULL; nobody may be
 * using it.
 */
void http_aside_free(struct http_aside *a);

#endif
