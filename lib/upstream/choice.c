#include "upstream/choice.h"

/* What is known of the members at one moment. */
struct scene {
	struct cell_view view[UPSTREAM_GROUP_MAX];
	uint64_t present; /* not left out, of the least priority number */
	int64_t priority; /* theirs */
	int due;          /* one of them that is to be tried; -1: none */
	int soonest;      /* of those left out; -1: none */
	int soonest_asked; /* of those that asked to be; -1: none */
};

void
choice_init(struct choice *c, const struct upstream_health *health,
    const struct upstream_group *group)
{
	*c = (struct choice){.health = health, .group = group};
}

static uint64_t
bit(size_t i)
{
	return UINT64_C(1) << i;
}

static health_cell *
cell_of(const struct choice *c, size_t i)
{
	return &health_slot_of(c->health, c->group->member[i])->cell;
}

/* One that is not left out: it counts unless better ones are there. */
static void
note_present(struct scene *s, size_t i, int64_t priority)
{
	if (s->present != 0 && priority > s->priority)
		return;
	if (s->present == 0 || priority < s->priority) {
		s->present = 0;
		s->due = -1;
	}
	s->priority = priority;
	s->present |= bit(i);
	if (s->view[i].standing == CELL_DUE && s->due == -1)
		s->due = (int)i;
}

static void
note_out(struct scene *s, size_t i)
{
	int *soonest = s->view[i].asked ? &s->soonest_asked : &s->soonest;

	if (*soonest == -1 ||
	    s->view[i].until_ms < s->view[*soonest].until_ms)
		*soonest = (int)i;
}

/*
 * How a member stands for this caller, who may be limited at one that knows
 * it by its own credentials.
 */
static struct cell_view
view_of(const struct choice *c, size_t i, int64_t now_ms)
{
	const struct conf_upstream *member = c->group->member[i];
	struct cell_view view = cell_look(cell_of(c, i), now_ms);
	int64_t until_ms;

	if (c->caller == NULL || member->credential != NULL ||
	    view.standing == CELL_OUT)
		return view;
	until_ms = health_limited_until(c->health, member, c->caller);
	/* A time far off is that of a clock before a reboot. */
	if (until_ms > now_ms && until_ms - now_ms <= CELL_ASKED_MAX_MS)
		view = (struct cell_view){.standing = CELL_OUT, .asked = true,
		    .until_ms = until_ms};
	return view;
}

static bool
is_passed_over(const struct choice *c, size_t i)
{
	return (c->tried & bit(i)) != 0 || (c->only_well &&
	    upstream_group_is_fallback(c->group, c->group->member[i]));
}

static void
look(const struct choice *c, int64_t now_ms, struct scene *s)
{
	size_t i;

	s->present = 0;
	s->priority = 0;
	s->due = s->soonest = s->soonest_asked = -1;
	for (i = 0; i < c->group->count; i++) {
		if (is_passed_over(c, i))
			continue;
		s->view[i] = view_of(c, i, now_ms);
		if (s->view[i].standing != CELL_OUT)
			note_present(s, i, c->group->member[i]->priority);
		else
			note_out(s, i);
	}
}

static uint64_t
common_divisor(uint64_t a, uint64_t b)
{
	uint64_t rest;

	while (b != 0) {
		rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/*
 * A step that visits each of 0..total-1 once before it comes back, and
 * leaps, so that a heavy member's requests do not come in one run. About
 * the golden section of total, which leaps most evenly.
 */
static uint64_t
step_of(uint64_t total)
{
	uint64_t step = total * 618 / 1000;

	while (step > 1 && common_divisor(step, total) != 1)
		step--;
	return step == 0 ? 1 : step;
}

/* The member of this set that turn number n falls to, by weight. */
static int
by_weight(const struct choice *c, uint64_t set, uint64_t n)
{
	uint64_t total = 0, unit = 0, at;
	size_t i;

	for (i = 0; i < c->group->count; i++) {
		if ((set & bit(i)) == 0)
			continue;
		total += (uint64_t)c->group->member[i]->weight;
		unit = common_divisor((uint64_t)c->group->member[i]->weight,
		    unit);
	}
	if (total == 0)
		return -1;
	total /= unit;
	at = n % total * step_of(total) % total;
	for (i = 0; i < c->group->count; i++) {
		if ((set & bit(i)) == 0)
			continue;
		if (at < (uint64_t)c->group->member[i]->weight / unit)
			break;
		at -= (uint64_t)c->group->member[i]->weight / unit;
	}
	return (int)i;
}

/* A second try is no turn of its own: the shares would not be exact. */
static uint64_t
draw(struct choice *c, int64_t priority)
{
	if (!c->drawn || c->priority != priority)
		c->turn = health_next_turn(c->health, c->group, priority);
	c->drawn = true;
	c->priority = priority;
	return c->turn;
}

static int
pick(struct choice *c, const struct scene *s)
{
	if (s->present == 0 && c->only_well)
		return -1;
	if (s->present == 0)
		return s->soonest != -1 ? s->soonest : s->soonest_asked;
	if (s->due != -1)
		return s->due;
	if ((s->present & (s->present - 1)) == 0)
		return __builtin_ctzll(s->present);
	return by_weight(c, s->present, draw(c, s->priority));
}

/*
 * Whether it is this one that asks. Of one that was due, another may just
 * have begun the try.
 */
static bool
enter(const struct choice *c, const struct scene *s, size_t i,
    int64_t now_ms, struct cell_pass *pass)
{
	return cell_enter(cell_of(c, i), now_ms, pass) &&
	    (s->view[i].standing != CELL_DUE || pass->probing);
}

int
choice_next(struct choice *c, int64_t now_ms, struct cell_pass *pass)
{
	struct scene s;
	int i;

	do {
		look(c, now_ms, &s);
		i = pick(c, &s);
	} while (i != -1 && !enter(c, &s, (size_t)i, now_ms, pass));
	if (i != -1)
		c->tried |= bit((size_t)i);
	return i;
}

bool
choice_has_next(const struct choice *c, int64_t now_ms)
{
	struct scene s;

	look(c, now_ms, &s);
	return s.present != 0 || (s.soonest != -1 && !c->only_well);
}
