#include "http/aside.h"

#include <pthread.h>
#include <stdlib.h>

struct job {
	void (*run)(void *arg, bool allowed);
	void *arg;
};

struct http_aside {
	pthread_mutex_t mutex; /* guards all that follows the constants */
	pthread_cond_t given;  /* there is a job, or quit */
	struct http_peers *peers;
	int max;
	size_t stack_bytes;

	struct job *jobs; /* given and not begun; never more than max */
	int n_jobs;
	pthread_t *threads;
	int n_threads;
	int n_idle;
	bool quit;
};

struct http_aside *
http_aside_new(struct http_peers *peers, int max, size_t stack_bytes)
{
	struct http_aside *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	a->peers = peers;
	a->max = max;
	a->stack_bytes = stack_bytes;
	a->jobs = calloc((size_t)max, sizeof(*a->jobs));
	a->threads = calloc((size_t)max, sizeof(*a->threads));
	if (a->jobs == NULL || a->threads == NULL ||
	    pthread_mutex_init(&a->mutex, NULL) != 0) {
		free(a->jobs);
		free(a->threads);
		free(a);
		return NULL;
	}
	/* On Linux this neither allocates nor fails. */
	pthread_cond_init(&a->given, NULL);
	return a;
}

bool
http_aside_begin(struct http_aside *a)
{
	return http_peers_begin_aside(a->peers, a->max);
}

static void
run(struct http_aside *a, const struct job *job)
{
	job->run(job->arg, true);
	http_peers_end_aside(a->peers);
}

static void *
work(void *arg)
{
	struct http_aside *a = arg;
	struct job job;

	pthread_mutex_lock(&a->mutex);
	for (;;) {
		a->n_idle++;
		while (!a->quit && a->n_jobs == 0)
			pthread_cond_wait(&a->given, &a->mutex);
		a->n_idle--;
		if (a->n_jobs == 0)
			break;
		job = a->jobs[--a->n_jobs];
		pthread_mutex_unlock(&a->mutex);
		run(a, &job);
		pthread_mutex_lock(&a->mutex);
	}
	pthread_mutex_unlock(&a->mutex);
	return NULL;
}

/* With the mutex held; if it fails, there is one thread fewer. */
static void
add_thread_locked(struct http_aside *a)
{
	pthread_attr_t attr;

	if (a->n_threads == a->max || pthread_attr_init(&attr) != 0)
		return;
	pthread_attr_setstacksize(&attr, a->stack_bytes);
	if (pthread_create(&a->threads[a->n_threads], &attr, work, a) == 0)
		a->n_threads++;
	pthread_attr_destroy(&attr);
}

void
http_aside_give(
    struct http_aside *a, void (*after)(void *arg, bool allowed), void *arg)
{
	const struct job job = {after, arg};
	bool given;

	pthread_mutex_lock(&a->mutex);
	if (a->n_jobs >= a->n_idle)
		add_thread_locked(a);
	given = a->n_threads > 0;
	if (given)
		a->jobs[a->n_jobs++] = job;
	pthread_mutex_unlock(&a->mutex);
	if (given)
		pthread_cond_signal(&a->given);
	else
		run(a, &job);
}

void
http_aside_free(struct http_aside *a)
{
	int i;

	if (a == NULL)
		return;
	pthread_mutex_lock(&a->mutex);
	a->quit = true;
	pthread_cond_broadcast(&a->given);
	pthread_mutex_unlock(&a->mutex);
	for (i = 0; i < a->n_threads; i++)
		pthread_join(a->threads[i], NULL);
	pthread_cond_destroy(&a->given);
	pthread_mutex_destroy(&a->mutex);
	free(a->jobs);
	free(a->threads);
	free(a);
}
