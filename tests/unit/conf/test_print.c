/* The printed configuration and the manual page. */
#include "helper.h"

#include "base/buf.h"

#include <ctype.h>
#include <stdlib.h>
#include <unistd.h>

enum { ROOM = 1 << 20 };

/* A value of an option that is not its default, where there is one. */
static void
put_other_value(struct buf *out, const struct conf_option *option)
{
	const char *last;

	switch (option->type) {
	case CONF_TYPE_STRING:
		buf_puts(out, sample_string(option));
		break;
	case CONF_TYPE_SWITCH:
		buf_puts(out, strcmp(option->fallback, "on") == 0 ? "off" :
								     "on");
		break;
	case CONF_TYPE_CHOICE:
		last = strrchr(option->words, '|');
		buf_puts(out, last == NULL ? option->words : last + 1);
		break;
	default:
		buf_puts(out, option->max);
	}
}

static void
put_full_section(struct buf *out, enum conf_section section)
{
	const struct conf_option *option;
	int i;

	for (i = 0; i < CONF_OPTION_COUNT; i++) {
		option = conf_table_row((enum conf_option_id)i);
		if (option->section != section)
			continue;
		buf_printf(out, "%s = ", option->name);
		put_other_value(out, option);
		buf_putc(out, '\n');
	}
}

/* A file with two upstreams in which every option is set. */
static void
put_full_file(struct buf *out)
{
	int section;

	for (section = 0; section < CONF_SECTION_COUNT; section++) {
		if (section == CONF_IN_upstream)
			continue;
		buf_printf(out, "[%s]\n",
		    conf_table_section((enum conf_section)section));
		put_full_section(out, (enum conf_section)section);
	}
	buf_puts(out, "[upstream b.2]\n");
	put_full_section(out, CONF_IN_upstream);
	buf_puts(out, "[upstream a]\n");
	put_full_section(out, CONF_IN_upstream);
	assert_false(out->failed);
}

static void
assert_same(const struct conf *a, const struct conf *b)
{
	const struct conf_option *option;
	int i;

	for (i = 0; i < CONF_OPTION_COUNT; i++) {
		option = conf_table_row((enum conf_option_id)i);
		if (option->section == CONF_IN_upstream && a->n_upstreams == 0)
			continue;
		if (option->type == CONF_TYPE_STRING)
			assert_string_equal(string_of(a, option),
			    string_of(b, option));
		else if (option->min != NULL)
			assert_int_equal(quantity_of(a, option),
			    quantity_of(b, option));
		else
			assert_int_equal(word_of(a, option),
			    word_of(b, option));
	}
}

/* Print, load that, print again. */
static void
round_trip(const char *text, char *const *envp, struct buf *printed)
{
	struct conf *conf = load_env(text, envp), *again;
	struct buf second;
	size_t i;

	assert_int_equal(conf_print(conf, printed), 0);
	again = load_env(printed->data, envp);
	assert_int_equal(conf->n_upstreams, again->n_upstreams);
	for (i = 0; i < conf->n_upstreams; i++)
		assert_string_equal(conf->upstreams[i].name,
		    again->upstreams[i].name);
	assert_same(conf, again);
	buf_init(&second, ROOM);
	assert_int_equal(conf_print(again, &second), 0);
	assert_string_equal(second.data, printed->data);
	buf_fini(&second);
	conf_free(conf);
	conf_free(again);
}

static void
test_round_trip(void **state)
{
	char key[] = "SAMPLE_KEY=sk-top-secret";
	char *envp[] = {key, NULL};
	struct buf text, printed;

	(void)state;
	buf_init(&text, ROOM);
	buf_init(&printed, ROOM);
	put_full_file(&text);
	round_trip(text.data, envp, &printed);
	assert_non_null(strstr(printed.data, "\nkey = env:SAMPLE_KEY\n"));
	assert_non_null(strstr(printed.data, "\nthreads = 1024\n"));
	assert_non_null(strstr(printed.data, "\nchunk = 1000K\n"));
	assert_non_null(strstr(printed.data,
	    "\nreplay = recorded\xc3\x97" "2.5\n"));
	assert_non_null(strstr(printed.data, "\nsingle_flight = off\n"));
	assert_non_null(strstr(printed.data,
	    "\n[flight]\nlease = 10m\nwait = 1h\n"));
	/* The credential itself is nowhere in it. */
	assert_null(strstr(printed.data, "sk-top-secret"));
	buf_fini(&text);
	buf_fini(&printed);
}

static void
test_round_trip_defaults(void **state)
{
	struct buf printed;

	(void)state;
	buf_init(&printed, ROOM);
	round_trip("[upstream u]\nurl = http://h\n", no_env, &printed);
	assert_non_null(strstr(printed.data, "\nttl = 1h\n"));
	assert_non_null(strstr(printed.data, "\ntimeout = 250ms\n"));
	assert_non_null(strstr(printed.data, "\nheartbeat = 0\n"));
	assert_non_null(strstr(printed.data, "\nproxy =\n"));
	assert_null(strstr(printed.data, " \n"));
	buf_fini(&printed);
}

/* Odd amounts are printed exactly, in the largest unit that can. */
static void
test_units(void **state)
{
	struct buf printed;

	(void)state;
	buf_init(&printed, ROOM);
	round_trip("[server]\nmax_body = 1048577\nheartbeat = 90\n"
	    "[cache]\nttl = 48h\nchunk = 8192\ntimeout = 1500ms\n"
	    "max_entry = 2048k\n", no_env, &printed);
	assert_non_null(strstr(printed.data, "\nmax_body = 1048577\n"));
	assert_non_null(strstr(printed.data, "\nheartbeat = 90s\n"));
	assert_non_null(strstr(printed.data, "\nttl = 2d\n"));
	assert_non_null(strstr(printed.data, "\nchunk = 8K\n"));
	assert_non_null(strstr(printed.data, "\ntimeout = 1500ms\n"));
	assert_non_null(strstr(printed.data, "\nmax_entry = 2M\n"));
	buf_fini(&printed);
}

/* Whatever room there is, too little is said to be too little. */
static void
test_no_room(void **state)
{
	struct conf *conf = load("[upstream u]\nurl = http://h\n");
	struct buf whole, out;
	size_t room;

	(void)state;
	buf_init(&whole, ROOM);
	assert_int_equal(conf_print(conf, &whole), 0);
	for (room = 0; room < whole.len; room++) {
		buf_init(&out, room);
		assert_int_equal(conf_print(conf, &out), -1);
		buf_fini(&out);
	}
	buf_init(&out, 100);
	assert_int_equal(conf_print_manual(&out), -1);
	buf_fini(&out);
	buf_fini(&whole);
	conf_free(conf);
}

static void
test_manual_names_all(void **state)
{
	const struct conf_option *option;
	char item[100], variable[100], *p;
	struct buf manual;
	int i, section;

	(void)state;
	buf_init(&manual, ROOM);
	assert_int_equal(conf_print_manual(&manual), 0);
	for (section = 0; section < CONF_SECTION_COUNT; section++) {
		snprintf(item, sizeof(item), "\n.Ss The [%s",
		    conf_table_section((enum conf_section)section));
		assert_non_null(strstr(manual.data, item));
	}
	for (i = 0; i < CONF_OPTION_COUNT; i++) {
		option = conf_table_row((enum conf_option_id)i);
		snprintf(item, sizeof(item), "\n.It Cm %s No = Ar ",
		    option->name);
		assert_non_null(strstr(manual.data, item));
		snprintf(variable, sizeof(variable), "\n.Ev REPRISE_%s%s_%s .",
		    conf_table_section(option->section),
		    option->section == CONF_IN_upstream ? "_NAME" : "",
		    option->name);
		for (p = variable + 5; *p != '\0'; p++)
			*p = (char)toupper((unsigned char)*p);
		assert_non_null(strstr(manual.data, variable));
	}
	assert_non_null(strstr(manual.data, "\nBounds: from 4K to 1000K.\n"));
	assert_non_null(strstr(manual.data, "\nWords: zstd or off.\n"));
	buf_fini(&manual);
}

/* mandoc finds nothing to say about the page, not even of its style. */
static void
test_manual_lint(void **state)
{
	char path[] = "/tmp/test_conf_XXXXXX", command[100];
	struct buf page;
	int fd;

	(void)state;
	if (system("command -v mandoc >/dev/null 2>&1") != 0)
		skip();
	buf_init(&page, ROOM);
	buf_puts(&page, ".Dd January 1, 2026\n.Dt REPRISE.CONF 5\n.Os\n"
	    ".Sh NAME\n.Nm reprise.conf\n.Nd configuration\n.Sh OPTIONS\n");
	assert_int_equal(conf_print_manual(&page), 0);
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, page.data, page.len), (ssize_t)page.len);
	assert_int_equal(close(fd), 0);
	snprintf(command, sizeof(command), "mandoc -T lint -W style %s", path);
	assert_int_equal(system(command), 0);
	assert_int_equal(unlink(path), 0);
	buf_fini(&page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_round_trip_defaults),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_manual_names_all),
		cmocka_unit_test(test_manual_lint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
