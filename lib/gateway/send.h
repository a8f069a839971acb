/*
 * Sending what a relay passes on to its client. Where others may follow that
 * request, a client that reads slowly must not hold them up: what it does
 * not take yet is kept for it, up to cache.max_entry. Private to the gateway.
 *
 * Each returns 0; or -1 when the client has left, and the transfer is of no
 * use to anybody else.
 */
#ifndef GATEWAY_SEND_H
#define GATEWAY_SEND_H

#include "gateway/relay.h"

/* Send bytes on, behind those that are kept. */
int send_on(struct relay *r, const char *bytes, size_t len);

/* Send what is kept: as much as the client takes now, or all of it. */
int send_kept(struct relay *r, bool all);

#endif
