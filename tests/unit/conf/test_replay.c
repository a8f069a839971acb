/* The pace of a replay: every spelling, bounds, and what is none. */
#include "helper.h"

#include <stdlib.h>

struct pace {
	const char *text;
	int kind;
	double value;
};

/* A value is the number nearest to the one written. */
static const struct pace paces[] = {
	{"instant", CONF_REPLAY_INSTANT, 1},
	{"recorded", CONF_REPLAY_RECORDED, 1},
	{"recorded*1", CONF_REPLAY_RECORDED, 1},
	{"recorded*4", CONF_REPLAY_RECORDED, 4},
	{"recordedx4", CONF_REPLAY_RECORDED, 4},
	{"recorded\xc3\x97" "4", CONF_REPLAY_RECORDED, 4},
	{"recorded*0.5", CONF_REPLAY_RECORDED, 0.5},
	{"recordedx0.001", CONF_REPLAY_RECORDED, 0.001},
	{"recorded\xc3\x97" "1000000", CONF_REPLAY_RECORDED, 1000000},
	{"recorded*1000000.000", CONF_REPLAY_RECORDED, 1000000},
	{"1/s", CONF_REPLAY_RATE, 1},
	{"50/s", CONF_REPLAY_RATE, 50},
	{"007/s", CONF_REPLAY_RATE, 7},
	{"0.1/s", CONF_REPLAY_RATE, 0.1},
	{"0.10/s", CONF_REPLAY_RATE, 0.1},
	{"33.333/s", CONF_REPLAY_RATE, 33.333},
	{"0.123/s", CONF_REPLAY_RATE, 0.123},
	{"0.001/s", CONF_REPLAY_RATE, 0.001},
	{"999999.999/s", CONF_REPLAY_RATE, 999999.999},
	{"1000000/s", CONF_REPLAY_RATE, 1000000},
};

static const char *const garbage[] = {
	"", " ", "Instant", "INSTANT", " instant", "instant ", "instant*2",
	"instant/s", "Recorded", " recorded", "recorded ", "recorded4",
	"recorded* 4", "recorded *4", "recorded*", "recordedx",
	"recorded\xc3\x97", "recorded\xc3", "recorded\xc3*4", ("recorded\xd7" "4"),
	"recordedX4", "recorded**4", "recorded*x4", "recorded*4x",
	"recorded*4/s", "recorded/s", "recorded/4", "recorded*4.", "recorded*.5",
	"recorded*0", "recorded*0.000", "recorded*0.0004", "recorded*-1",
	"recorded*+1", "recorded*1e3", "recorded*inf", "recorded*nan",
	"recorded*0x10", "recorded*1,5", "recorded*1000000.001",
	"recorded*1000001", "recorded*99999999999999999999",
	"0/s", "0.0/s", "0.000/s", "0.0001/s", "-1/s", "+1/s", "1000000.001/s",
	"1000001/s", "10000000/s", "99999999999999999999/s", ".5/s", "5./s",
	"1.5.5/s", "1,5/s", "1e3/s", "0x10/s", "nan/s", "inf/s", "5", "5/",
	"5s", "/s", "5 /s", "5/ s", " 5/s", "5/s ", "5/S", "5/m", "5/sec",
	"5//s", "5/s/s", "\xd9\xa5/s", "on", "off", "none", "x4", "*4",
};

/* Outside of what a parse may set: to see that it was left alone. */
static const struct conf_replay untouched = {CONF_REPLAY_RATE, -7};

static int
parse(const char *text, size_t len, struct conf_replay *out)
{
	/* Of just its length, so that reading on is noticed. */
	char *copy = malloc(len + 1);
	int rc;

	assert_non_null(copy);
	memcpy(copy, text, len);
	copy[len] = '\0';
	*out = untouched;
	rc = conf_parse_replay(copy, out);
	free(copy);
	if (rc == 0)
		return 0;
	assert_int_equal(rc, -1);
	assert_int_equal(out->kind, untouched.kind);
	assert_true(out->value >= -7 && out->value <= -7);
	return -1;
}

static const struct pace *
find(const char *text, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof(paces) / sizeof(paces[0]); i++) {
		if (strlen(paces[i].text) == len &&
		    memcmp(paces[i].text, text, len) == 0)
			return &paces[i];
	}
	return NULL;
}

static void
assert_pace(const struct conf_replay *got, const struct pace *wanted)
{
	if ((int)got->kind != wanted->kind || got->value < wanted->value ||
	    got->value > wanted->value)
		fail_msg("\"%s\": %d, %.17g", wanted->text, (int)got->kind,
		    got->value);
}

static void
test_spellings(void **state)
{
	struct conf_replay got;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(paces) / sizeof(paces[0]); i++) {
		if (parse(paces[i].text, strlen(paces[i].text), &got) == -1)
			fail_msg("refused: \"%s\"", paces[i].text);
		assert_pace(&got, &paces[i]);
	}
}

static void
test_garbage(void **state)
{
	struct conf_replay got;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		if (parse(garbage[i], strlen(garbage[i]), &got) == 0)
			fail_msg("taken: \"%s\"", garbage[i]);
	}
}

/* Whether len bytes of text, cut from a longer pace, are one themselves. */
static bool
is_whole(const char *text, size_t len)
{
	size_t last = strcspn(text, "*x\xc3");

	if (find(text, len) != NULL)
		return true;
	/* "recorded*0.5" begins with "recorded", "recorded*4" and the like. */
	return strncmp(text, "recorded", 8) == 0 &&
	    (len == last || (len > last && text[len - 1] >= '0' &&
	    text[len - 1] <= '9' &&
	    strpbrk(text + last, "123456789") < text + len));
}

static void
test_truncated(void **state)
{
	struct conf_replay got;
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(paces) / sizeof(paces[0]); i++) {
		for (len = 0; len < strlen(paces[i].text); len++) {
			if ((parse(paces[i].text, len, &got) == 0) !=
			    is_whole(paces[i].text, len))
				fail_msg("\"%.*s\"", (int)len, paces[i].text);
		}
	}
}

/* One byte more, whichever, makes none of a pace that ends in a word. */
static void
test_extended(void **state)
{
	static const char *const words[] = {"instant", "recorded", "5/s"};
	struct conf_replay got;
	char text[40];
	int byte;
	size_t i, len;

	(void)state;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		len = strlen(words[i]);
		for (byte = 1; byte < 256; byte++) {
			memcpy(text, words[i], len);
			text[len] = (char)byte;
			assert_int_equal(parse(text, len + 1, &got), -1);
			/* In front, only a digit (or "0" to "9" of a rate). */
			text[0] = (char)byte;
			memcpy(text + 1, words[i], len);
			assert_int_equal(parse(text, len + 1, &got),
			    i == 2 && byte >= '0' && byte <= '9' ? 0 : -1);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spellings),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_extended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
