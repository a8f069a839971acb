#include "conf/value.h"

#include "conf/check.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_MS INT64_C(1000)
#define DAY_MS (24 * 60 * 60 * SECOND_MS)
#define TEN_YEARS_MS (3650 * DAY_MS)

struct unit {
	const char *word;
	int64_t factor;
};

/* Largest first, as values are printed; then what is only read. */
static const struct unit number_units[] = {{"", 1}, {NULL, 0}};
static const struct unit size_units[] = {
	{"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}, {"", 1},
	{"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {NULL, 0}};
static const struct unit duration_units[] = {
	{"d", DAY_MS}, {"h", 60 * 60 * SECOND_MS}, {"m", 60 * SECOND_MS},
	{"s", SECOND_MS}, {"ms", 1}, {"", SECOND_MS}, {NULL, 0}};

/* Digits and a unit, nothing else, into *out; at most most. 0 or -1. */
static int
parse_quantity(const char *s, const struct unit *units, int64_t most,
    int64_t *out)
{
	int64_t value = 0;
	const char *unit = s;

	for (; *unit >= '0' && *unit <= '9'; unit++) {
		if (value > (most - (*unit - '0')) / 10)
			return -1;
		value = value * 10 + (*unit - '0');
	}
	if (unit == s)
		return -1;
	for (; units->word != NULL; units++) {
		if (strcmp(units->word, unit) != 0)
			continue;
		if (value > most / units->factor)
			return -1;
		*out = value * units->factor;
		return 0;
	}
	return -1;
}

int
conf_parse_duration(const char *s, int64_t *out_ms)
{
	return parse_quantity(s, duration_units, TEN_YEARS_MS, out_ms);
}

static const struct unit *
units_of(enum conf_type type)
{
	switch (type) {
	case CONF_TYPE_SIZE:
		return size_units;
	case CONF_TYPE_DURATION:
		return duration_units;
	default:
		return number_units;
	}
}

static int
parse_bounded(const struct conf_option *option, const char *text, int64_t *out)
{
	const struct unit *units = units_of(option->type);
	int64_t value, min, max;

	if (parse_quantity(option->min, units, INT64_MAX, &min) == -1 ||
	    parse_quantity(option->max, units, INT64_MAX, &max) == -1 ||
	    parse_quantity(text, units, INT64_MAX, &value) == -1 ||
	    value < min || value > max)
		return -1;
	*out = value;
	return 0;
}

/* The words of a CHOICE; a SWITCH is off, on (false, true). */
static const char *
words_of(const struct conf_option *option)
{
	return option->type == CONF_TYPE_SWITCH ? "off|on" : option->words;
}

/* The word after the one at w, or NULL. */
static const char *
next_word(const char *w)
{
	w += strcspn(w, "|");
	return *w == '\0' ? NULL : w + 1;
}

static int
parse_word(const char *words, const char *text, int *out)
{
	const char *w;
	size_t len = strlen(text);
	int i = 0;

	for (w = words; w != NULL; w = next_word(w), i++) {
		if (strcspn(w, "|") == len && strncmp(w, text, len) == 0) {
			*out = i;
			return 0;
		}
	}
	return -1;
}

char **
conf_value_string(const struct conf_option *option, void *section)
{
	return (char **)(void *)((char *)section + option->offset);
}

static int
parse_string(const struct conf_option *option, const char *text,
    void *section, struct err *err)
{
	char **member = conf_value_string(option, section);
	size_t len = strlen(text);
	char *copy;

	if (len > CONF_VALUE_MAX)
		return err_set(err, ERR_CONFIG, "must be at most %d bytes",
		    CONF_VALUE_MAX);
	/* One byte to spare: a check may put a '/' in front. */
	if ((copy = malloc(len + 2)) == NULL)
		return err_set(err, ERR_MEMORY, "out of memory");
	memcpy(copy, text, len + 1);
	if (conf_check_string(option, copy, err) == -1) {
		free(copy);
		return -1;
	}
	free(*member);
	*member = copy;
	return 0;
}

static const char *
units_hint(enum conf_type type)
{
	if (type == CONF_TYPE_DURATION)
		return " (units: ms, s, m, h, d)";
	return type == CONF_TYPE_SIZE ? " (units: K, M, G)" : "";
}

int
conf_value_parse(const struct conf_option *option, const char *text,
    void *section, struct err *err)
{
	char *member = (char *)section + option->offset;
	struct buf range;
	int64_t quantity;
	int word;

	switch (option->type) {
	case CONF_TYPE_STRING:
		return parse_string(option, text, section, err);
	case CONF_TYPE_SWITCH:
	case CONF_TYPE_CHOICE:
		if (parse_word(words_of(option), text, &word) == -1)
			break;
		if (option->type == CONF_TYPE_SWITCH)
			*(bool *)(void *)member = word == 1;
		else
			*(int *)(void *)member = word;
		return 0;
	default:
		if (parse_bounded(option, text, &quantity) == -1)
			break;
		*(int64_t *)(void *)member = quantity;
		return 0;
	}
	buf_init(&range, 200);
	if (conf_value_range(option, &range) == -1)
		err_set(err, ERR_MEMORY, "out of memory");
	else
		err_set(err, ERR_CONFIG, "must be %s%s", range.data,
		    units_hint(option->type));
	buf_fini(&range);
	return -1;
}

static int
format_quantity(int64_t value, const struct unit *units, struct buf *out)
{
	if (value == 0)
		return buf_putc(out, '0');
	while (value % units->factor != 0)
		units++;
	return buf_printf(out, "%lld%s", (long long)(value / units->factor),
	    units->word);
}

static int
format_word(const char *words, int index, struct buf *out)
{
	while (index-- > 0 && words != NULL)
		words = next_word(words);
	if (words == NULL)
		return -1;
	return buf_append(out, words, strcspn(words, "|"));
}

int
conf_value_format(const struct conf_option *option, const void *section,
    struct buf *out)
{
	const char *member = (const char *)section + option->offset;
	const void *at = member;

	switch (option->type) {
	case CONF_TYPE_STRING:
		return buf_puts(out, *(char *const *)at);
	case CONF_TYPE_SWITCH:
		return format_word(words_of(option), *(const bool *)at, out);
	case CONF_TYPE_CHOICE:
		return format_word(words_of(option), *(const int *)at, out);
	default:
		return format_quantity(*(const int64_t *)at,
		    units_of(option->type), out);
	}
}

/* "a", "a or b", "a, b or c" */
static int
list_words(const char *words, struct buf *out)
{
	const char *w, *next;

	for (w = words; w != NULL; w = next) {
		next = next_word(w);
		if (w != words)
			buf_puts(out, next == NULL ? " or " : ", ");
		buf_append(out, w, strcspn(w, "|"));
	}
	return out->failed ? -1 : 0;
}

int
conf_value_range(const struct conf_option *option, struct buf *out)
{
	switch (option->type) {
	case CONF_TYPE_STRING:
		return out->failed ? -1 : 0;
	case CONF_TYPE_SWITCH:
		return buf_puts(out, "on or off");
	case CONF_TYPE_CHOICE:
		return list_words(option->words, out);
	default:
		if (strcmp(option->min, option->max) == 0)
			return buf_puts(out, option->min);
		return buf_printf(out, "from %s to %s", option->min,
		    option->max);
	}
}

bool
conf_value_is_secret(const struct conf_option *option, const char *text)
{
	switch (option->id) {
	case CONF_OPTION_upstream_key:
		return true;
	case CONF_OPTION_upstream_url:
	case CONF_OPTION_upstream_proxy:
		/* https://user:password@host, or ?key=... */
		return strpbrk(text, "@?") != NULL;
	default:
		return false;
	}
}
