#include "http/peers.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

TAILQ_HEAD(peer_list, http_peer);

struct http_peers {
	pthread_mutex_t mutex;    /* guards all that follows the constants */
	pthread_cond_t queued;    /* something was queued, or quit */
	pthread_cond_t overdue;   /* the same, for http_peers_take_overdue */
	int epoll_fd, wake_fd;
	int64_t queue_timeout_us;

	struct peer_list queue;   /* longest waiting first */
	struct peer_list parked;  /* longest parked first */
	int n_queued;
	int n_open;
	int n_served;             /* taken and not given back */
	int n_aside;              /* things begun that nobody waits for */
	int n_idle;               /* workers in http_peers_take's wait */
	bool overdue_asleep;      /* it waits without a limit */
	bool wake_asked;
	bool stopping, quit;
};

static int
init_locks(struct http_peers *p)
{
	pthread_condattr_t steady;

	if (pthread_mutex_init(&p->mutex, NULL) != 0)
		return -1;
	if (pthread_condattr_init(&steady) != 0)
		return -1;
	pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
	/* On Linux neither of these allocates or fails. */
	pthread_cond_init(&p->queued, NULL);
	pthread_cond_init(&p->overdue, &steady);
	pthread_condattr_destroy(&steady);
	return 0;
}

struct http_peers *
http_peers_new(int epoll_fd, int wake_fd, int64_t queue_timeout_ms)
{
	struct http_peers *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->epoll_fd = epoll_fd;
	p->wake_fd = wake_fd;
	p->queue_timeout_us = queue_timeout_ms * 1000;
	TAILQ_INIT(&p->queue);
	TAILQ_INIT(&p->parked);
	if (init_locks(p) == -1) {
		free(p);
		return NULL;
	}
	return p;
}

static void
close_list(struct peer_list *list)
{
	struct http_peer *peer;

	while ((peer = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, peer, link);
		close(peer->fd);
		free(peer);
	}
}

void
http_peers_free(struct http_peers *p)
{
	if (p == NULL)
		return;
	close_list(&p->queue);
	close_list(&p->parked);
	pthread_cond_destroy(&p->queued);
	pthread_cond_destroy(&p->overdue);
	pthread_mutex_destroy(&p->mutex);
	free(p);
}

/*
 * The functions named _locked are called with the mutex held; this one
 * releases it, so that whom it wakes does not find it taken.
 */
static void
enqueue_and_unlock(struct http_peers *p, struct http_peer *peer)
{
	bool overdue;

	peer->ready_us = clock_steady_us();
	TAILQ_INSERT_TAIL(&p->queue, peer, link);
	p->n_queued++;
	overdue = p->overdue_asleep && p->n_queued > p->n_idle;
	pthread_mutex_unlock(&p->mutex);
	pthread_cond_signal(&p->queued);
	if (overdue)
		pthread_cond_signal(&p->overdue);
}

static void
forget_locked(struct http_peers *p, struct http_peer *peer, bool close_fd)
{
	if (close_fd)
		close(peer->fd);
	free(peer);
	p->n_open--;
}

static void
wake_locked(struct http_peers *p)
{
	const uint64_t one = 1;

	if (!p->wake_asked && !p->stopping)
		return;
	p->wake_asked = false;
	/* It cannot fail: the counter of an eventfd is never near its end. */
	if (write(p->wake_fd, &one, sizeof(one)) < 0)
		return;
}

int
http_peers_add(struct http_peers *p, int fd)
{
	struct http_peer *peer = calloc(1, sizeof(*peer));

	if (peer == NULL) {
		close(fd);
		return -1;
	}
	peer->fd = fd;
	peer->fresh = true;
	pthread_mutex_lock(&p->mutex);
	p->n_open++;
	enqueue_and_unlock(p, peer);
	return 0;
}

void
http_peers_ready(struct http_peers *p, struct http_peer *peer)
{
	pthread_mutex_lock(&p->mutex);
	TAILQ_REMOVE(&p->parked, peer, link);
	enqueue_and_unlock(p, peer);
}

void
http_peers_hangup(struct http_peers *p, struct http_peer *peer)
{
	pthread_mutex_lock(&p->mutex);
	TAILQ_REMOVE(&p->parked, peer, link);
	forget_locked(p, peer, true);
	pthread_mutex_unlock(&p->mutex);
}

static bool
evict_locked(struct http_peers *p)
{
	struct http_peer *peer = TAILQ_FIRST(&p->parked);

	if (peer == NULL)
		return false;
	TAILQ_REMOVE(&p->parked, peer, link);
	forget_locked(p, peer, true);
	return true;
}

bool
http_peers_evict(struct http_peers *p)
{
	bool closed;

	pthread_mutex_lock(&p->mutex);
	closed = evict_locked(p);
	pthread_mutex_unlock(&p->mutex);
	return closed;
}

struct http_peers_state
http_peers_look(struct http_peers *p, bool ask)
{
	struct http_peers_state state;

	pthread_mutex_lock(&p->mutex);
	state.open = p->n_open;
	state.spare = p->n_idle - p->n_queued;
	state.in_air = p->n_queued > 0 || p->n_served > 0 || p->n_aside > 0;
	if (ask)
		p->wake_asked = true;
	pthread_mutex_unlock(&p->mutex);
	return state;
}

void
http_peers_stop(struct http_peers *p)
{
	pthread_mutex_lock(&p->mutex);
	p->stopping = true;
	while (evict_locked(p))
		continue;
	pthread_mutex_unlock(&p->mutex);
}

void
http_peers_quit(struct http_peers *p)
{
	pthread_mutex_lock(&p->mutex);
	p->quit = true;
	pthread_cond_broadcast(&p->queued);
	pthread_cond_broadcast(&p->overdue);
	pthread_mutex_unlock(&p->mutex);
}

static struct http_peer *
dequeue_locked(struct http_peers *p)
{
	struct http_peer *peer = TAILQ_FIRST(&p->queue);

	TAILQ_REMOVE(&p->queue, peer, link);
	p->n_queued--;
	p->n_served++;
	return peer;
}

struct http_peer *
http_peers_take(struct http_peers *p)
{
	struct http_peer *peer = NULL;

	pthread_mutex_lock(&p->mutex);
	p->n_idle++;
	if (TAILQ_EMPTY(&p->queue))
		wake_locked(p);
	while (!p->quit && TAILQ_EMPTY(&p->queue))
		pthread_cond_wait(&p->queued, &p->mutex);
	p->n_idle--;
	if (!p->quit)
		peer = dequeue_locked(p);
	pthread_mutex_unlock(&p->mutex);
	return peer;
}

static void
wait_until_locked(struct http_peers *p, int64_t steady_us)
{
	struct timespec t = {
		.tv_sec = (time_t)(steady_us / 1000000),
		.tv_nsec = (long)(steady_us % 1000000) * 1000
	};

	pthread_cond_timedwait(&p->overdue, &p->mutex, &t);
}

struct http_peer *
http_peers_take_overdue(struct http_peers *p)
{
	struct http_peer *peer = NULL;
	int64_t due_us;

	pthread_mutex_lock(&p->mutex);
	while (!p->quit && peer == NULL) {
		if (TAILQ_EMPTY(&p->queue)) {
			p->overdue_asleep = true;
			pthread_cond_wait(&p->overdue, &p->mutex);
			p->overdue_asleep = false;
			continue;
		}
		due_us = TAILQ_FIRST(&p->queue)->ready_us +
		    p->queue_timeout_us;
		if (clock_steady_us() >= due_us)
			peer = dequeue_locked(p);
		else
			wait_until_locked(p, due_us);
	}
	pthread_mutex_unlock(&p->mutex);
	return peer;
}

bool
http_peers_stopping(struct http_peers *p)
{
	bool stopping;

	pthread_mutex_lock(&p->mutex);
	stopping = p->stopping;
	pthread_mutex_unlock(&p->mutex);
	return stopping;
}

/* Whether the descriptor now waits in the epoll set for one event. */
static bool
arm(struct http_peers *p, struct http_peer *peer)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT,
		.data.ptr = peer
	};
	int op = peer->in_epoll ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (epoll_ctl(p->epoll_fd, op, peer->fd, &ev) == -1)
		return false;
	peer->in_epoll = true;
	return true;
}

void
http_peers_park(struct http_peers *p, struct http_peer *peer)
{
	pthread_mutex_lock(&p->mutex);
	p->n_served--;
	/* Armed under the mutex: the event may come before it is released. */
	if (!p->stopping && arm(p, peer))
		TAILQ_INSERT_TAIL(&p->parked, peer, link);
	else
		forget_locked(p, peer, true);
	if (p->stopping)
		wake_locked(p);
	pthread_mutex_unlock(&p->mutex);
}

void
http_peers_drop(struct http_peers *p, struct http_peer *peer, bool close_fd)
{
	if (close_fd)
		close(peer->fd);
	pthread_mutex_lock(&p->mutex);
	p->n_served--;
	forget_locked(p, peer, false);
	if (p->stopping)
		wake_locked(p);
	pthread_mutex_unlock(&p->mutex);
}

bool
http_peers_begin_aside(struct http_peers *p, int max)
{
	bool may;

	pthread_mutex_lock(&p->mutex);
	may = !p->stopping && p->n_aside < max;
	if (may)
		p->n_aside++;
	pthread_mutex_unlock(&p->mutex);
	return may;
}

void
http_peers_end_aside(struct http_peers *p)
{
	pthread_mutex_lock(&p->mutex);
	p->n_aside--;
	if (p->stopping)
		wake_locked(p);
	pthread_mutex_unlock(&p->mutex);
}
