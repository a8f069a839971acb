#include "conf/load.h"

#include "base/text.h"
#include "conf/check.h"
#include "conf/ini.h"
#include "conf/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What of a long path or value an error shows, so that all of it fits. */
enum { LABEL_SHOWN = 60, VARIABLE_SHOWN = 80, GIVEN_SHOWN = 40 };

/* The state of reading the file. */
struct file {
	struct conf_load *load;
	bool in_section;
	enum conf_section section;
	size_t upstream; /* index, in an [upstream] section */
};

int
conf_load_refuse(const struct conf_load *load, const struct conf_place *place,
    struct err *err, const char *fmt, ...)
{
	struct err what = ERR_INIT;
	char variable[VARIABLE_SHOWN + 1];
	size_t len;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what.text, sizeof(what.text), fmt, ap);
	va_end(ap);
	if (place->variable != NULL) {
		text_printable(place->variable, variable, sizeof(variable));
		len = strcspn(place->variable, "=");
		/* Only its name: the value may be a secret. */
		return err_set(err, ERR_CONFIG, "%.*s%s: %s", (int)len,
		    variable, len > VARIABLE_SHOWN ? "..." : "", what.text);
	}
	if (place->line != 0)
		return err_set(err, ERR_CONFIG, "%s:%d: %s", load->label,
		    place->line, what.text);
	return err_set(err, ERR_CONFIG, "%s", what.text);
}

struct conf_target
conf_load_target(struct conf_load *load, enum conf_section section,
    size_t index)
{
	struct conf_target target = {.places = &load->own};

	if (section != CONF_IN_upstream) {
		target.section =
		    (char *)load->conf + conf_table_offset(section);
	} else {
		target.section = &load->conf->upstreams[index];
		target.places = &load->upstreams[index];
		target.upstream = load->conf->upstreams[index].name;
	}
	return target;
}

/* The text of an error, short and without what must not be shown. */
static void
show_given(const struct conf_option *option, const char *text,
    char out[GIVEN_SHOWN + 4])
{
	if (conf_value_is_secret(option, text)) {
		snprintf(out, GIVEN_SHOWN + 4, "(not shown)");
		return;
	}
	text_printable(text, out, GIVEN_SHOWN + 1);
	if (strlen(text) > GIVEN_SHOWN)
		memcpy(out + GIVEN_SHOWN, "...", 4);
}

int
conf_load_option(struct conf_load *load, const struct conf_target *target,
    const struct conf_option *option, const char *text,
    const struct conf_place *place, struct err *err)
{
	struct err why = ERR_INIT;
	char given[GIVEN_SHOWN + 4];
	const char *upstream = target->upstream;

	target->places->option[option->id] = *place;
	if (conf_value_parse(option, text, target->section, &why) == 0)
		return 0;
	if (why.code != ERR_CONFIG)
		return err_set(err, why.code, "%s", why.text);
	show_given(option, text, given);
	return conf_load_refuse(load, place, err, "%s%s%s.%s = %s: %s",
	    conf_table_section(option->section), upstream == NULL ? "" : ".",
	    upstream == NULL ? "" : upstream, option->name, given, why.text);
}

/* Give every option of a section its default. */
static int
set_defaults(enum conf_section section, void *base, struct err *err)
{
	const struct conf_option *option;
	size_t i;

	for (i = 0; i < CONF_OPTION_COUNT; i++) {
		option = conf_table_row((enum conf_option_id)i);
		if (option->section == section &&
		    conf_value_parse(option, option->fallback, base, err) == -1)
			return -1;
	}
	return 0;
}

/* Room for one upstream more in both arrays. */
static int
grow_upstreams(struct conf_load *load, struct err *err)
{
	size_t n = load->conf->n_upstreams + 1;
	void *more;

	more = reallocarray(load->conf->upstreams, n,
	    sizeof(*load->conf->upstreams));
	if (more == NULL)
		return err_set(err, ERR_MEMORY, "out of memory");
	load->conf->upstreams = more;
	more = reallocarray(load->upstreams, n, sizeof(*load->upstreams));
	if (more == NULL)
		return err_set(err, ERR_MEMORY, "out of memory");
	load->upstreams = more;
	return 0;
}

int
conf_load_insert_upstream(struct conf_load *load, size_t index,
    const char *name, const struct conf_place *place, struct err *err)
{
	struct conf_upstream *upstream;
	struct conf_places *places;
	size_t above = load->conf->n_upstreams - index;

	if (grow_upstreams(load, err) == -1)
		return -1;
	upstream = &load->conf->upstreams[index];
	places = &load->upstreams[index];
	memmove(upstream + 1, upstream, above * sizeof(*upstream));
	memmove(places + 1, places, above * sizeof(*places));
	memset(upstream, 0, sizeof(*upstream));
	memset(places, 0, sizeof(*places));
	load->conf->n_upstreams++;
	places->heading = *place;
	if ((upstream->name = strdup(name)) == NULL)
		return err_set(err, ERR_MEMORY, "out of memory");
	return set_defaults(CONF_IN_upstream, upstream, err);
}

static int
unknown_section(struct file *file, const char *name,
    const struct conf_place *place, struct err *err)
{
	char shown[GIVEN_SHOWN + 1];
	const char *known;
	int i;

	text_printable(name, shown, sizeof(shown));
	for (i = 0; i < CONF_SECTION_COUNT; i++) {
		known = conf_table_section((enum conf_section)i);
		if (conf_table_distance(name, known) < CONF_FAR)
			return conf_load_refuse(file->load, place, err,
			    "there is no section [%s]; did you mean [%s]?",
			    shown, known);
	}
	return conf_load_refuse(file->load, place, err, "there is no section "
	    "[%s]; there are [server], [cache], [flight], [usage] and "
	    "[upstream NAME]",
	    shown);
}

static int
begin_upstream(struct file *file, const char *name,
    const struct conf_place *place, struct err *err)
{
	struct conf_load *load = file->load;
	size_t i;

	if (!conf_check_upstream_name(name))
		return conf_load_refuse(load, place, err, "an upstream is "
		    "named as in [upstream openai]: 1 to %d letters, digits, "
		    "'-', '_' and '.'", CONF_NAME_MAX);
	for (i = 0; i < load->conf->n_upstreams; i++) {
		if (strcmp(load->conf->upstreams[i].name, name) == 0)
			return conf_load_refuse(load, place, err,
			    "[upstream %s] is already on line %d", name,
			    load->upstreams[i].heading.line);
	}
	file->section = CONF_IN_upstream;
	file->upstream = load->conf->n_upstreams;
	return conf_load_insert_upstream(load, file->upstream, name, place,
	    err);
}

static int
on_section(void *arg, const char *name, int line, struct err *err)
{
	struct file *file = arg;
	struct conf_place place = {.line = line};
	size_t word = strcspn(name, " \t");
	int i;

	file->in_section = true;
	for (i = 0; i < CONF_IN_upstream; i++) {
		if (strcmp(name, conf_table_section((enum conf_section)i)) != 0)
			continue;
		file->section = (enum conf_section)i;
		return 0;
	}
	if (word == strlen("upstream") && strncmp(name, "upstream", word) == 0)
		return begin_upstream(file,
		    name + word + strspn(name + word, " \t"), &place, err);
	return unknown_section(file, name, &place, err);
}

/* The option of this section with the nearest name, or of that name. */
static const struct conf_option *
guess_option(enum conf_section section, const char *name)
{
	const struct conf_option *option, *guess = NULL;
	size_t i, distance, nearest = CONF_FAR;

	for (i = 0; i < CONF_OPTION_COUNT; i++) {
		option = conf_table_row((enum conf_option_id)i);
		distance = conf_table_distance(name, option->name);
		if (distance >= nearest ||
		    (option->section != section && distance > 0))
			continue;
		nearest = distance;
		guess = option;
	}
	return guess;
}

static int
unknown_option(struct file *file, const char *name,
    const struct conf_place *place, struct err *err)
{
	const char *section = conf_table_section(file->section);
	const struct conf_option *guess = guess_option(file->section, name);
	char shown[GIVEN_SHOWN + 1];

	text_printable(name, shown, sizeof(shown));
	if (guess == NULL)
		return conf_load_refuse(file->load, place, err,
		    "[%s] has no option %s", section, shown);
	if (guess->section != file->section)
		return conf_load_refuse(file->load, place, err,
		    "[%s] has no option %s; it belongs in [%s]", section,
		    shown, conf_table_section(guess->section));
	return conf_load_refuse(file->load, place, err,
	    "[%s] has no option %s; did you mean %s?", section, shown,
	    guess->name);
}

static int
on_option(void *arg, const char *name, const char *value, int line,
    struct err *err)
{
	struct file *file = arg;
	struct conf_place place = {.line = line};
	const struct conf_option *option;
	struct conf_target target;
	int before;

	if (!file->in_section)
		return conf_load_refuse(file->load, &place, err,
		    "an option must be below a [section]");
	option = conf_table_find(file->section, name);
	if (option == NULL)
		return unknown_option(file, name, &place, err);
	target = conf_load_target(file->load, file->section, file->upstream);
	before = target.places->option[option->id].line;
	if (before != 0)
		return conf_load_refuse(file->load, &place, err,
		    "%s is already set on line %d", name, before);
	return conf_load_option(file->load, &target, option, value, &place,
	    err);
}

/* The defaults of every section that is there without being named. */
static int
set_own_defaults(struct conf_load *load, struct err *err)
{
	struct conf_target target;
	int section;

	for (section = 0; section < CONF_IN_upstream; section++) {
		target = conf_load_target(load, (enum conf_section)section, 0);
		if (set_defaults((enum conf_section)section, target.section,
		    err) == -1)
			return -1;
	}
	return 0;
}

static int
load_all(struct conf_load *load, const char *text, size_t len,
    struct err *err)
{
	struct file file = {.load = load};
	struct conf_ini_events events = {on_section, on_option, &file};

	if (set_own_defaults(load, err) == -1 ||
	    conf_ini_parse(text, len, load->label, &events, err) == -1 ||
	    conf_load_environment(load, err) == -1)
		return -1;
	return conf_load_resolve(load, err);
}

struct conf *
conf_load_text(const char *text, size_t len, const char *path,
    char *const *envp, struct err *err)
{
	struct conf *conf = calloc(1, sizeof(*conf));
	struct conf_load load = {.conf = conf, .envp = envp};
	char label[LABEL_SHOWN + 4];
	size_t path_len = path == NULL ? 0 : strlen(path);
	int failed = -1;

	if (conf == NULL ||
	    (path != NULL && (conf->path = strdup(path)) == NULL)) {
		err_set(err, ERR_MEMORY, "out of memory");
		goto out;
	}
	/* The end of a long path tells more than its beginning. */
	if (path == NULL)
		snprintf(label, sizeof(label), "configuration");
	else if (path_len > LABEL_SHOWN)
		snprintf(label, sizeof(label), "...%s",
		    path + path_len - LABEL_SHOWN);
	else
		snprintf(label, sizeof(label), "%s", path);
	load.label = label;
	failed = load_all(&load, text, len, err);
out:
	free(load.upstreams);
	if (failed == 0)
		return conf;
	conf_free(conf);
	return NULL;
}
