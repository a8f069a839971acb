/*
 * Taking part in a flight: lead it, or follow the request that does and
 * serve what it gets (see cache/flight.h). Private to the gateway.
 */
#ifndef GATEWAY_FOLLOW_H
#define GATEWAY_FOLLOW_H

#include "gateway/exchange.h"

enum follow_result {
	FOLLOW_SERVED, /* another's answer, or failure: the response has ended */
	FOLLOW_LEADS,  /* x->flight is set: look up once more, then ask */
	FOLLOW_ALONE   /* ask the upstream without others */
};

/*
 * Join the flight of a request. key: of its whole body; found: a look-up of
 * it, or of the first of its questions, for the epoch.
 */
enum follow_result follow_join(struct exchange *x,
    const uint8_t key[CACHE_KEY_BYTES], const struct cache_found *found);

#endif
