#include "conf/check.h"

#include "base/text.h"

#include <string.h>
#include <strings.h>

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9');
}

/* Printable ASCII without the blank. */
static bool
all_visible(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s < 0x21 || *s > 0x7e)
			return false;
	}
	return true;
}

bool
conf_check_has_control(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (((unsigned char)s[i] < 0x20 && s[i] != '\t') ||
		    s[i] == 0x7f)
			return true;
	}
	return false;
}

bool
conf_check_upstream_name(const char *name)
{
	size_t i;

	for (i = 0; name[i] != '\0'; i++) {
		if (!is_alnum(name[i]) && strchr("-_.", name[i]) == NULL)
			return false;
	}
	return i > 0 && i <= CONF_NAME_MAX;
}

/*
 * Whether the text could be read back from a file: there a ';' after a
 * blank begins a comment; a '#' does not, but whoever writes it means one.
 */
static bool
looks_commented(const char *s)
{
	bool after_blank = true;

	for (; *s != '\0'; s++) {
		if (after_blank && (*s == ';' || *s == '#'))
			return true;
		after_blank = *s == ' ' || *s == '\t';
	}
	return false;
}

static void
trim_slashes(char *s, size_t keep)
{
	size_t len = strlen(s);

	while (len > keep && s[len - 1] == '/')
		s[--len] = '\0';
}

/* "." or "..", a dot also written as %2e. */
static bool
is_dot_segment(const char *s, size_t len)
{
	size_t dots = 0, i = 0;

	while (i < len) {
		if (s[i] == '.')
			i++;
		else if (len - i >= 3 && strncasecmp(s + i, "%2e", 3) == 0)
			i += 3;
		else
			return false;
		dots++;
	}
	return dots == 1 || dots == 2;
}

/* path begins with '/'; whether all its segments are plain names. */
static bool
segments_ok(const char *path)
{
	size_t len;

	for (; *path == '/'; path += len) {
		path++;
		len = strcspn(path, "/");
		if (len == 0 || is_dot_segment(path, len))
			return false;
	}
	return true;
}

static const char *
check_base_path(char *value)
{
	if (value[0] != '/') {
		memmove(value + 1, value, strlen(value) + 1);
		value[0] = '/';
	}
	trim_slashes(value, 1);
	if (!all_visible(value) || strpbrk(value, "?#") != NULL ||
	    (value[1] != '\0' && !segments_ok(value)))
		return "must be like /llm: no blanks, ?, #, empty or "
		    "dot segments";
	return NULL;
}

static const char *
check_namespace(char *value)
{
	size_t len = strlen(value);

	if (len < 1 || len > 128 || !all_visible(value))
		return "must be 1 to 128 printable ASCII bytes without blanks";
	return NULL;
}

static const char *
check_not_empty(char *value)
{
	return value[0] == '\0' ? "must not be empty" : NULL;
}

/* Bytes of the host at s: a name, an IPv4 address or [IPv6]; 0 if none. */
static size_t
host_length(const char *s)
{
	size_t len = 0;

	if (*s == '[') {
		len = 1 + strspn(s + 1, "0123456789abcdefABCDEF:.");
		return len > 1 && s[len] == ']' ? len + 1 : 0;
	}
	while (is_alnum(s[len]) || (s[len] != '\0' && strchr("-_.", s[len])))
		len++;
	return len;
}

/*
 * What follows host[:port], the authority of RFC 3986 section 3.2 without
 * userinfo; NULL when s does not begin with one.
 */
static const char *
skip_authority(const char *s)
{
	char port[6];
	uint64_t number;
	size_t len = host_length(s);

	if (len == 0)
		return NULL;
	s += len;
	if (*s != ':')
		return s;
	len = strcspn(++s, "/");
	if (len >= sizeof(port))
		return NULL;
	memcpy(port, s, len);
	port[len] = '\0';
	if (text_u64(port, 65535, &number) == -1 || number == 0)
		return NULL;
	return s + len;
}

static const char *
skip_scheme(const char *url, const char *const *schemes)
{
	for (; *schemes != NULL; schemes++) {
		if (strncasecmp(url, *schemes, strlen(*schemes)) == 0)
			return url + strlen(*schemes);
	}
	return NULL;
}

static const char *
check_url(char *value)
{
	static const char *const schemes[] = {"http://", "https://", NULL};
	const char *rest = skip_scheme(value, schemes);

	if (rest == NULL || (rest = skip_authority(rest)) == NULL ||
	    (*rest != '\0' && *rest != '/') || !all_visible(rest) ||
	    strpbrk(rest, "?#") != NULL)
		return "must be http(s)://HOST[:PORT][/PATH] and no more";
	trim_slashes(value, (size_t)(rest - value));
	return NULL;
}

/* No user and password: conf_print would show them. */
static const char *
check_proxy(char *value)
{
	static const char *const schemes[] = {"http://", "https://",
	    "socks4://", "socks4a://", "socks5://", "socks5h://", NULL};
	const char *rest = skip_scheme(value, schemes);

	if (rest == NULL || (rest = skip_authority(rest)) == NULL ||
	    rest[strspn(rest, "/")] != '\0')
		return "must be SCHEME://HOST:PORT and no more; http, https, "
		    "socks4(a) or socks5(h)";
	trim_slashes(value, (size_t)(rest - value));
	return NULL;
}

/* A name of an environment variable, as POSIX has them. */
static bool
is_variable_name(const char *s)
{
	if (*s >= '0' && *s <= '9')
		return false;
	for (; is_alnum(*s) || *s == '_'; s++)
		;
	return *s == '\0';
}

static const char *
check_key(char *value)
{
	const char *source = value + strcspn(value, ":");

	if (*source == ':' && *++source != '\0') {
		if (strncmp(value, "file:", 5) == 0)
			return NULL;
		/* So that "env:sk-..." is not taken for a name and shown. */
		if (strncmp(value, "env:", 4) == 0 && is_variable_name(source))
			return NULL;
	}
	return "must be env:NAME or file:PATH";
}

static const char *
check_allow_control(char *value)
{
	static const char *const known[] = {"no-cache", "no-store", "max-age",
	    "only-if-cached", "ttl", "namespace", "use-cache", "replay",
	    "none"};
	const char *rest = value, *item;
	size_t len, i;

	while ((item = text_next_item(&rest, " \t,", &len)) != NULL) {
		i = 0;
		while (i < sizeof(known) / sizeof(known[0]) &&
		    (strlen(known[i]) != len ||
		    memcmp(known[i], item, len) != 0))
			i++;
		if (i == sizeof(known) / sizeof(known[0]))
			return "must be words out of no-cache, no-store, "
			    "max-age, only-if-cached, ttl, namespace, "
			    "use-cache, replay; or none";
	}
	return NULL;
}

static const char *
check_replay(char *value)
{
	struct conf_replay unused;

	return conf_parse_replay(value, &unused) == 0 ? NULL :
	    "must be instant, recorded, recorded*N or N/s, "
	    "N from 0.001 to 1000000";
}

typedef const char *check_fn(char *value);

static check_fn *const checks[CONF_OPTION_COUNT] = {
	[CONF_OPTION_server_base_path] = check_base_path,
	[CONF_OPTION_server_log] = check_not_empty,
	[CONF_OPTION_server_state_file] = check_not_empty,
	[CONF_OPTION_cache_servers] = check_not_empty,
	[CONF_OPTION_cache_namespace] = check_namespace,
	[CONF_OPTION_cache_allow_control] = check_allow_control,
	[CONF_OPTION_cache_replay] = check_replay,
	[CONF_OPTION_upstream_url] = check_url,
	[CONF_OPTION_upstream_key] = check_key,
	[CONF_OPTION_upstream_models] = check_not_empty,
	[CONF_OPTION_upstream_proxy] = check_proxy,
};

int
conf_check_string(const struct conf_option *option, char *value,
    struct err *err)
{
	check_fn *check = checks[option->id];
	const char *rule;

	if (conf_check_has_control(value, strlen(value)))
		return err_set(err, ERR_CONFIG,
		    "must not hold control characters");
	if (looks_commented(value))
		return err_set(err, ERR_CONFIG, "must not hold a word "
		    "beginning with ; or #");
	/* Empty by default: leaving it empty is leaving it out. */
	if (check == NULL || (value[0] == '\0' && option->fallback[0] == '\0'))
		return 0;
	rule = check(value);
	return rule == NULL ? 0 : err_set(err, ERR_CONFIG, "%s", rule);
}
