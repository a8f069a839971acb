#include "upstream/pool.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/*
 * A handle that lay idle longer than its connections are used again
 * (transfer.c) has nothing left but closed sockets.
 */
enum { IDLE_MAX = 128, IDLE_US = 60 * 1000 * 1000, CONNECTIONS_MAX = 4 };

struct upstream_pool {
	pthread_mutex_t lock; /* guards what follows */
	size_t n_idle;
	struct pool_handle *idle[IDLE_MAX]; /* the last is the warmest */
};

struct upstream_pool *
upstream_pool_new(void)
{
	struct upstream_pool *pool = calloc(1, sizeof(*pool));

	if (pool != NULL)
		pthread_mutex_init(&pool->lock, NULL);
	return pool;
}

void
upstream_pool_free(struct upstream_pool *pool)
{
	if (pool == NULL)
		return;
	for (size_t i = 0; i < pool->n_idle; i++)
		pool_drop(curl_api_open(NULL), pool->idle[i]);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

void
pool_drop(const struct curl_api *api, struct pool_handle *handle)
{
	if (handle == NULL)
		return;
	if (handle->easy != NULL)
		api->easy_cleanup(handle->easy);
	if (handle->multi != NULL)
		api->multi_cleanup(handle->multi);
	free(handle);
}

static struct pool_handle *
new_handle(const struct curl_api *api, struct err *err)
{
	struct pool_handle *handle = calloc(1, sizeof(*handle));

	if (handle != NULL) {
		handle->multi = api->multi_init();
		handle->easy = api->easy_init();
	}
	if (handle == NULL || handle->multi == NULL || handle->easy == NULL) {
		pool_drop(api, handle);
		err_set(err, ERR_MEMORY, "no memory for a curl handle");
		return NULL;
	}
	api->multi_setopt(handle->multi, CURLMOPT_MAXCONNECTS,
	    (long)CONNECTIONS_MAX);
	return handle;
}

/* Take number i out of the stack. With the lock held. */
static struct pool_handle *
remove_at(struct upstream_pool *pool, size_t i)
{
	struct pool_handle *handle = pool->idle[i];

	pool->n_idle--;
	memmove(&pool->idle[i], &pool->idle[i + 1],
	    (pool->n_idle - i) * sizeof(struct pool_handle *));
	return handle;
}

static struct pool_handle *
take_idle(struct upstream_pool *pool, const struct conf_upstream *upstream)
{
	struct pool_handle *handle = NULL;
	size_t i;

	pthread_mutex_lock(&pool->lock);
	i = pool->n_idle;
	while (i > 0 && pool->idle[i - 1]->upstream != upstream)
		i--;
	if (pool->n_idle > 0)
		handle = remove_at(pool, (i > 0 ? i : pool->n_idle) - 1);
	pthread_mutex_unlock(&pool->lock);
	return handle;
}

struct pool_handle *
pool_take(struct upstream_pool *pool, const struct curl_api *api,
    const struct conf_upstream *upstream, struct err *err)
{
	struct pool_handle *handle;

	while ((handle = take_idle(pool, upstream)) != NULL &&
	    sockets_speak_unasked(&handle->sockets))
		pool_drop(api, handle);
	if (handle == NULL)
		handle = new_handle(api, err);
	if (handle != NULL)
		handle->upstream = upstream;
	return handle;
}

void
pool_give(struct upstream_pool *pool, const struct curl_api *api,
    struct pool_handle *handle)
{
	int64_t now_us = clock_steady_us();
	struct pool_handle *surplus = NULL;

	/* Forget all pointers into the request that has ended. */
	api->easy_reset(handle->easy);
	handle->idle_since_us = now_us;
	pthread_mutex_lock(&pool->lock);
	if (pool->n_idle > 0 && (pool->n_idle == IDLE_MAX ||
	    now_us - pool->idle[0]->idle_since_us > IDLE_US))
		surplus = remove_at(pool, 0);
	pool->idle[pool->n_idle++] = handle;
	pthread_mutex_unlock(&pool->lock);
	/* Closing connections may take a while: not under the lock. */
	pool_drop(api, surplus);
}
