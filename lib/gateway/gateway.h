/*
 * The gateway: the walk of a request from the web server through the cache
 * to the upstream and back.
 */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "base/buf.h"
#include "base/err.h"
#include "cache/cache.h"
#include "conf/conf.h"
#include "http/server.h"

struct gateway;

/*
 * Make a gateway for a configuration, which must outlive it. many: it will
 * serve many requests (FastCGI), so that what is slow to open is opened
 * now. NULL with err. Called by main before threads start.
 */
struct gateway *gateway_new(const struct conf *conf, bool many,
    struct err *err);

/* Free it; no thread may be serving. gateway may be NULL. */
void gateway_free(struct gateway *gateway);

/*
 * Serve one request (an http_handler; ctx is the struct gateway). Writes
 * its access record before it returns. Any thread.
 */
enum http_outcome gateway_handle(struct http_conn *conn, bool overloaded,
    void *ctx);

/*
 * The process is about to end (give_up of struct http_server_config; ctx is
 * the struct gateway): transfers in the air are stopped within a second,
 * their answers visibly cut off and recorded. Any thread.
 */
void gateway_give_up(void *ctx);

/*
 * Open the cache of a configuration by itself, for the command line. NULL
 * with err. Free with cache_free.
 */
struct cache *gateway_open_cache(const struct conf *conf, struct err *err);

/*
 * Explain a request without serving it (`reprise key`): append to out, in
 * lines of "name  value", its format, what is known of its body, the
 * upstream it leads to, its key and canonical form, and whether and why not
 * it would be cached. envp: the request as CGI variables. 0, or -1 with err
 * when it would be answered with an error.
 */
int gateway_explain(const struct conf *conf, char *const *envp,
    const char *body, size_t body_len, struct buf *out, struct err *err);

#endif
