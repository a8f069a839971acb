#include "upstream/cell.h"

/*
 * The word: until (40 bits, 34 years), level (6: how many failures in a
 * row it has been left out for), strikes (1 to CELL_STRIKES - 1), asked, and
 * an epoch that is changed with each coming and going, so that tries begun
 * before do not count.
 */
enum { UNTIL_BITS = 40, LEVEL_BITS = 6, STRIKE_BITS = 2, EPOCH_BITS = 15 };
enum { LEVEL_MAX = (1 << LEVEL_BITS) - 1 };

/* How old a caller's idea of the time may be. */
enum { SLACK_MS = 60 * 1000 };

_Static_assert(UNTIL_BITS + LEVEL_BITS + STRIKE_BITS + 1 + EPOCH_BITS == 64,
    "they fill the word");
_Static_assert(CELL_STRIKES <= 1 << STRIKE_BITS, "strikes fit");

struct fields {
	uint64_t until_ms;
	unsigned level; /* 0: well */
	unsigned strikes;
	unsigned asked;
	unsigned epoch;
};

static uint64_t
take(uint64_t *word, unsigned bits)
{
	uint64_t value = *word & ((UINT64_C(1) << bits) - 1);

	*word >>= bits;
	return value;
}

static struct fields
unpack(uint64_t word)
{
	struct fields f;

	f.until_ms = take(&word, UNTIL_BITS);
	f.level = (unsigned)take(&word, LEVEL_BITS);
	f.strikes = (unsigned)take(&word, STRIKE_BITS);
	f.asked = (unsigned)take(&word, 1);
	f.epoch = (unsigned)word;
	return f;
}

static uint64_t
pack(const struct fields *f)
{
	uint64_t word = f->epoch & ((1U << EPOCH_BITS) - 1);

	word = word << 1 | f->asked;
	word = word << STRIKE_BITS | f->strikes;
	word = word << LEVEL_BITS | f->level;
	return word << UNTIL_BITS |
	    (f->until_ms & ((UINT64_C(1) << UNTIL_BITS) - 1));
}

static bool
swap(health_cell *cell, uint64_t *seen, const struct fields *f)
{
	return atomic_compare_exchange_weak(cell, seen, pack(f));
}

/*
 * A date further off than any is set is from before the machine was
 * started, when the steady clock was another one. By a little it may also
 * be one that was set after the caller had read the time.
 */
static bool
is_past(const struct fields *f, int64_t now_ms)
{
	uint64_t longest_ms = f->asked ? CELL_ASKED_MAX_MS :
	    CELL_FIRST_REST_MAX_MS;

	return f->until_ms <= (uint64_t)now_ms ||
	    f->until_ms - (uint64_t)now_ms > longest_ms + SLACK_MS;
}

struct cell_view
cell_look(const health_cell *cell, int64_t now_ms)
{
	struct fields f = unpack(atomic_load(cell));
	struct cell_view view = {.standing = CELL_IN};

	if (f.level == 0)
		return view;
	view.standing = is_past(&f, now_ms) ? CELL_DUE : CELL_OUT;
	view.resting = true;
	view.asked = f.asked;
	view.until_ms = (int64_t)f.until_ms;
	return view;
}

bool
cell_enter(health_cell *cell, int64_t now_ms, struct cell_pass *pass)
{
	uint64_t seen = atomic_load(cell);
	bool was_due = false;
	struct fields f;

	for (;;) {
		f = unpack(seen);
		*pass = (struct cell_pass){.epoch = f.epoch};
		if (f.level == 0)
			return true;
		if (!is_past(&f, now_ms))
			return !was_due;
		was_due = true;
		f.until_ms = (uint64_t)now_ms + CELL_CLAIM_MS;
		f.epoch++;
		if (swap(cell, &seen, &f))
			break;
	}
	*pass = (struct cell_pass){
	    .epoch = unpack(pack(&f)).epoch, .probing = true};
	return true;
}

/* Set the date of a claim that is still the caller's. */
static void
set_claim(health_cell *cell, const struct cell_pass *pass, int64_t until_ms)
{
	uint64_t seen = atomic_load(cell);
	struct fields f;

	do {
		f = unpack(seen);
		if (!pass->probing || f.epoch != pass->epoch || f.level == 0)
			return;
		f.until_ms = (uint64_t)until_ms;
	} while (!swap(cell, &seen, &f));
}

void
cell_renew(health_cell *cell, const struct cell_pass *pass, int64_t now_ms)
{
	set_claim(cell, pass, now_ms + CELL_CLAIM_MS);
}

void
cell_undecided(health_cell *cell, const struct cell_pass *pass,
    int64_t now_ms)
{
	set_claim(cell, pass, now_ms);
}

bool
cell_well(health_cell *cell, const struct cell_pass *pass)
{
	uint64_t seen = atomic_load(cell);
	struct fields f, well;

	do {
		f = unpack(seen);
		if (f.epoch != pass->epoch || (f.level == 0 && f.strikes == 0))
			return false;
		well = (struct fields){
		    .epoch = f.level > 0 ? f.epoch + 1 : f.epoch};
	} while (!swap(cell, &seen, &well));
	return f.level > 0;
}

/* How long the rest of this level is. */
static int64_t
rest_of(unsigned level, int64_t rest_ms)
{
	while (--level > 0 && rest_ms < CELL_REST_MAX_MS)
		rest_ms = rest_ms * 2 < CELL_REST_MAX_MS ? rest_ms * 2 :
		    CELL_REST_MAX_MS;
	return rest_ms;
}

/* One more failure in f. For how long it is left out; 0: it is not. */
static int64_t
add_failure(struct fields *f, const struct cell_failure *failure,
    int64_t now_ms)
{
	int64_t rest_ms, asked_ms = failure->retry_after_ms;

	if (failure->strike && f->level == 0 && ++f->strikes < CELL_STRIKES)
		return 0;
	f->strikes = 0;
	if (f->level < LEVEL_MAX)
		f->level++;
	f->epoch++;
	rest_ms = rest_of(f->level, failure->rest_ms);
	if (asked_ms > CELL_ASKED_MAX_MS)
		asked_ms = CELL_ASKED_MAX_MS;
	f->asked = asked_ms > rest_ms;
	if (f->asked)
		rest_ms = asked_ms;
	f->until_ms = (uint64_t)(now_ms + rest_ms);
	return rest_ms;
}

/*
 * It is left out, and was asked for want of others: that it fails is no
 * news, and many that do so at once must not make its rest the longest.
 * Only what it asks for counts.
 */
static int64_t
add_known_failure(struct fields *f, const struct cell_failure *failure,
    int64_t now_ms)
{
	int64_t asked_ms = failure->retry_after_ms;

	if (asked_ms > CELL_ASKED_MAX_MS)
		asked_ms = CELL_ASKED_MAX_MS;
	if (asked_ms == 0 || (uint64_t)(now_ms + asked_ms) <= f->until_ms)
		return 0;
	f->asked = 1;
	f->epoch++;
	f->until_ms = (uint64_t)(now_ms + asked_ms);
	return asked_ms;
}

int64_t
cell_failed(health_cell *cell, const struct cell_pass *pass,
    const struct cell_failure *failure, int64_t now_ms)
{
	uint64_t seen = atomic_load(cell);
	struct fields f;
	int64_t rest_ms;

	do {
		f = unpack(seen);
		if (f.epoch != pass->epoch)
			return 0;
		if (f.level > 0 && !pass->probing)
			rest_ms = add_known_failure(&f, failure, now_ms);
		else
			rest_ms = add_failure(&f, failure, now_ms);
		if (rest_ms == 0 && f.level > 0)
			return 0;
	} while (!swap(cell, &seen, &f));
	return rest_ms;
}
