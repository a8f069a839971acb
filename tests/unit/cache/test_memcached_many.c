/*
 * The store on several memcached servers: where names live, what the loss
 * of one costs, how addresses are written; and the cache on top of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/diag.h"
#include "cache/address.h"
#include "cache/cache.h"
#include "memcached_rig.h"

enum {
	TIMEOUT_MS = PATIENCE_MS, /* a busy machine is no failure */
	NEVER_MS = 600 * 1000,
	N_NAMES = 300
};

/* ---- addresses --------------------------------------------------------- */

static void
test_addresses_are_read(void **state)
{
	static const struct {
		const char *text;
		const char *host;
		int port;
		bool is_path;
	} good[] = {
	    {"/run/m.sock", "/run/m.sock", 0, true},
	    {"/run/a:b[c].sock", "/run/a:b[c].sock", 0, true},
	    {"localhost", "localhost", 11211, false},
	    {"10.0.0.1:11311", "10.0.0.1", 11311, false},
	    {"cache-1.example_x:1", "cache-1.example_x", 1, false},
	    {"[::1]", "::1", 11211, false},
	    {"[fe80::1%eth0]:65535", "fe80::1%eth0", 65535, false},
	};
	struct address list[ADDRESS_LIST_MAX];
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		err_clear(&err);
		assert_int_equal(address_parse_list(good[i].text, list, &err),
		    1);
		assert_string_equal(list[0].label, good[i].text);
		assert_string_equal(list[0].host, good[i].host);
		assert_int_equal(list[0].port, good[i].port);
		assert_int_equal(list[0].is_path, good[i].is_path);
	}
	assert_int_equal(address_parse_list("a, b:2\t/c\n,, d ", list, &err),
	    4);
	assert_string_equal(list[1].host, "b");
	assert_string_equal(list[3].host, "d");
}

static void
test_malformed_addresses_are_named(void **state)
{
	static const char long_path[] = "/run/a-path-of-108-bytes/0123456789/"
	    "0123456789/0123456789/0123456789/0123456789/0123456789/"
	    "abcdefghi-mc.sock";
	static const char *const bad[] = {"host:", "host:0", "host:65536",
	    "host:-1", "host:1x", ":11211", "::1", "a:1:2", "[::1",
	    "[::1]11211", "[::1]:", "[]", "[a b]:1", "ho/st", "host;1",
	    "a b a", "a:11211 a", "h\xc3\xb6st",
	    long_path};
	struct memcached_store_config config = {.pool_max = 1,
	    .timeout_ms = 100, .retry_ms = 100};
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err_clear(&err);
		config.servers = bad[i];
		if (memcached_store_new(&config, &err) != NULL)
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_non_null(strstr(err.text, "memcached server"));
	}
	for (i = 0; i < 2; i++) {
		err_clear(&err);
		config.servers = i == 0 ? "" : " , ";
		assert_null(memcached_store_new(&config, &err));
		assert_int_equal(err.code, ERR_CONFIG);
	}
}

static void
test_there_is_a_limit_to_servers(void **state)
{
	struct address *list = calloc(ADDRESS_LIST_MAX, sizeof(*list));
	struct store *s;
	struct err err = ERR_INIT;
	struct buf text;
	int i;

	(void)state;
	assert_non_null(list);
	buf_init(&text, 10000);
	for (i = 0; i < ADDRESS_LIST_MAX; i++)
		buf_printf(&text, "host-%d ", i);
	s = open_store(text.data, 1, 100, 100);
	assert_int_equal(store_server_count(s), ADDRESS_LIST_MAX);
	store_free(s);
	buf_puts(&text, "one-more");
	assert_int_equal(address_parse_list(text.data, list, &err), 0);
	assert_int_equal(err.code, ERR_CONFIG);
	buf_fini(&text);
	free(list);
}

/* ---- placing ----------------------------------------------------------- */

static const char *
name_of(int i)
{
	static char name[32];

	snprintf(name, sizeof(name), "name-%d", i);
	return name;
}

static void
fill(struct store *s)
{
	int i;

	for (i = 0; i < N_NAMES; i++)
		assert_int_equal(set_one(s, name_of(i), "x"), STORE_OK);
}

/* Which server, asked alone, has a name: exactly one. */
static int
lives_on(struct store *alone[RIG_SERVERS], const char *name)
{
	int i, found = -1;

	for (i = 0; i < RIG_SERVERS; i++) {
		if (get_one(alone[i], name, "x") != STORE_OK)
			continue;
		assert_int_equal(found, -1);
		found = i;
	}
	assert_int_not_equal(found, -1);
	return found;
}

static void
open_alone(struct rig *r, struct store *alone[RIG_SERVERS])
{
	int i;

	for (i = 0; i < RIG_SERVERS; i++)
		alone[i] = open_store(r->servers[i].path, 1, TIMEOUT_MS,
		    NEVER_MS);
}

static void
close_alone(struct store *alone[RIG_SERVERS])
{
	int i;

	for (i = 0; i < RIG_SERVERS; i++)
		store_free(alone[i]);
}

/* Taking a server out of the list moves its own names and no others. */
static void
test_names_are_spread_and_stay(void **state)
{
	struct store *alone[RIG_SERVERS], *all, *reversed, *two;
	int count[RIG_SERVERS] = {0}, i, where;
	char list[RIG_SERVERS * 110];
	struct rig r;

	(void)state;
	rig_open(&r, RIG_SERVERS);
	open_alone(&r, alone);
	all = open_store(r.list, 1, TIMEOUT_MS, NEVER_MS);
	fill(all);
	snprintf(list, sizeof(list), "%s,%s,%s", r.servers[2].path,
	    r.servers[1].path, r.servers[0].path);
	reversed = open_store(list, 1, TIMEOUT_MS, NEVER_MS);
	snprintf(list, sizeof(list), "%s,%s", r.servers[0].path,
	    r.servers[2].path);
	two = open_store(list, 1, TIMEOUT_MS, NEVER_MS);
	for (i = 0; i < N_NAMES; i++) {
		where = lives_on(alone, name_of(i));
		count[where]++;
		assert_int_equal(get_one(reversed, name_of(i), "x"),
		    STORE_OK);
		assert_int_equal(get_one(two, name_of(i), "x"),
		    where == 1 ? STORE_ABSENT : STORE_OK);
	}
	for (i = 0; i < RIG_SERVERS; i++)
		assert_true(count[i] > N_NAMES / 10);
	store_free(two);
	store_free(reversed);
	store_free(all);
	close_alone(alone);
	rig_close(&r);
}

static void
test_a_group_for_each_server(void **state)
{
	struct store *alone[RIG_SERVERS], *all;
	char group[32], label[128];
	struct rig r;
	size_t i;

	(void)state;
	rig_open(&r, RIG_SERVERS);
	open_alone(&r, alone);
	all = open_store(r.list, 1, TIMEOUT_MS, NEVER_MS);
	assert_int_equal(store_server_count(all), RIG_SERVERS);
	for (i = 0; i < RIG_SERVERS; i++) {
		store_server_label(all, i, label, sizeof(label));
		assert_string_equal(label, r.servers[i].path);
		assert_int_equal(store_server_group(all, i, group,
		    sizeof(group)), 0);
		assert_int_equal(store_set(all, group, "same-name", "x", 1,
		    0), STORE_OK);
		assert_int_equal(lives_on(alone, "same-name"), (int)i);
		assert_int_equal(store_remove(all, group, "same-name"),
		    STORE_OK);
	}
	assert_int_equal(store_server_group(all, 0, group, 3), -1);
	store_free(all);
	close_alone(alone);
	rig_close(&r);
}

static void
test_one_server_lost_costs_its_own_names_only(void **state)
{
	struct store *alone[RIG_SERVERS], *all;
	int where[N_NAMES], i;
	struct rig r;

	(void)state;
	rig_open(&r, RIG_SERVERS);
	open_alone(&r, alone);
	all = open_store(r.list, 2, TIMEOUT_MS, 20);
	fill(all);
	for (i = 0; i < N_NAMES; i++)
		where[i] = lives_on(alone, name_of(i));
	server_kill(&r.servers[1]);
	for (i = 0; i < N_NAMES; i++)
		assert_int_equal(get_one(all, name_of(i), "x"),
		    where[i] == 1 ? STORE_DOWN : STORE_OK);
	server_start(&r.servers[1]);
	for (i = 0; where[i] != 1;)
		i++;
	await_answer(all, name_of(i));
	for (i = 0; i < N_NAMES; i++)
		assert_int_equal(get_one(all, name_of(i), "x"),
		    where[i] == 1 ? STORE_ABSENT : STORE_OK);
	store_free(all);
	close_alone(alone);
	rig_close(&r);
}

/* ---- the cache on top -------------------------------------------------- */

struct answers {
	struct cache *cache;
	char *body;
	size_t body_len;
	uint8_t key[CACHE_KEY_BYTES];
};

static void
answers_open(struct answers *a, const char *servers, size_t chunk_bytes,
    bool compress)
{
	struct cache_config config = {.chunk_bytes = chunk_bytes,
	    .max_entry_bytes = 16 << 20, .compress = compress};

	memset(a, 0, sizeof(*a));
	a->cache = cache_new(open_store(servers, 2, TIMEOUT_MS, 20), &config);
	assert_non_null(a->cache);
}

static void
answers_close(struct answers *a)
{
	cache_free(a->cache);
	free(a->body);
}

static void
set_noise(struct answers *a, size_t len)
{
	free(a->body);
	a->body = malloc(len);
	assert_non_null(a->body);
	assert_int_equal(digest_random(a->body, len), 0);
	a->body_len = len;
}

static int
save(struct answers *a, struct err *err)
{
	struct cache_answer answer = {.mode = ENTRY_STREAM, .status = 200,
	    .ttl_ms = 3600 * 1000, .body = a->body, .body_len = a->body_len};
	struct cache_found found;
	int rc;

	cache_lookup(a->cache, "ns", a->key, &found);
	rc = cache_save(a->cache, "ns", a->key, &found, &answer, err);
	cache_found_fini(&found);
	return rc;
}

static enum cache_result
look(struct answers *a)
{
	struct cache_found found;
	enum cache_result result;

	result = cache_lookup(a->cache, "ns", a->key, &found);
	if (result == CACHE_HIT) {
		assert_true(found.entry.plain_len == a->body_len);
		assert_memory_equal(found.body, a->body, a->body_len);
	}
	cache_found_fini(&found);
	return result;
}

/* With memcached's default limits, in the chunks that may be configured. */
static void
test_12_mb_go_through_memcached(void **state)
{
	static const size_t chunks[] = {4096, 512 * 1024, 1000 * 1024};
	struct answers a;
	struct rig r;
	size_t i;

	(void)state;
	rig_open(&r, 1);
	for (i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		answers_open(&a, r.servers[0].path, chunks[i], true);
		a.key[0] = (uint8_t)i;
		set_noise(&a, 12 << 20);
		assert_int_equal(save(&a, NULL), 0);
		assert_int_equal(look(&a), CACHE_HIT);
		answers_close(&a);
	}
	rig_close(&r);
}

/* Inline, up to the last byte that the largest chunk allows. */
static void
test_the_largest_manifest_fits_an_item(void **state)
{
	struct answers a;
	struct rig r;

	(void)state;
	rig_open(&r, 1);
	answers_open(&a, r.servers[0].path, 1000 * 1024, false);
	set_noise(&a, 1000 * 1024 - ENTRY_OVERHEAD - 64);
	assert_int_equal(save(&a, NULL), 0);
	assert_int_equal(look(&a), CACHE_HIT);
	answers_close(&a);
	rig_close(&r);
}

static void
test_chunks_beyond_the_item_limit_are_only_a_miss(void **state)
{
	struct err err = ERR_INIT;
	struct answers a;
	struct rig r;

	(void)state;
	rig_open(&r, 1);
	answers_open(&a, r.servers[0].path, 2 << 20, true);
	set_noise(&a, 5 << 20);
	assert_int_equal(save(&a, &err), -1);
	assert_int_equal(err.code, ERR_STORE);
	assert_int_equal(look(&a), CACHE_MISS);
	set_noise(&a, 1000);
	assert_int_equal(save(&a, NULL), 0);
	assert_int_equal(look(&a), CACHE_HIT);
	answers_close(&a);
	rig_close(&r);
}

static void
test_a_purge_reaches_every_server(void **state)
{
	struct err err = ERR_INIT;
	struct answers a;
	struct rig r;
	int i;

	(void)state;
	rig_open(&r, RIG_SERVERS);
	answers_open(&a, r.list, 4096, true);
	set_noise(&a, 100);
	for (i = 0; i < 60; i++) {
		a.key[0] = (uint8_t)i;
		assert_int_equal(save(&a, NULL), 0);
		assert_int_equal(look(&a), CACHE_HIT);
	}
	assert_int_equal(cache_purge_namespace(a.cache, "ns", &err), 0);
	for (i = 0; i < 60; i++) {
		a.key[0] = (uint8_t)i;
		assert_int_equal(look(&a), CACHE_MISS);
	}
	server_kill(&r.servers[2]);
	assert_int_equal(cache_purge_namespace(a.cache, "ns", &err), -1);
	assert_non_null(strstr(err.text, r.servers[2].path));
	assert_null(strstr(err.text, r.servers[0].path));
	answers_close(&a);
	rig_close(&r);
}

static void
test_a_restart_is_a_miss_and_then_a_hit_again(void **state)
{
	struct answers a;
	struct rig r;

	(void)state;
	rig_open(&r, 1);
	answers_open(&a, r.servers[0].path, 4096, true);
	set_noise(&a, 20000);
	assert_int_equal(save(&a, NULL), 0);
	server_kill(&r.servers[0]);
	assert_int_equal(look(&a), CACHE_DOWN);
	server_start(&r.servers[0]);
	await_answer(cache_store(a.cache), "x");
	assert_int_equal(look(&a), CACHE_MISS);
	assert_int_equal(save(&a, NULL), 0);
	assert_int_equal(look(&a), CACHE_HIT);
	answers_close(&a);
	rig_close(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_addresses_are_read),
	    cmocka_unit_test(test_malformed_addresses_are_named),
	    cmocka_unit_test(test_there_is_a_limit_to_servers),
	    cmocka_unit_test(test_names_are_spread_and_stay),
	    cmocka_unit_test(test_a_group_for_each_server),
	    cmocka_unit_test(test_one_server_lost_costs_its_own_names_only),
	    cmocka_unit_test(test_12_mb_go_through_memcached),
	    cmocka_unit_test(test_the_largest_manifest_fits_an_item),
	    cmocka_unit_test(
		test_chunks_beyond_the_item_limit_are_only_a_miss),
	    cmocka_unit_test(test_a_purge_reaches_every_server),
	    cmocka_unit_test(test_a_restart_is_a_miss_and_then_a_hit_again),
	};

	diag_open(false, LOG_ERR); /* servers fail here on purpose */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
