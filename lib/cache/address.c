#include "cache/address.h"

#include "base/text.h"

#include <string.h>
#include <sys/un.h>

/* Letters, digits and what names and numbers of hosts have beside. */
static bool
host_ok(const char *host, bool v6)
{
	static const char name_bytes[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	static const char v6_bytes[] = /* with a zone: fe80::1%eth0 */
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:%";

	return host[0] != '\0' &&
	    host[strspn(host, v6 ? v6_bytes : name_bytes)] == '\0';
}

static const char *
parse_port(const char *text, struct address *a)
{
	uint64_t port;

	if (text_u64(text, UINT16_MAX, &port) == -1 || port == 0)
		return "the port is not a number from 1 to 65535";
	a->port = (uint16_t)port;
	return NULL;
}

static const char *
parse_path(struct address *a)
{
	a->is_path = true;
	a->port = 0;
	if (strlen(a->host) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return "the path is too long for a unix socket";
	return NULL;
}

static const char *
parse_v6(struct address *a)
{
	char *end = strchr(a->host, ']');
	const char *rest;

	if (end == NULL)
		return "']' is missing";
	rest = a->label + (end - a->host) + 1;
	*end = '\0';
	memmove(a->host, a->host + 1, strlen(a->host));
	if (!host_ok(a->host, true))
		return "what is in the brackets is no address";
	if (rest[0] == '\0')
		return NULL;
	return rest[0] == ':' ? parse_port(rest + 1, a)
			      : "only ':port' may follow ']'";
}

/* Fill a from a->label. NULL, or what is wrong with it. */
static const char *
parse_one(struct address *a)
{
	char *colon;

	memcpy(a->host, a->label, sizeof(a->host));
	a->port = ADDRESS_PORT;
	if (a->host[0] == '/')
		return parse_path(a);
	if (a->host[0] == '[')
		return parse_v6(a);
	colon = strchr(a->host, ':');
	if (colon != NULL && strchr(colon + 1, ':') != NULL)
		return "write an IPv6 address in brackets";
	if (colon != NULL)
		*colon++ = '\0';
	if (!host_ok(a->host, false))
		return "it is neither a path, a host nor host:port";
	return colon != NULL ? parse_port(colon, a) : NULL;
}

static bool
is_listed(const struct address *list, size_t n, const struct address *a)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (list[i].port == a->port &&
		    strcmp(list[i].host, a->host) == 0)
			return true;
	}
	return false;
}

static int
add_item(struct address *list, size_t n, const char *item, size_t len,
    struct err *err)
{
	struct address *a = &list[n];
	const char *wrong;

	if (len >= ADDRESS_MAX)
		return err_set(err, ERR_CONFIG,
		    "memcached server \"%.40s...\": the address is too long",
		    item);
	memset(a, 0, sizeof(*a));
	memcpy(a->label, item, len);
	wrong = parse_one(a);
	if (wrong == NULL && is_listed(list, n, a))
		wrong = "it is there twice";
	if (wrong == NULL)
		return 0;
	return err_set(err, ERR_CONFIG, "memcached server \"%.120s\": %s",
	    a->label, wrong);
}

size_t
address_parse_list(const char *text, struct address *list, struct err *err)
{
	const char *item;
	size_t len, n = 0;

	while ((item = text_next_item(&text, " \t\r\n,", &len)) != NULL) {
		if (n == ADDRESS_LIST_MAX) {
			err_set(err, ERR_CONFIG,
			    "more than %d memcached servers", ADDRESS_LIST_MAX);
			return 0;
		}
		if (add_item(list, n, item, len, err) == -1)
			return 0;
		n++;
	}
	if (n == 0)
		err_set(err, ERR_CONFIG, "no memcached server is named");
	return n;
}
