#include "upstream/url.h"

#include "base/text.h"

#include <stdbool.h>
#include <string.h>

enum { HOST_MAX = 256 };

static bool
is_target(const char *s, const char *refused)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s <= ' ' || *s == 0x7f ||
		    strchr(refused, *s) != NULL)
			return false;
	}
	return true;
}

static bool
begins_with_v1(const char *path)
{
	return strncmp(path, "/v1", 3) == 0 &&
	    (path[3] == '/' || path[3] == '\0');
}

/* The length of base without what url_join drops of it. */
static size_t
base_length(const char *base, const char *path)
{
	size_t len = strlen(base);

	while (len > 0 && base[len - 1] == '/')
		len--;
	if (len < 3 || memcmp(base + len - 3, "/v1", 3) != 0 ||
	    !begins_with_v1(path))
		return len;
	/* "http://v1" is a host, not a path. */
	return len >= 4 && base[len - 4] == '/' ? len : len - 3;
}

int
url_join(struct buf *out, const char *base, const char *path,
    const char *query, struct err *err)
{
	if (path[0] != '/' || !is_target(path, "?#") ||
	    (query != NULL && !is_target(query, "#")))
		return err_set(err, ERR_BAD_REQUEST,
		    "the request target holds a byte that is not allowed");
	buf_append(out, base, base_length(base, path));
	buf_puts(out, path);
	if (query != NULL) {
		buf_putc(out, '?');
		buf_puts(out, query);
	}
	if (out->failed)
		return err_set(err, ERR_MEMORY, "the target is too long");
	return 0;
}

void
url_host(const char *url, char *out, size_t size)
{
	char host[HOST_MAX];
	const char *start = strstr(url, "://");
	const char *user;
	size_t len;

	start = start == NULL ? url : start + 3;
	len = strcspn(start, "/?#");
	user = memrchr(start, '@', len);
	if (user != NULL) {
		len -= (size_t)(user + 1 - start);
		start = user + 1;
	}
	if (len >= sizeof(host))
		len = sizeof(host) - 1;
	memcpy(host, start, len);
	host[len] = '\0';
	text_printable(host, out, size);
}
