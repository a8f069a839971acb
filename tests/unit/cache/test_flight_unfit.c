/*
 * Answers that cannot be told to those who follow: they learn so at once, not
 * by waiting for a leader that says no more.
 */
#include "flight_rig.h"

enum { MANY = RECORD_PAIRS_MAX + 1 };

/* Lead with a head that is too much. */
static void
check_abandoned(const struct flight_head *head)
{
	struct pair p;

	pair_open(&p);
	got_poll(&p.got, p.follower);
	flight_lead_head(p.leader, head);
	flight_lead_data(p.leader, "body", 4);
	pass_ms(FLIGHT_TICK_MS);
	flight_lead_tick(p.leader, NULL, 0);
	got_poll(&p.got, p.follower);
	assert_int_equal(p.got.state, FLIGHT_ABANDONED);
	assert_int_equal(p.got.status, 0);
	assert_got(&p.got, "", 0);
	/* Its place is free; and it has nothing to say any more. */
	assert_int_equal(flight_enter(p.follower), FLIGHT_LEAD);
	flight_lead_end(p.leader, FLIGHT_COMPLETE, NULL);
	assert_false(flight_lead_followed(p.leader));
	pair_close(&p);
}

static void
test_too_many_headers(void **state)
{
	static struct text_pair headers[MANY];
	struct flight_head head = {.status = 200, .mode = ENTRY_JSON,
	    .headers = headers, .n_headers = MANY};
	size_t i;

	(void)state;
	for (i = 0; i < MANY; i++)
		headers[i] = (struct text_pair){"X-Odd", "1"};
	check_abandoned(&head);
}

static void
test_a_header_too_long(void **state)
{
	static char value[RECORD_HEAD_MAX + 1];
	struct text_pair header = {"X-Long", value};
	struct flight_head head = {.status = 200, .mode = ENTRY_JSON,
	    .headers = &header, .n_headers = 1};

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	check_abandoned(&head);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_too_many_headers),
	    cmocka_unit_test(test_a_header_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
