/*
 * The sockets that a pool handle's connections have open, so that what a
 * server says unasked is seen before it is taken for an answer: over
 * HTTP/1.1 an answer belongs to the request before it, whoever sent that
 * (RFC 9112 section 9.2). libcurl 7.88 does not look.
 */
#ifndef UPSTREAM_SOCKETS_H
#define UPSTREAM_SOCKETS_H

#include "upstream/curl_api.h"

#include <stdbool.h>
#include <stddef.h>

/* More than a handle's idle connections and those it is just trying. */
enum { SOCKETS_MAX = 16 };

/* All zero: none. Belongs to the thread that has the handle. */
struct sockets {
	size_t n;
	struct {
		curl_socket_t fd;
		bool multiplexed; /* HTTP/2: its frames say whose they are */
	} list[SOCKETS_MAX];
};

/*
 * CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION; arg is a
 * struct sockets that outlives the connections.
 */
curl_socket_t sockets_open(void *arg, curlsocktype purpose,
    struct curl_sockaddr *address);
int sockets_close(void *arg, curl_socket_t fd);

/* The connection over this socket speaks HTTP/2. */
void sockets_note_multiplexed(struct sockets *s, curl_socket_t fd);

/*
 * No transfer is running: whether a connection over which HTTP/1.1 was
 * spoken has something to read, or was closed by its server.
 */
bool sockets_speak_unasked(const struct sockets *s);

/*
 * In a transfer's callback: whether TLS has decrypted more than libcurl has
 * taken, or may have. At the last of an HTTP/1.1 answer's body that is what
 * nobody asked for, and no socket shows it.
 */
bool sockets_tls_has_more(const struct curl_api *api, CURL *easy);

#endif
