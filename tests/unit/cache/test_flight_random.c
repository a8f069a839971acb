/*
 * Crowds in random trouble, by a clock that the test moves: values are
 * evicted and spoilt, old ones come back, calls fail with and without having
 * been carried out, the store is started anew, leaders are stopped and
 * killed, in one process and in two, of different leases. Whatever happens,
 * each follower gets the head and the beginning of one leader's body and of no
 * other's, a whole body is whole, and everybody gets to an end. Without
 * trouble there is one leader, and all get all.
 *
 * REPRISE_SEEDS=n tries more of them.
 */
#include "cache/flight_watch.h"
#include "flight_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum {
	ACTORS = 12,
	BODY_MAX = 300 * 1000,
	SEEDS = 150,
	END_MS = 5 * 60 * 1000 /* by then all are done */
};

/* ---- trouble ------------------------------------------------------------- */

/* How often, in 10000 calls of the store. */
struct trouble {
	unsigned evicts, spoils, lates, fails, restarts, kills, stops;
};

/* A writing that is on its way for long. */
struct late {
	struct double_item item;
	bool pending;
};

static uint64_t random_state;
static struct trouble trouble;
static struct late late;

static unsigned
draw(unsigned below)
{
	random_state = random_state * 6364136223846793005u +
	    1442695040888963407u;
	return (unsigned)(random_state >> 33) % below;
}

static bool
happens(unsigned in_10000)
{
	return draw(10000) < in_10000;
}

static struct double_item *
random_item(struct store_double *d)
{
	size_t n = double_count(d);

	return n == 0 ? NULL : double_nth(d, "", draw((unsigned)n));
}

/* What was written before arrives again, after what was written since. */
static void
arrive_late(struct store_double *d, const struct double_item *item)
{
	if (late.pending) {
		double_put(d, late.item.name, late.item.data, late.item.len,
		    late.item.ttl_s);
		double_drop(&late.item);
		late.pending = false;
	} else if (item != NULL && item->len > 0) {
		late.item = *item;
		late.item.data = malloc(item->len);
		assert_non_null(late.item.data);
		memcpy(late.item.data, item->data, item->len);
		late.pending = true;
	}
}

static void
make_trouble(struct store_double *d, int call)
{
	struct double_item *item = random_item(d);

	if (item != NULL && happens(trouble.evicts)) {
		double_drop(item);
		item = random_item(d);
	}
	if (item != NULL && item->len > 0 && happens(trouble.spoils)) {
		if (draw(2) == 0)
			item->len = draw((unsigned)item->len);
		else
			item->data[draw((unsigned)item->len)] ^= 0x10;
	}
	if (happens(trouble.lates))
		arrive_late(d, item);
	if (happens(trouble.restarts)) {
		while ((item = double_nth(d, "", 0)) != NULL)
			double_drop(item);
	}
	d->fail_at = call;
	d->fail_count = happens(trouble.fails);
	d->fail_with = draw(3) == 0 ? STORE_REFUSED : STORE_DOWN;
	d->lost_answer = draw(2) == 0;
}

/* ---- who takes part ------------------------------------------------------ */

/* One request. As a leader, its body is like no other's. */
struct actor {
	struct flight *f;      /* NULL: not yet come, or done */
	bool done;
	enum flight_role role;
	int64_t due_us;
	struct got got;
	/* The flight it leads or led. */
	bool led;
	uint8_t id[FLIGHT_ID_BYTES];
	char *body;
	size_t len, sent;
	bool has_head, keeps;
	enum flight_state ends;
	int lands;             /* it has ended: tries to tell so that are left */
};

struct world {
	struct flight_rig r;
	struct cache other; /* of another process */
	bool many;          /* every second one is there, ... */
	int64_t lease_ms;   /* ... which has this lease */
	struct actor actors[ACTORS];
	bool calm;         /* there is no trouble */
	int leads, alone, whole;
};

static void
actor_init(struct actor *a, unsigned n, int64_t start_us)
{
	static const enum flight_state ends[] = {FLIGHT_COMPLETE,
	    FLIGHT_COMPLETE, FLIGHT_COMPLETE, FLIGHT_BROKEN, FLIGHT_FAILED,
	    FLIGHT_ABANDONED};

	memset(a, 0, sizeof(*a));
	got_init(&a->got);
	a->due_us = start_us + (int64_t)draw(3000) * 1000;
	a->len = draw(4) == 0 ? draw(BODY_MAX) : draw(5000);
	a->body = malloc(a->len + 1);
	assert_non_null(a->body);
	fill_body(a->body, a->len, random_state + n);
	a->keeps = draw(4) != 0;
	a->ends = ends[draw(sizeof(ends) / sizeof(ends[0]))];
}

static void
actor_done(struct actor *a)
{
	flight_free(a->f);
	a->f = NULL;
	a->done = true;
}

static struct actor *
leader_of(struct world *w, const uint8_t id[FLIGHT_ID_BYTES])
{
	int i;

	for (i = 0; i < ACTORS; i++) {
		if (w->actors[i].led &&
		    memcmp(w->actors[i].id, id, FLIGHT_ID_BYTES) == 0)
			return &w->actors[i];
	}
	fail_msg("it follows nobody");
	return NULL;
}

/* ---- following ----------------------------------------------------------- */

/* What a follower got is the beginning of its leader's. */
static void
check_got(struct world *w, const struct actor *a)
{
	const struct got *g = &a->got;
	const struct actor *l;

	if (g->status == 0 && g->bytes.len == 0)
		return;
	l = leader_of(w, a->f->id);
	assert_int_equal(g->status, 200 + (int)(l - w->actors));
	assert_true(g->bytes.len <= l->sent);
	assert_memory_equal(g->bytes.data, l->body, g->bytes.len);
}

static void
check_end(struct world *w, const struct actor *a)
{
	const struct actor *l = leader_of(w, a->f->id);

	assert_true(l->done || l->lands > 0);
	if (a->got.state == FLIGHT_COMPLETE || a->got.state == FLIGHT_BROKEN)
		assert_int_equal(a->got.bytes.len, l->sent);
	if (a->got.state == FLIGHT_COMPLETE)
		assert_int_equal(l->sent, l->len);
	if (a->got.state == FLIGHT_FAILED)
		assert_int_equal(a->got.status, 0);
	w->whole += a->got.state == FLIGHT_COMPLETE;
}

static void enter(struct world *w, struct actor *a);

static void
follow(struct world *w, struct actor *a)
{
	got_poll(&a->got, a->f);
	a->due_us = a->got.due_us + (int64_t)draw(10) * 1000;
	if (draw(50) == 0) /* its client is slow */
		a->due_us += (int64_t)draw(2 * LEASE_MS) * 1000;
	if (a->got.status != 0 || a->got.bytes.len > 0)
		check_got(w, a);
	switch (a->got.state) {
	case FLIGHT_LEADING:
		return;
	case FLIGHT_DEAD:
		assert_false(w->calm);
		/* fallthrough */
	case FLIGHT_ABANDONED:
		if (a->got.bytes.len > 0) {
			actor_done(a);
			return;
		}
		a->got.status = 0;
		enter(w, a);
		return;
	default:
		check_end(w, a);
		actor_done(a);
	}
}

/* ---- leading ------------------------------------------------------------- */

static void
lead_some(struct actor *a)
{
	size_t n = draw(3) == 0 ? draw(40000) : draw(300);

	if (!a->has_head) {
		if (draw(10) != 0)
			return;
		a->has_head = true;
		return;
	}
	n = n < a->len - a->sent ? n : a->len - a->sent;
	a->sent += n;
	flight_lead_data(a->f, a->body + a->sent - n, n);
}

/* It has ended; here, or in what happens meanwhile, others may see that. */
static void
land(struct actor *a, enum flight_state how)
{
	struct err err = {ERR_UPSTREAM_CONNECT, "refused"};

	a->lands = 1 + (int)draw(40);
	flight_lead_end(a->f, how, &err);
	if (flight_lead_landed(a->f))
		actor_done(a);
}

static void
lead(struct world *w, struct actor *a)
{
	bool had_head = a->has_head;

	if (happens(trouble.kills)) {
		rig_kill(&w->r, a->f);
		a->f = NULL;
		a->done = true;
		return;
	}
	a->due_us = test_us + (int64_t)(1 + draw(FLIGHT_TICK_MS)) * 1000;
	if (a->lands > 0) {
		if (flight_lead_landed(a->f) || --a->lands == 0)
			actor_done(a);
		return;
	}
	if (happens(trouble.stops))
		a->due_us += (int64_t)draw(4 * LEASE_MS) * 1000;
	lead_some(a);
	if (a->has_head && !had_head)
		give_head(a->f, 200 + (int)(a - w->actors));
	flight_lead_tick(a->f, a->keeps ? a->body : NULL, a->sent);
	(void)flight_lead_followed(a->f);
	if (a->sent == a->len ? a->has_head : a->ends != FLIGHT_COMPLETE &&
	    draw(100) == 0)
		land(a, a->sent == a->len ? FLIGHT_COMPLETE : a->ends);
}

/* How many have not ended their lead, not knowing whether it was taken. */
static int
count_leaders(const struct world *w)
{
	int i, n = 0;

	for (i = 0; i < ACTORS; i++)
		n += w->actors[i].led && !w->actors[i].done &&
		    w->actors[i].lands == 0;
	return n;
}

static void
enter(struct world *w, struct actor *a)
{
	struct flight_rig there = w->r;

	if (w->many && (a - w->actors) % 2 != 0) {
		there.cache = &w->other;
		there.config.lease_ms = w->lease_ms;
	}
	if (a->f == NULL)
		a->f = rig_flight(&there);
	a->role = flight_enter(a->f);
	a->due_us = test_us;
	if (a->role == FLIGHT_ALONE) {
		w->alone++;
		actor_done(a);
	} else if (a->role == FLIGHT_LEAD) {
		w->leads++;
		a->led = true;
		memcpy(a->id, a->f->id, sizeof(a->id));
		assert_true(!w->calm || count_leaders(w) == 1);
	}
}

/* ---- the world ----------------------------------------------------------- */

static struct actor *
next_actor(struct world *w)
{
	struct actor *next = NULL;
	int i;

	for (i = 0; i < ACTORS; i++) {
		if (!w->actors[i].done && (next == NULL ||
		    w->actors[i].due_us < next->due_us))
			next = &w->actors[i];
	}
	return next;
}

static void
live(struct world *w, uint64_t seed)
{
	int64_t start_us = test_us;
	struct actor *a;
	unsigned i;

	flight_rig_open(&w->r);
	w->r.config.max_bytes = 1 << 20;
	w->other = *w->r.cache;
	w->other.watches = flight_watches_new();
	assert_non_null(w->other.watches);
	w->many = seed % 2 != 0;
	w->lease_ms = draw(2) == 0 ? LEASE_MS : 500 + draw(2 * LEASE_MS);
	if (!w->calm && draw(4) == 0)
		w->r.config.max_bytes = 1 + draw(200000);
	w->leads = w->alone = w->whole = 0;
	for (i = 0; i < ACTORS; i++)
		actor_init(&w->actors[i], i, start_us);
	w->r.d->before = make_trouble;
	while ((a = next_actor(w)) != NULL) {
		if (a->due_us > test_us)
			test_us = a->due_us;
		if (test_us - start_us > (int64_t)END_MS * 1000)
			fail_msg("seed %llu does not end",
			    (unsigned long long)seed);
		if (a->f == NULL)
			enter(w, a);
		else if (a->role == FLIGHT_LEAD)
			lead(w, a);
		else
			follow(w, a);
	}
	for (i = 0; i < ACTORS; i++) {
		free(w->actors[i].body);
		got_fini(&w->actors[i].got);
	}
	double_drop(&late.item);
	late.pending = false;
	flight_watches_free(w->other.watches);
	flight_rig_close(&w->r);
}

static unsigned
seeds(void)
{
	const char *text = getenv("REPRISE_SEEDS");
	uint64_t n;

	return text != NULL && text_u64(text, UINT32_MAX, &n) == 0
	    ? (unsigned)n : SEEDS;
}

static void
test_nobody_gets_what_is_not_so(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	unsigned seed, n = seeds();
	long leads = 0, whole = 0;

	(void)state;
	assert_non_null(w);
	for (seed = 0; seed < n; seed++) {
		random_state = seed * 77777u + 1;
		trouble = (struct trouble){draw(2) * draw(200),
		    draw(2) * draw(100), draw(2) * draw(300),
		    draw(2) * draw(400), draw(2) * draw(30),
		    draw(2) * draw(60), draw(2) * draw(60)};
		live(w, seed);
		leads += w->leads;
		whole += w->whole;
	}
	/* The trouble was not so great that nothing was tried. */
	assert_true(leads >= (long)n && whole >= (long)n);
	free(w);
}

/* Each leader ends well; those who come meanwhile have all of it. */
static void
test_without_trouble_all_get_all(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	unsigned seed, n = seeds();

	(void)state;
	assert_non_null(w);
	memset(&trouble, 0, sizeof(trouble));
	w->calm = true;
	for (seed = 0; seed < n; seed++) {
		random_state = seed * 99991u + 3;
		live(w, seed);
		assert_int_equal(w->alone, 0);
	}
	free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nobody_gets_what_is_not_so),
	    cmocka_unit_test(test_without_trouble_all_get_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
