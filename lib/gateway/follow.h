/*
 * Taking part in a flight: lead it, or follow the request that does and
 * serve what it gets (see cache/flight.h). Private to the gateway.
 */
#ifndef GATEWAY_FOLLOW_H
#define GATEWAY_FOLLOW_H

#include "gateway/exchange.h"

/*
 * Join the flight of a request. key: of its whole body; found: a look-up of
 * it, or of the first of its questions, for the epoch. look: look once more,
 * and serve from the cache; whether that was done (whoever led before may
 * have stored the answer).
 *
 * Whether the request was served: by another's answer, or failure, or by
 * look. Else the upstream is to be asked, and x->flight is set when others
 * may follow.
 */
bool follow_join(struct exchange *x, const uint8_t key[CACHE_KEY_BYTES],
    const struct cache_found *found, bool (*look)(void *arg), void *arg);

/*
 * The flight of a question, as follow_join takes part in it; see flight_new.
 */
struct flight *follow_flight(const struct exchange *x,
    const uint8_t key[CACHE_KEY_BYTES], const struct cache_found *found);

#endif
