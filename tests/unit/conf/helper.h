/* What the tests of conf/ share. */
#ifndef TEST_CONF_HELPER_H
#define TEST_CONF_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/conf.h"
#include "conf/table.h"

#include <stdio.h>
#include <string.h>

static char *const no_env[] = {NULL};

/* Load text that must be right. */
static inline struct conf *
load_env(const char *text, char *const *envp)
{
	struct err err = ERR_INIT;
	struct conf *conf;

	conf = conf_load_text(text, strlen(text), "t.conf", envp, &err);
	if (conf == NULL)
		fail_msg("refused: %s\n%s", err.text, text);
	assert_int_equal(err.code, ERR_NONE);
	return conf;
}

static inline struct conf *
load(const char *text)
{
	return load_env(text, no_env);
}

/* Load text that must be wrong, and see what is said of it. */
static inline void
refuse_env(const char *text, char *const *envp, const char *expected)
{
	struct err err = ERR_INIT;
	struct conf *conf;

	conf = conf_load_text(text, strlen(text), "t.conf", envp, &err);
	if (conf != NULL)
		fail_msg("taken:\n%s", text);
	assert_string_equal(err.text, expected);
	assert_int_equal(err.code, ERR_CONFIG);
}

static inline void
refuse(const char *text, const char *expected)
{
	refuse_env(text, no_env, expected);
}

/*
 * A file that sets one option, and the line it does so on. An upstream is
 * called u and gets the url it needs.
 */
static inline int
one_option(const struct conf_option *option, const char *value, char *out,
    size_t size)
{
	if (option->section != CONF_IN_upstream) {
		snprintf(out, size, "[%s]\n%s = %s\n",
		    conf_table_section(option->section), option->name, value);
		return 2;
	}
	if (option->id == CONF_OPTION_upstream_url) {
		snprintf(out, size, "[upstream u]\nurl = %s\n", value);
		return 2;
	}
	snprintf(out, size, "[upstream u]\nurl = http://h\n%s = %s\n",
	    option->name, value);
	return 3;
}

/* The member of an option, in the first upstream if it is one's. */
static inline const void *
member_of(const struct conf *conf, const struct conf_option *option)
{
	const char *base;

	if (option->section == CONF_IN_server)
		base = (const char *)&conf->server;
	else if (option->section == CONF_IN_cache)
		base = (const char *)&conf->cache;
	else if (option->section == CONF_IN_flight)
		base = (const char *)&conf->flight;
	else if (option->section == CONF_IN_usage)
		base = (const char *)&conf->usage;
	else
		base = (const char *)&conf->upstreams[0];
	return base + option->offset;
}

static inline const char *
string_of(const struct conf *conf, const struct conf_option *option)
{
	return *(char *const *)member_of(conf, option);
}

static inline int64_t
quantity_of(const struct conf *conf, const struct conf_option *option)
{
	return *(const int64_t *)member_of(conf, option);
}

/* Of a SWITCH or CHOICE. */
static inline int
word_of(const struct conf *conf, const struct conf_option *option)
{
	if (option->type == CONF_TYPE_SWITCH)
		return *(const bool *)member_of(conf, option);
	return *(const int *)member_of(conf, option);
}

/* A value other than the default for each STRING option, as it is kept. */
static inline const char *
sample_string(const struct conf_option *option)
{
	static const char *const samples[CONF_OPTION_COUNT] = {
		[CONF_OPTION_server_base_path] = "/llm/api",
		[CONF_OPTION_server_log] = "/var/log/reprise/access log",
		[CONF_OPTION_server_state_file] = "/run/reprise/state",
		[CONF_OPTION_cache_servers] = "[::1]:11211, cache-2:11212",
		[CONF_OPTION_cache_namespace] = "team;blue=#1:[x]",
		[CONF_OPTION_cache_allow_control] = "no-cache, ttl",
		[CONF_OPTION_cache_key_headers] = "x-tenant, x-region",
		[CONF_OPTION_cache_replay] = "recorded\xc3\x97" "2.5",
		[CONF_OPTION_upstream_url] = "https://api.example.org:8443/v1",
		[CONF_OPTION_upstream_key] = "env:SAMPLE_KEY",
		[CONF_OPTION_upstream_models] = "gpt-*, o? = : ][",
		[CONF_OPTION_upstream_proxy] = "socks5h://[::1]:1080",
		[CONF_OPTION_upstream_ca_file] = "/etc/ssl/caf\xc3\xa9.pem",
	};
	const char *sample = samples[option->id];

	if (sample == NULL)
		fail_msg("no sample for %s", option->name);
	return sample;
}

#endif
