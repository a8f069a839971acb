#include "http/request.h"

#include "base/buf.h"
#include "base/text.h"
#include "http/env.h"

#include <stdlib.h>
#include <string.h>

enum {
	TARGET_MAX = 64 * 1024, /* more than any of the web servers lets by */
	METHOD_MAX = 64,
	NAME_MAX_BYTES = 256,
	SHOWN_MAX = 256         /* of what is kept of a bad one, for a record */
};

/*
 * Fields of which a second one is ignored: what one part of the handler
 * judges must be what another forwards.
 */
static const char *const singletons[] = {
	"host", "authorization", "x-api-key", "api-key", "content-type"
};

static int
no_memory(struct err *err)
{
	return err_set(err, ERR_MEMORY, "no memory for the request");
}

/* Keep what can be shown of something malformed. */
static void
keep_shown(char **out, const char *s)
{
	char shown[SHOWN_MAX];

	text_printable(s, shown, sizeof(shown));
	*out = strdup(shown);
}

static int
take_method(struct http_request *req, char *const *envp, struct err *err)
{
	const char *s = http_env(envp, "REQUEST_METHOD");

	if (s == NULL)
		s = "";
	if (!http_is_token(s) || strlen(s) > METHOD_MAX) {
		keep_shown(&req->method, s);
		return err_set(err, ERR_BAD_REQUEST,
		    "the request method is malformed");
	}
	req->method = strdup(s);
	return req->method != NULL ? 0 : no_memory(err);
}

/* Behind scheme and host of an absolute form (RFC 9112 section 3.2.2). */
static const char *
skip_authority(const char *target)
{
	size_t scheme = 0;

	if (strncasecmp(target, "http://", 7) == 0)
		scheme = 7;
	else if (strncasecmp(target, "https://", 8) == 0)
		scheme = 8;
	if (scheme == 0)
		return target;
	return target + scheme + strcspn(target + scheme, "/?#");
}

static bool
is_target_byte(char c)
{
	return c > 0x20 && c < 0x7f && c != '#';
}

static bool
is_target(const char *s)
{
	for (; *s != '\0'; s++) {
		if (!is_target_byte(*s))
			return false;
	}
	return true;
}

/* The next byte of a path; dots and slashes also in their encoded form. */
static char
next_path_byte(const char **p)
{
	static const struct {
		const char *encoded;
		char byte;
	} table[] = {{"%2e", '.'}, {"%2f", '/'}, {"%5c", '/'}, {"\\", '/'}};
	size_t i, len;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		len = strlen(table[i].encoded);
		/* Most bytes begin none of them. */
		if (**p == table[i].encoded[0] &&
		    strncasecmp(*p, table[i].encoded, len) == 0) {
			*p += len;
			return table[i].byte;
		}
	}
	return **p == '\0' ? '\0' : *(*p)++;
}

static bool
has_dot_segment(const char *path)
{
	size_t dots = 0;
	bool other = false;
	char c;

	do {
		c = next_path_byte(&path);
		if (c == '.') {
			dots++;
		} else if (c != '/' && c != '\0') {
			other = true;
		} else {
			if (!other && (dots == 1 || dots == 2))
				return true;
			dots = 0;
			other = false;
		}
	} while (c != '\0');
	return false;
}

/* The part of path below base, which ends at a '/' or the end; or NULL. */
static const char *
below_base(const char *path, const char *base)
{
	size_t len = strlen(base);

	while (len > 0 && base[len - 1] == '/')
		len--;
	if (strncmp(path, base, len) != 0)
		return NULL;
	path += len;
	if (*path == '\0')
		return "/";
	return *path == '/' ? path : NULL;
}

static int
set_path(struct http_request *req, const char *path, const char *base,
    struct err *err)
{
	const char *below;

	if (*path != '/' || !is_target(path) || has_dot_segment(path)) {
		keep_shown(&req->path, path);
		return err_set(err, ERR_BAD_REQUEST,
		    "the request path is malformed");
	}
	below = below_base(path, base);
	req->path = strdup(below != NULL ? below : path);
	if (req->path == NULL)
		return no_memory(err);
	if (below == NULL)
		return err_set(err, ERR_NOT_FOUND,
		    "%.100s is not below base_path, which is %.100s", path,
		    base);
	return 0;
}

static int
set_query(struct http_request *req, const char *query, struct err *err)
{
	if (!is_target(query)) {
		keep_shown(&req->query, query);
		return err_set(err, ERR_BAD_REQUEST,
		    "the request query is malformed");
	}
	req->query = strdup(query);
	return req->query != NULL ? 0 : no_memory(err);
}

/* target is path and query, both raw. */
static int
take_target(struct http_request *req, const char *target, const char *base,
    struct err *err)
{
	size_t path_len = strcspn(target, "?");
	const char *query = target[path_len] == '?' ? target + path_len + 1 :
	    NULL;
	char *path;
	int result;

	if (strlen(target) > TARGET_MAX) {
		keep_shown(&req->path, target);
		return err_set(err, ERR_BAD_REQUEST,
		    "the request target is too long");
	}
	path = path_len == 0 ? strdup("/") : strndup(target, path_len);
	if (path == NULL)
		return no_memory(err);
	result = set_path(req, path, base, err);
	if (query != NULL && set_query(req, query, err) == -1)
		result = -1;
	free(path);
	return result;
}

/* SCRIPT_NAME and PATH_INFO come decoded (RFC 3875 section 4.1). */
static void
put_encoded(struct buf *out, const char *s)
{
	static const char plain[] = "-._~!$&'()*+,;=:@/";

	for (; *s != '\0'; s++) {
		if ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		    (*s >= '0' && *s <= '9') || strchr(plain, *s) != NULL)
			buf_putc(out, *s);
		else
			buf_printf(out, "%%%02X", (unsigned)(unsigned char)*s);
	}
}

/* The target of a server that does not tell the original one. */
static int
take_split_target(struct http_request *req, char *const *envp,
    const char *base, struct err *err)
{
	const char *script = http_env(envp, "SCRIPT_NAME");
	const char *info = http_env(envp, "PATH_INFO");
	const char *query = http_env(envp, "QUERY_STRING");
	struct buf target;
	int result;

	buf_init(&target, TARGET_MAX);
	put_encoded(&target, script != NULL ? script : "");
	put_encoded(&target, info != NULL ? info : "");
	if (query != NULL && *query != '\0') {
		buf_putc(&target, '?');
		buf_puts(&target, query);
	}
	if (target.failed || target.len == 0) {
		keep_shown(&req->path, target.len > 0 ? target.data : "");
		result = err_set(err, ERR_BAD_REQUEST, target.failed ?
		    "the request target is too long" :
		    "the request has no target");
	} else {
		result = take_target(req, target.data, base, err);
	}
	buf_fini(&target);
	return result;
}

static bool
is_singleton(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(singletons) / sizeof(singletons[0]); i++) {
		if (strcmp(name, singletons[i]) == 0)
			return true;
	}
	return false;
}

/*
 * A field that comes twice becomes one (RFC 9110 section 5.3, for Cookie
 * RFC 9113 section 8.2.3): whoever asks for the field sees all of it.
 */
static int
join_header(struct http_headers *h, const char *name, const char *before,
    const char *value)
{
	struct buf joined;
	int rc = -1;

	buf_init(&joined, HTTP_HEADERS_MAX_BYTES);
	buf_puts(&joined, before);
	buf_puts(&joined, strcmp(name, "cookie") == 0 ? "; " : ", ");
	if (buf_puts(&joined, value) == 0)
		rc = http_headers_set(h, name, joined.data);
	buf_fini(&joined);
	return rc;
}

static int
add_header(struct http_request *req, const char *name, const char *value,
    struct err *err)
{
	struct http_headers *h = &req->headers;
	const char *before = http_headers_get(h, name);

	if (before != NULL && is_singleton(name))
		return 0;
	if ((before == NULL ? http_headers_add(h, name, value) :
	    join_header(h, name, before, value)) == 0)
		return 0;
	if (!http_is_token(name) || !http_is_field_value(value))
		return err_set(err, ERR_BAD_REQUEST,
		    "a request header is malformed");
	if (h->count >= HTTP_HEADERS_MAX ||
	    strlen(name) + strlen(value) > HTTP_HEADERS_MAX_BYTES - h->bytes)
		return err_set(err, ERR_BAD_REQUEST,
		    "the request headers are too many or too long");
	return no_memory(err);
}

/* "FOO_BAR=value" behind HTTP_ becomes the field "foo-bar". */
static int
take_variable(struct http_request *req, const char *variable, struct err *err)
{
	char name[NAME_MAX_BYTES];
	size_t len = strcspn(variable, "="), i;

	if (variable[len] == '\0')
		return 0;
	if (len >= sizeof(name))
		return err_set(err, ERR_BAD_REQUEST,
		    "a request header's name is too long");
	for (i = 0; i < len; i++) {
		name[i] = variable[i];
		if (name[i] == '_')
			name[i] = '-';
		else if (name[i] >= 'A' && name[i] <= 'Z')
			name[i] = (char)(name[i] - 'A' + 'a');
	}
	name[len] = '\0';
	if (strcmp(name, "proxy") == 0 || strcmp(name, "content-length") == 0)
		return 0;
	return add_header(req, name, variable + len + 1, err);
}

static int
take_headers(struct http_request *req, char *const *envp, struct err *err)
{
	const char *type = http_env(envp, "CONTENT_TYPE");
	const char *redirected = http_env(envp, "REDIRECT_HTTP_AUTHORIZATION");
	int result = 0;

	/* Before the variables: nginx has HTTP_CONTENT_TYPE as well. */
	if (type != NULL && *type != '\0')
		result |= add_header(req, "content-type", type, err);
	for (; *envp != NULL; envp++) {
		if (strncmp(*envp, "HTTP_", 5) == 0)
			result |= take_variable(req, *envp + 5, err);
	}
	/* Apache renames it after a rewrite; a present one counts first. */
	if (redirected != NULL && *redirected != '\0')
		result |= add_header(req, "authorization", redirected, err);
	http_headers_strip_hop_by_hop(&req->headers);
	return result;
}

static int
take_client(struct http_request *req, char *const *envp, struct err *err)
{
	const char *s = http_env(envp, "REMOTE_ADDR");

	keep_shown(&req->client, s != NULL ? s : "");
	return req->client != NULL ? 0 : no_memory(err);
}

static int
take_length(struct http_request *req, char *const *envp, struct err *err)
{
	req->content_length = http_env_content_length(envp);
	if (req->content_length >= -1)
		return 0;
	req->content_length = -1;
	return err_set(err, ERR_BAD_REQUEST, "the content length is malformed");
}

int
http_request_parse(struct http_request *req, char *const *envp,
    const char *base_path, struct err *err)
{
	const char *uri = http_env(envp, "REQUEST_URI");
	int result = 0;

	memset(req, 0, sizeof(*req));
	http_headers_init(&req->headers);
	result |= take_method(req, envp, err);
	if (uri != NULL && *uri != '\0')
		result |= take_target(req, skip_authority(uri), base_path,
		    err);
	else
		result |= take_split_target(req, envp, base_path, err);
	result |= take_client(req, envp, err);
	result |= take_length(req, envp, err);
	result |= take_headers(req, envp, err);
	return result;
}

/* NULL stays NULL. */
static int
copy_string(char **out, const char *s)
{
	*out = s != NULL ? strdup(s) : NULL;
	return s == NULL || *out != NULL ? 0 : -1;
}

int
http_request_copy(struct http_request *out, const struct http_request *req)
{
	int result = 0;

	memset(out, 0, sizeof(*out));
	http_headers_init(&out->headers);
	result |= copy_string(&out->method, req->method);
	result |= copy_string(&out->path, req->path);
	result |= copy_string(&out->query, req->query);
	result |= copy_string(&out->client, req->client);
	out->content_length = req->content_length;
	return result | http_headers_copy(&out->headers, &req->headers);
}

void
http_request_fini(struct http_request *req)
{
	free(req->method);
	free(req->path);
	free(req->query);
	free(req->client);
	http_headers_fini(&req->headers);
	memset(req, 0, sizeof(*req));
}
