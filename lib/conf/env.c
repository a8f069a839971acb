#include "conf/load.h"

#include "conf/check.h"
#include "conf/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "REPRISE_"
#define UPSTREAM_PREFIX "UPSTREAM_"

enum { VARIABLE_MAX = 128 }; /* bytes of a name, after REPRISE_ */

/* Upper case, and '_' for what a variable's name cannot hold. */
static char
variable_char(char c)
{
	if (c >= 'a' && c <= 'z')
		return (char)(c - 'a' + 'A');
	return c == '-' || c == '.' ? '_' : c;
}

/* Whether typed[0..len-1] is name written as in a variable. */
static bool
is_written(const char *typed, size_t len, const char *name)
{
	size_t i;

	for (i = 0; i < len && name[i] != '\0'; i++) {
		if (typed[i] != variable_char(name[i]))
			return false;
	}
	return i == len && name[i] == '\0';
}

/* "SERVER_THREADS" into out. */
static void
write_name(const struct conf_option *option, char out[VARIABLE_MAX + 1])
{
	char *p;

	snprintf(out, VARIABLE_MAX + 1, "%s_%s",
	    conf_table_section(option->section), option->name);
	for (p = out; *p != '\0'; p++)
		*p = variable_char(*p);
}

/* The option of a section without a name whose variable is nearest, or NULL. */
static const struct conf_option *
guess_own_option(const char *name)
{
	const struct conf_option *option, *guess = NULL;
	size_t i, distance, nearest = CONF_FAR;
	char known[VARIABLE_MAX + 1];

	for (i = 0; i < CONF_OPTION_COUNT; i++) {
		option = conf_table_row((enum conf_option_id)i);
		write_name(option, known);
		distance = conf_table_distance(name, known);
		if (option->section == CONF_IN_upstream || distance >= nearest)
			continue;
		nearest = distance;
		guess = option;
	}
	return guess;
}

static int
unknown_variable(const struct conf_load *load, const char *name,
    const struct conf_place *place, struct err *err)
{
	const struct conf_option *guess = guess_own_option(name);
	char known[VARIABLE_MAX + 1];

	if (strncmp(name, UPSTREAM_PREFIX, strlen(UPSTREAM_PREFIX)) == 0)
		return conf_load_refuse(load, place, err, "no option has this "
		    "name; an upstream's are " PREFIX UPSTREAM_PREFIX
		    "NAME_URL and so on");
	if (guess == NULL)
		return conf_load_refuse(load, place, err,
		    "no option has this name");
	write_name(guess, known);
	return conf_load_refuse(load, place, err, "no option has this name; "
	    "did you mean " PREFIX "%s?", known);
}

static const struct conf_option *
find_own_option(const char *name)
{
	const struct conf_option *option;
	char known[VARIABLE_MAX + 1];
	size_t i;

	for (i = 0; i < CONF_OPTION_COUNT; i++) {
		option = conf_table_row((enum conf_option_id)i);
		write_name(option, known);
		if (option->section != CONF_IN_upstream &&
		    strcmp(known, name) == 0)
			return option;
	}
	return NULL;
}

/*
 * The upstream option that NAME_OPTION ends with, the longest if several,
 * and the bytes of NAME; NULL when there is none.
 */
static const struct conf_option *
find_upstream_option(const char *rest, size_t *name_len)
{
	const struct conf_option *option, *found = NULL;
	size_t len = strlen(rest), option_len, i;

	for (i = 0; i < CONF_OPTION_COUNT; i++) {
		option = conf_table_row((enum conf_option_id)i);
		option_len = strlen(option->name);
		if (option->section != CONF_IN_upstream ||
		    len < option_len + 2 ||
		    rest[len - option_len - 1] != '_' ||
		    !is_written(rest + len - option_len, option_len,
			option->name))
			continue;
		if (found == NULL || option_len > strlen(found->name)) {
			found = option;
			*name_len = len - option_len - 1;
		}
	}
	return found;
}

/* An upstream that only the environment knows, in the names' order. */
static int
introduce_upstream(struct conf_load *load, const char *typed, size_t len,
    const struct conf_place *place, size_t *index, struct err *err)
{
	char name[CONF_NAME_MAX + 1];
	size_t i;

	if (len > CONF_NAME_MAX)
		return conf_load_refuse(load, place, err,
		    "an upstream's name has %d letters at most", CONF_NAME_MAX);
	for (i = 0; i < len; i++) {
		name[i] = typed[i];
		if (typed[i] >= 'A' && typed[i] <= 'Z')
			name[i] = (char)(typed[i] - 'A' + 'a');
		else if (!(typed[i] >= '0' && typed[i] <= '9') &&
		    typed[i] != '_')
			return conf_load_refuse(load, place, err, "an "
			    "upstream's name is written in capital letters, "
			    "digits and '_' here");
	}
	name[len] = '\0';
	/* The environment has no order of its own to keep. */
	for (i = load->conf->n_upstreams; i > 0; i--) {
		if (load->upstreams[i - 1].heading.line != 0 ||
		    strcmp(load->conf->upstreams[i - 1].name, name) < 0)
			break;
	}
	*index = i;
	return conf_load_insert_upstream(load, i, name, place, err);
}

/* The index of the upstream meant; it is made when there is none. */
static int
find_upstream(struct conf_load *load, const char *typed, size_t len,
    const struct conf_place *place, size_t *index, struct err *err)
{
	const struct conf_upstream *all = load->conf->upstreams;
	size_t n = load->conf->n_upstreams, i;

	*index = n;
	for (i = 0; i < n; i++) {
		if (!is_written(typed, len, all[i].name))
			continue;
		if (*index != n)
			return conf_load_refuse(load, place, err,
			    "this may be upstream %s or upstream %s",
			    all[*index].name, all[i].name);
		*index = i;
	}
	if (*index != n)
		return 0;
	return introduce_upstream(load, typed, len, place, index, err);
}

/* The value without the blanks around it, which a file could not hold. */
static int
set_trimmed(struct conf_load *load, const struct conf_target *target,
    const struct conf_option *option, const struct conf_place *place,
    struct err *err)
{
	const char *value = strchr(place->variable, '=') + 1;
	size_t len;
	char *copy;
	int result;

	value += strspn(value, " \t");
	if ((copy = strdup(value)) == NULL)
		return err_set(err, ERR_MEMORY, "out of memory");
	len = strlen(copy);
	while (len > 0 && (copy[len - 1] == ' ' || copy[len - 1] == '\t'))
		copy[--len] = '\0';
	result = conf_load_option(load, target, option, copy, place, err);
	free(copy);
	return result;
}

/* One REPRISE_ variable; name: its name after that. */
static int
apply(struct conf_load *load, const char *name, const struct conf_place *place,
    struct err *err)
{
	const struct conf_option *option;
	struct conf_target target;
	size_t name_len = 0, index = 0;

	option = find_own_option(name);
	if (option == NULL &&
	    strncmp(name, UPSTREAM_PREFIX, strlen(UPSTREAM_PREFIX)) == 0) {
		name += strlen(UPSTREAM_PREFIX);
		option = find_upstream_option(name, &name_len);
		if (option == NULL)
			name -= strlen(UPSTREAM_PREFIX);
		else if (find_upstream(load, name, name_len, place, &index,
			     err) == -1)
			return -1;
	}
	if (option == NULL)
		return unknown_variable(load, name, place, err);
	target = conf_load_target(load, option->section, index);
	return set_trimmed(load, &target, option, place, err);
}

int
conf_load_environment(struct conf_load *load, struct err *err)
{
	char name[VARIABLE_MAX + 1];
	struct conf_place place = {0};
	char *const *e;
	size_t len;

	for (e = load->envp; e != NULL && *e != NULL; e++) {
		len = strcspn(*e, "=");
		if (strncmp(*e, PREFIX, strlen(PREFIX)) != 0 ||
		    (*e)[len] != '=')
			continue;
		place.variable = *e;
		len -= strlen(PREFIX);
		if (len > VARIABLE_MAX)
			return conf_load_refuse(load, &place, err,
			    "no option has this name");
		memcpy(name, *e + strlen(PREFIX), len);
		name[len] = '\0';
		/* Where the file is, and what the build scripts set. */
		if (strcmp(name, "CONF") == 0 || strcmp(name, "VERSION") == 0)
			continue;
		if (apply(load, name, &place, err) == -1)
			return -1;
	}
	return 0;
}

const char *
conf_load_variable(char *const *envp, const char *name)
{
	size_t len = strlen(name);

	for (; envp != NULL && *envp != NULL; envp++) {
		if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
			return *envp + len + 1;
	}
	return NULL;
}
