/*
 * Leading a flight: what the relay of the request that asked the upstream
 * tells those that follow it. Private to the gateway.
 *
 * With x->flight NULL these do nothing.
 */
#ifndef GATEWAY_LEAD_H
#define GATEWAY_LEAD_H

#include "cache/flight.h"
#include "gateway/relay.h"

/* The answer's head went to the client; headers: as the upstream sent it. */
void lead_head(struct relay *r, const struct http_headers *headers);

/* Bytes of the body went to the client. */
void lead_data(struct relay *r, const char *bytes, size_t len);

/* What came is only for those who follow by now: it is not stored. */
void lead_close(struct relay *r);

/* Every FLIGHT_TICK_MS, while nothing comes from the upstream. */
void lead_tick(struct relay *r);

/* Whether anybody follows. */
bool lead_followed(const struct relay *r);

/*
 * The transfer has ended: rc and err as upstream_perform gave them, what is
 * to be stored has been.
 */
void lead_end(struct relay *r, int rc, const struct err *err);

/*
 * The response has ended. Where memcached did not take the end of the flight,
 * it is tried again aside, as long as followers may wait for it.
 */
void lead_land(struct exchange *x);

#endif
