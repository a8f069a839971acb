#include "conf/table.h"

#include <string.h>

#define ROW(s, row_name, member, row_type, ...)                                \
	[CONF_OPTION_##s##_##row_name] = {.id = CONF_OPTION_##s##_##row_name,  \
	    .section = CONF_IN_##s, .type = CONF_TYPE_##row_type,              \
	    .name = #row_name, .offset = offsetof(struct conf_##s, member),    \
	    __VA_ARGS__},

#define STRING(s, name, d, h)                                                  \
	ROW(s, name, name, STRING, .fallback = d, .help = h)
#define SWITCH(s, name, d, h)                                                  \
	ROW(s, name, name, SWITCH, .fallback = d, .help = h)
#define CHOICE(s, name, w, d, h)                                               \
	ROW(s, name, name, CHOICE, .words = w, .fallback = d, .help = h)
#define NUMBER(s, name, d, lo, hi, h)                                          \
	ROW(s, name, name, NUMBER, .fallback = d, .min = lo, .max = hi,        \
	    .help = h)
#define SIZE(s, name, d, lo, hi, h)                                            \
	ROW(s, name, name##_bytes, SIZE, .fallback = d, .min = lo, .max = hi,  \
	    .help = h)
#define DURATION(s, name, d, lo, hi, h)                                        \
	ROW(s, name, name##_ms, DURATION, .fallback = d, .min = lo,            \
	    .max = hi, .help = h)

static const struct conf_option rows[CONF_OPTION_COUNT] = {
#include "conf/options.def"
};

static const struct {
	const char *name;
	size_t offset;
} sections[CONF_SECTION_COUNT] = {
	[CONF_IN_server] = {"server", offsetof(struct conf, server)},
	[CONF_IN_cache] = {"cache", offsetof(struct conf, cache)},
	[CONF_IN_flight] = {"flight", offsetof(struct conf, flight)},
	[CONF_IN_usage] = {"usage", offsetof(struct conf, usage)},
	[CONF_IN_upstream] = {"upstream", 0},
};

const struct conf_option *
conf_table_row(enum conf_option_id id)
{
	return &rows[id];
}

const char *
conf_table_section(enum conf_section section)
{
	return sections[section].name;
}

size_t
conf_table_offset(enum conf_section section)
{
	return sections[section].offset;
}

const struct conf_option *
conf_table_find(enum conf_section section, const char *name)
{
	size_t i;

	for (i = 0; i < CONF_OPTION_COUNT; i++) {
		if (rows[i].section == section &&
		    strcmp(rows[i].name, name) == 0)
			return &rows[i];
	}
	return NULL;
}

static size_t
least(size_t a, size_t b, size_t c)
{
	if (b < a)
		a = b;
	return c < a ? c : a;
}

size_t
conf_table_distance(const char *typed, const char *known)
{
	size_t typed_len = strlen(typed), known_len = strlen(known);
	size_t row[64], i, j, diagonal, above;

	if (typed_len >= 64 || known_len >= 64)
		return CONF_FAR;
	/* row[j]: the distance of typed[0..i-1] from known[0..j-1] */
	for (j = 0; j <= known_len; j++)
		row[j] = j;
	for (i = 1; i <= typed_len; i++) {
		diagonal = row[0];
		row[0] = i;
		for (j = 1; j <= known_len; j++) {
			above = row[j];
			row[j] = least(above + 1, row[j - 1] + 1,
			    diagonal + (typed[i - 1] != known[j - 1]));
			diagonal = above;
		}
	}
	return row[known_len] <= (known_len + 1) / 3 ? row[known_len] :
						       CONF_FAR;
}
