/*
 * The configuration: read once, immutable afterwards, shared by all
 * threads. Rows of conf/options.def become the members below; a member's
 * suffix is its unit (_ms, _bytes).
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The words of CHOICE options that code asks about, in the rows' order. */
enum { CONF_LOG_ERROR, CONF_LOG_WARNING, CONF_LOG_NOTICE, CONF_LOG_INFO,
	CONF_LOG_DEBUG };
enum { CONF_COMPRESS_ZSTD, CONF_COMPRESS_OFF };
enum { CONF_SCOPE_CREDENTIAL, CONF_SCOPE_SHARED };
enum { CONF_NO_STORE_HONOUR, CONF_NO_STORE_IGNORE };
enum { CONF_ON_ABORT_FINISH, CONF_ON_ABORT_CANCEL };
enum { CONF_MODE_ON, CONF_MODE_OPT_IN };
enum { CONF_KEY_HEADER_AUTO, CONF_KEY_HEADER_AUTHORIZATION,
	CONF_KEY_HEADER_X_API_KEY, CONF_KEY_HEADER_API_KEY };

#define CONF_MEMBER_STRING(name) char *name;
#define CONF_MEMBER_SWITCH(name) bool name;
#define CONF_MEMBER_CHOICE(name) int name; /* index of the word */
#define CONF_MEMBER_NUMBER(name) int64_t name;
#define CONF_MEMBER_SIZE(name) int64_t name##_bytes;
#define CONF_MEMBER_DURATION(name) int64_t name##_ms;

#define CONF_SECTION_server(member)
#define CONF_SECTION_cache(member)
#define CONF_SECTION_flight(member)
#define CONF_SECTION_usage(member)
#define CONF_SECTION_upstream(member)

#define STRING(s, name, ...) CONF_SECTION_##s(CONF_MEMBER_STRING(name))
#define SWITCH(s, name, ...) CONF_SECTION_##s(CONF_MEMBER_SWITCH(name))
#define CHOICE(s, name, ...) CONF_SECTION_##s(CONF_MEMBER_CHOICE(name))
#define NUMBER(s, name, ...) CONF_SECTION_##s(CONF_MEMBER_NUMBER(name))
#define SIZE(s, name, ...) CONF_SECTION_##s(CONF_MEMBER_SIZE(name))
#define DURATION(s, name, ...) CONF_SECTION_##s(CONF_MEMBER_DURATION(name))

#undef CONF_SECTION_server
#define CONF_SECTION_server(member) member
struct conf_server {
#include "conf/options.def"
};
#undef CONF_SECTION_server
#define CONF_SECTION_server(member)

#undef CONF_SECTION_cache
#define CONF_SECTION_cache(member) member
struct conf_cache {
#include "conf/options.def"
};
#undef CONF_SECTION_cache
#define CONF_SECTION_cache(member)

#undef CONF_SECTION_flight
#define CONF_SECTION_flight(member) member
struct conf_flight {
#include "conf/options.def"
};
#undef CONF_SECTION_flight
#define CONF_SECTION_flight(member)

#undef CONF_SECTION_usage
#define CONF_SECTION_usage(member) member
struct conf_usage {
#include "conf/options.def"
};
#undef CONF_SECTION_usage
#define CONF_SECTION_usage(member)

#undef CONF_SECTION_upstream
#define CONF_SECTION_upstream(member) member
struct conf_upstream {
	char *name;       /* from the heading: letters, digits, - _ . */
	char *credential; /* what key= resolved to; NULL: the caller's own */
#include "conf/options.def"
};
#undef CONF_SECTION_upstream

#undef STRING
#undef SWITCH
#undef CHOICE
#undef NUMBER
#undef SIZE
#undef DURATION

struct conf {
	char *path; /* the file it came from; NULL when there was none */
	struct conf_server server;
	struct conf_cache cache;
	struct conf_flight flight;
	struct conf_usage usage;
	struct conf_upstream *upstreams; /* in the file's order */
	size_t n_upstreams;
};

/*
 * Read a configuration. path: the file to read; NULL means $REPRISE_CONF,
 * else /etc/reprise/reprise.conf if that exists, else no file at all.
 * envp (as environ) overrides: REPRISE_<SECTION>_<OPTION>, for an upstream
 * REPRISE_UPSTREAM_<NAME>_<OPTION> (which may also introduce it; '-' and
 * '.' of a name are '_' there). An unknown REPRISE_ variable is an error
 * like an unknown key.
 *
 * Returns a configuration for conf_free, or NULL with err: ERR_CONFIG,
 * whose text names file and line (or the variable), option, and bounds;
 * or ERR_MEMORY.
 * Called by main before threads start.
 */
struct conf *conf_load(const char *path, char *const *envp, struct err *err);

/*
 * As conf_load, for text[0..len-1] in memory (len 0: defaults and
 * environment only). path names it in errors and becomes ->path; it may be
 * NULL and is not opened. Files named by key = file:PATH are read.
 */
struct conf *conf_load_text(const char *text, size_t len, const char *path,
    char *const *envp, struct err *err);

/*
 * Free a configuration, which no thread may use any more. conf may be
 * NULL. Credentials are overwritten first.
 */
void conf_free(struct conf *conf);

/*
 * Append the whole configuration as an INI file that conf_load would read
 * to the same. Credentials are shown by where they come from, never as
 * such. 0, or -1 when out has failed. Any thread, like all below.
 */
int conf_print(const struct conf *conf, struct buf *out);

/*
 * Append the OPTIONS part of the manual page, mdoc(7), made from the
 * table. 0, or -1 when out has failed.
 */
int conf_print_manual(struct buf *out);

/*
 * Parse a duration as options are written ("90", "10m"): a whole number,
 * and a unit, which is ms, s (also when there is none), m, h or d. 0 and
 * milliseconds in *out_ms, or -1 when malformed or above ten years. Also
 * used for X-Cache-TTL.
 */
int conf_parse_duration(const char *s, int64_t *out_ms);

/* The pace of a replay, as cache.replay and X-Cache-Replay say it. */
struct conf_replay {
	enum {
		CONF_REPLAY_INSTANT,
		CONF_REPLAY_RECORDED, /* as it came, value times as fast */
		CONF_REPLAY_RATE      /* value events a second */
	} kind;
	double value; /* above 0; 1 for plain "recorded" */
};

/*
 * Parse "instant", "recorded", "recorded*N" (or x, or the multiplication
 * sign in UTF-8, for *) and "N/s". N: at most seven digits, and after a
 * point at most three more; from 0.001 to 1000000. 0, or -1 when it is none
 * of these (*out is then unchanged).
 */
int conf_parse_replay(const char *s, struct conf_replay *out);

#endif
