#include "cache/flight_watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	BRING_SEGMENTS = 32,   /* asked for at a time */
	JOINED_US = 250 * 1000 /* renewed when it was the same so long */
};

/* The values of a look. */
enum { V_STATE, V_JOINED, V_NEED, V_HEAD, N_VALUES };

struct watch_head {
	struct flight_head head;
	struct text_pair pairs[2 * RECORD_PAIRS_MAX];
	char *value; /* what they borrow from */
};

/* A segment that is kept. */
struct kept {
	uint32_t n;
	uint64_t at;
	char *value;
	const char *bytes; /* in value */
	size_t len;
};

/* Where the segments end. */
struct brought {
	bool known;
	uint32_t n;
	uint64_t closed;
};

struct flight_watch {
	struct flight_watches *all;
	uint8_t id[FLIGHT_ID_BYTES];
	/* Guarded by the lock of all. */
	struct flight_watch *next;
	unsigned followers;
	/* Guards all below. */
	pthread_mutex_t lock;
	pthread_cond_t looked;
	uint64_t begun;             /* so many looks */
	uint64_t awaited;           /* the one that others wait for; 0: none */
	struct flight_glance *last; /* or NULL */
	struct watch_head *head;    /* set but once */
	uint64_t judged; /* the last look that joined was judged by */
	struct flight_joined joined;
	struct brought brought;
	struct kept kept[WATCH_KEPT]; /* their numbers ascend */
	size_t n_kept, kept_bytes;
};

struct flight_watches {
	pthread_mutex_t lock;
	struct flight_watch *first;
};

/* ---- who follows what ---------------------------------------------------- */

struct flight_watches *
flight_watches_new(void)
{
	struct flight_watches *all = calloc(1, sizeof(*all));

	if (all != NULL)
		pthread_mutex_init(&all->lock, NULL);
	return all;
}

void
flight_watches_free(struct flight_watches *all)
{
	if (all == NULL)
		return;
	pthread_mutex_destroy(&all->lock);
	free(all);
}

static struct flight_watch *
watch_new(struct flight_watches *all, const uint8_t id[FLIGHT_ID_BYTES])
{
	struct flight_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL)
		return NULL;
	watch->all = all;
	memcpy(watch->id, id, FLIGHT_ID_BYTES);
	pthread_mutex_init(&watch->lock, NULL);
	pthread_cond_init(&watch->looked, NULL);
	return watch;
}

static void
glance_free(struct flight_glance *g)
{
	if (g != NULL)
		free(g->state_value);
	free(g);
}

static void
head_free(struct watch_head *head)
{
	if (head != NULL)
		free(head->value);
	free(head);
}

static void
watch_free(struct flight_watch *watch)
{
	size_t i;

	for (i = 0; i < watch->n_kept; i++)
		free(watch->kept[i].value);
	glance_free(watch->last);
	head_free(watch->head);
	pthread_cond_destroy(&watch->looked);
	pthread_mutex_destroy(&watch->lock);
	free(watch);
}

struct flight_watch *
flight_watch_join(struct flight_watches *all, const uint8_t id[FLIGHT_ID_BYTES],
    uint64_t *seen)
{
	struct flight_watch *watch;

	pthread_mutex_lock(&all->lock);
	for (watch = all->first; watch != NULL; watch = watch->next) {
		if (memcmp(watch->id, id, FLIGHT_ID_BYTES) == 0)
			break;
	}
	if (watch == NULL && (watch = watch_new(all, id)) != NULL) {
		watch->next = all->first;
		all->first = watch;
	}
	if (watch != NULL)
		watch->followers++;
	pthread_mutex_unlock(&all->lock);
	if (watch == NULL)
		return NULL;
	pthread_mutex_lock(&watch->lock);
	*seen = watch->begun;
	pthread_mutex_unlock(&watch->lock);
	return watch;
}

void
flight_watch_leave(struct flight_watch *watch)
{
	struct flight_watch **p;
	bool last;

	if (watch == NULL)
		return;
	pthread_mutex_lock(&watch->all->lock);
	last = --watch->followers == 0;
	if (last) {
		for (p = &watch->all->first; *p != watch; p = &(*p)->next)
			;
		*p = watch->next;
	}
	pthread_mutex_unlock(&watch->all->lock);
	if (last)
		watch_free(watch);
}

static bool
is_shared(struct flight_watch *watch)
{
	bool shared;

	pthread_mutex_lock(&watch->all->lock);
	shared = watch->followers > 1;
	pthread_mutex_unlock(&watch->all->lock);
	return shared;
}

/* ---- segments ------------------------------------------------------------ */

/* Keep a segment, which is now the watch's, as the newest. Locked. */
static void
keep(struct flight_watch *watch, const struct kept *k)
{
	size_t gone = 0;

	if (k->len > WATCH_KEPT_BYTES ||
	    (watch->n_kept > 0 && k->n <= watch->kept[watch->n_kept - 1].n)) {
		free(k->value);
		return;
	}
	while (watch->n_kept - gone == WATCH_KEPT ||
	    watch->kept_bytes + k->len > WATCH_KEPT_BYTES) {
		watch->kept_bytes -= watch->kept[gone].len;
		free(watch->kept[gone++].value);
	}
	watch->n_kept -= gone;
	memmove(watch->kept, watch->kept + gone,
	    watch->n_kept * sizeof(*watch->kept));
	watch->kept[watch->n_kept++] = *k;
	watch->kept_bytes += k->len;
}

/*
 * Take what of n segments from where b says is whole, one after the other,
 * out of values. How many.
 */
static size_t
read_segments(const struct flight_watch *watch, const struct brought *b,
    struct store_value *values, size_t n, struct kept *kept)
{
	uint64_t at = b->closed;
	size_t i;

	for (i = 0; i < n; i++) {
		kept[i] = (struct kept){.n = b->n + (uint32_t)i, .at = at,
		    .value = values[i].data};
		if (values[i].result != STORE_OK ||
		    !record_segment_read(values[i].data, values[i].len,
		    watch->id, kept[i].n, at, &kept[i].bytes, &kept[i].len))
			return i;
		values[i].data = NULL;
		at += kept[i].len;
	}
	return n;
}

/*
 * Bring the segments that the look g has found to be new since b: all who
 * have kept up will want them now.
 */
static void
bring_segments(struct flight_watch *watch, const struct flight *f,
    const struct flight_glance *g, const struct brought *b)
{
	char names[BRING_SEGMENTS][NAMES_BYTES];
	struct store_value values[BRING_SEGMENTS];
	struct kept kept[BRING_SEGMENTS];
	size_t n, got, i;

	if (!g->has_state || !b->known || g->state.n <= b->n)
		return;
	n = g->state.n - b->n;
	if (n > BRING_SEGMENTS)
		n = BRING_SEGMENTS;
	for (i = 0; i < n; i++) {
		names_segment(names[i], f->names.manifest, watch->id,
		    b->n + (uint32_t)i);
		values[i].name = names[i];
	}
	store_get(f->store, f->names.manifest, values, n,
	    WATCH_KEPT_BYTES + BRING_SEGMENTS * RECORD_SEGMENT_OVERHEAD);
	got = read_segments(watch, b, values, n, kept);
	pthread_mutex_lock(&watch->lock);
	for (i = 0; i < got; i++)
		keep(watch, &kept[i]);
	pthread_mutex_unlock(&watch->lock);
	for (i = 0; i < n; i++)
		free(values[i].data);
}

int
flight_watch_segment(struct flight_watch *watch, uint32_t n, uint64_t at,
    struct buf *out)
{
	const struct kept *k;
	int rc = -1;
	size_t i;

	pthread_mutex_lock(&watch->lock);
	for (i = 0; i < watch->n_kept && rc == -1; i++) {
		k = &watch->kept[i];
		if (k->n == n && k->at == at)
			rc = buf_append(out, k->bytes, k->len);
	}
	pthread_mutex_unlock(&watch->lock);
	return rc;
}

/* ---- looking ------------------------------------------------------------- */

/* Read a head, which takes the value over. NULL: it is none. */
static struct watch_head *
read_head(const struct flight_watch *watch, struct store_value *v)
{
	struct watch_head *head;

	if (v->result != STORE_OK)
		return NULL;
	head = calloc(1, sizeof(*head));
	if (head == NULL || !record_head_read(v->data, v->len, watch->id,
	    &head->head, head->pairs)) {
		free(head);
		return NULL;
	}
	head->value = v->data;
	v->data = NULL;
	return head;
}

static bool
read_mark(const struct flight_watch *watch, const struct store_value *v,
    enum record_kind kind, uint64_t *number)
{
	return v->result == STORE_OK &&
	    record_mark_read(v->data, v->len, kind, watch->id, number);
}

/* Ask the store; for the head, too, if with_head, which goes to *head. */
static void
ask_store(const struct flight_watch *watch, const struct flight *f,
    struct flight_glance *g, bool with_head, struct watch_head **head)
{
	static const char *const what[N_VALUES] = {[V_STATE] = "state",
	    [V_JOINED] = "joined", [V_NEED] = "need", [V_HEAD] = "head"};
	char names[N_VALUES][NAMES_BYTES];
	struct store_value v[N_VALUES] = {{0}};
	size_t n = with_head ? N_VALUES : V_HEAD, i;

	for (i = 0; i < n; i++) {
		names_flight(names[i], f->names.manifest, watch->id, what[i]);
		v[i].name = names[i];
	}
	g->up = store_get(f->store, f->names.manifest, v, n,
	    RECORD_HEAD_MAX + RECORD_STATE_MAX + 2 * RECORD_MARK_BYTES) !=
	    STORE_DOWN;
	if (g->up) {
		g->has_state = v[V_STATE].result == STORE_OK &&
		    record_state_read(v[V_STATE].data, v[V_STATE].len,
		    watch->id, &g->state);
		g->has_joined = read_mark(watch, &v[V_JOINED], RECORD_JOINED,
		    &g->joined);
		g->has_need = read_mark(watch, &v[V_NEED], RECORD_NEED,
		    &g->need);
		if (with_head)
			*head = read_head(watch, &v[V_HEAD]);
		g->state_value = v[V_STATE].data;
		v[V_STATE].data = NULL;
	}
	for (i = 0; i < n; i++)
		free(v[i].data);
}

/* Let go of a glance. Locked. */
static void
drop(struct flight_glance *g)
{
	if (g != NULL && --g->refs == 0)
		glance_free(g);
}

/* Make known what a look has found. Locked. */
static void
publish(struct flight_watch *watch, struct flight_glance *g,
    struct watch_head *head)
{
	if (watch->head == NULL)
		watch->head = head;
	else
		head_free(head);
	g->head = watch->head != NULL ? &watch->head->head : NULL;
	if (watch->last != NULL && watch->last->number > g->number)
		return;
	drop(watch->last);
	watch->last = g;
	g->refs++;
}

/*
 * The last look, if it will do for f: it is young, or began before and ends
 * while we wait. Locked.
 */
static struct flight_glance *
share(struct flight_watch *watch, const struct flight *f, uint64_t seen)
{
	uint64_t awaited = watch->awaited;
	struct flight_glance *g = watch->last;

	if (g != NULL && g->number > seen &&
	    f->clock->steady_us() - g->asked_us < WATCH_YOUNG_MS * 1000)
		return g;
	if (awaited <= seen)
		return NULL;
	while (watch->awaited == awaited)
		pthread_cond_wait(&watch->looked, &watch->lock);
	g = watch->last;
	return g != NULL && g->number >= awaited ? g : NULL;
}

/* Look, as number; first: others wait for it. Locked, but not meanwhile. */
static struct flight_glance *
look(struct flight_watch *watch, const struct flight *f, bool first)
{
	bool with_head = watch->head == NULL;
	struct brought brought = watch->brought;
	struct flight_glance *g = calloc(1, sizeof(*g));
	struct watch_head *head = NULL;

	if (g == NULL)
		return NULL;
	g->number = watch->begun;
	g->asked_us = f->clock->steady_us();
	g->refs = 1;
	pthread_mutex_unlock(&watch->lock);
	ask_store(watch, f, g, with_head, &head);
	if (first && is_shared(watch))
		bring_segments(watch, f, g, &brought);
	pthread_mutex_lock(&watch->lock);
	if (first && g->has_state && (!brought.known || g->state.n > brought.n))
		watch->brought = (struct brought){true, g->state.n,
		    g->state.closed};
	publish(watch, g, head);
	return g;
}

struct flight_glance *
flight_watch_look(struct flight_watch *watch, const struct flight *f,
    uint64_t *seen)
{
	struct flight_glance *g;
	bool first;

	pthread_mutex_lock(&watch->lock);
	g = share(watch, f, *seen);
	if (g != NULL) {
		g->refs++;
	} else {
		watch->begun++;
		first = watch->awaited == 0;
		if (first)
			watch->awaited = watch->begun;
		g = look(watch, f, first);
		if (first) {
			watch->awaited = 0;
			pthread_cond_broadcast(&watch->looked);
		}
	}
	if (g != NULL)
		*seen = g->number;
	pthread_mutex_unlock(&watch->lock);
	return g;
}

void
flight_watch_drop(struct flight_watch *watch, struct flight_glance *g)
{
	if (g == NULL)
		return;
	pthread_mutex_lock(&watch->lock);
	drop(g);
	pthread_mutex_unlock(&watch->lock);
}

/* ---- the mark of those who follow ---------------------------------------- */

bool
flight_watch_joined_due(struct flight_watch *watch,
    const struct flight_glance *g)
{
	struct flight_joined *j = &watch->joined;
	bool due = false;

	pthread_mutex_lock(&watch->lock);
	if (g->up && g->number > watch->judged) {
		watch->judged = g->number;
		if (!g->has_joined)
			due = true;
		else if (!j->known || g->joined != j->number)
			*j = (struct flight_joined){
			    true, g->joined, g->asked_us};
		else
			due = g->asked_us - j->since_us >= JOINED_US;
	}
	pthread_mutex_unlock(&watch->lock);
	return due;
}

void
flight_watch_joined(struct flight_watch *watch, uint64_t number, int64_t now_us)
{
	pthread_mutex_lock(&watch->lock);
	watch->joined = (struct flight_joined){true, number, now_us};
	pthread_mutex_unlock(&watch->lock);
}
