/* What libcurl is told about a request. */
#include "upstream/transfer.h"

#include "upstream/url.h"

#include <string.h>
#include <strings.h>

enum { URL_MAX = 64 * 1024, FIELD_MAX = 300 * 1024, READ_BYTES = 64 * 1024 };

/*
 * A connection idle for longer is not used again: servers commonly close
 * them after 60 s. After ten minutes one is closed whatever it does, so
 * that a changed address is noticed.
 */
enum { CONN_IDLE_S = 55, CONN_LIFE_S = 600, KEEPALIVE_S = 30 };

/* Fields that are never taken from the request. */
static const char *const own_fields[] = {
	"Host", "Content-Length", "Expect", "Connection", "Keep-Alive",
	"Proxy-Connection", "Proxy-Authorization", "Proxy", "TE", "Trailer",
	"Transfer-Encoding", "Upgrade",
};

/* Fields that a configured key replaces. */
static const char *const credential_fields[] = {
	"Authorization", "x-api-key", "api-key", "x-goog-api-key",
};

/* Fields that libcurl would add by itself. */
static const char *const default_fields[] = {
	"User-Agent", "Accept", "Content-Type",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool
is_one_of(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcasecmp(name, list[i]) == 0)
			return true;
	}
	return false;
}

static int
append_line(struct transfer *t, const char *line, struct err *err)
{
	struct curl_slist *list = t->api->slist_append(t->fields, line);

	if (list == NULL)
		return err_set(err, ERR_MEMORY, "no memory for the request");
	t->fields = list;
	return 0;
}

/* In libcurl's lists "Name;" is a field without value, "Name:" removes it. */
static int
append_field(struct transfer *t, const char *name, const char *value,
    struct err *err)
{
	struct buf line;
	int rc;

	if (!http_is_token(name) || !http_is_field_value(value))
		return err_set(err, ERR_BAD_REQUEST,
		    "a header field cannot be sent");
	buf_init(&line, FIELD_MAX);
	buf_puts(&line, name);
	buf_puts(&line, value[0] == '\0' ? ";" : ": ");
	buf_puts(&line, value);
	if (line.failed)
		rc = err_set(err, ERR_MEMORY, "a header field is too long");
	else
		rc = append_line(t, line.data, err);
	buf_fini(&line);
	return rc;
}

static bool
is_left_out(const struct transfer *t, const char *name)
{
	if (is_one_of(name, own_fields, COUNT(own_fields)))
		return true;
	if (t->request->upstream->credential != NULL &&
	    is_one_of(name, credential_fields, COUNT(credential_fields)))
		return true;
	return t->request->identity &&
	    strcasecmp(name, "Accept-Encoding") == 0;
}

static int
append_callers(struct transfer *t, struct err *err)
{
	const struct http_headers *h = t->request->headers;

	for (size_t i = 0; h != NULL && i < h->count; i++) {
		if (is_left_out(t, h->list[i].name))
			continue;
		if (append_field(t, h->list[i].name, h->list[i].value,
		    err) != 0)
			return -1;
	}
	return 0;
}

/* The header that carries a configured key. */
static const char *
key_header(const struct upstream_request *request)
{
	switch (request->upstream->key_header) {
	case CONF_KEY_HEADER_X_API_KEY:
		return "x-api-key";
	case CONF_KEY_HEADER_API_KEY:
		return "api-key";
	case CONF_KEY_HEADER_AUTHORIZATION:
		return "Authorization";
	default:
		return request->anthropic ? "x-api-key" : "Authorization";
	}
}

static int
append_credential(struct transfer *t, struct err *err)
{
	const char *credential = t->request->upstream->credential;
	const char *header = key_header(t->request);
	struct buf value;
	int rc;

	if (credential == NULL)
		return 0;
	if (!http_is_field_value(credential))
		return err_set(err, ERR_CONFIG,
		    "upstream %s: the key holds a control byte",
		    t->request->upstream->name);
	buf_init(&value, FIELD_MAX);
	if (strcmp(header, "Authorization") == 0)
		buf_puts(&value, "Bearer ");
	buf_puts(&value, credential);
	if (value.failed)
		rc = err_set(err, ERR_MEMORY, "no memory for the key");
	else
		rc = append_field(t, header, value.data, err);
	buf_fini(&value);
	return rc;
}

static int
suppress_defaults(struct transfer *t, struct err *err)
{
	const struct http_headers *h = t->request->headers;
	char line[32];

	for (size_t i = 0; i < COUNT(default_fields); i++) {
		if (h != NULL && http_headers_get(h, default_fields[i]) != NULL)
			continue;
		snprintf(line, sizeof(line), "%s:", default_fields[i]);
		if (append_line(t, line, err) != 0)
			return -1;
	}
	return append_line(t, "Expect:", err);
}

static int
make_fields(struct transfer *t, struct err *err)
{
	if (append_callers(t, err) != 0 || append_credential(t, err) != 0 ||
	    suppress_defaults(t, err) != 0)
		return -1;
	if (!t->request->identity)
		return 0;
	return append_field(t, "Accept-Encoding", "identity", err);
}

/* An option that takes a long, and one that takes a pointer. */
#define SET(option, value) (set(easy, CURLOPT_##option, value) == CURLE_OK)

static bool
set_safety(struct transfer *t)
{
	const struct conf_upstream *u = t->request->upstream;
	__typeof__(t->api->easy_setopt) set = t->api->easy_setopt;
	CURL *easy = t->handle->easy;
	bool ok;

	ok = SET(NOSIGNAL, 1L) && SET(PROTOCOLS_STR, "http,https") &&
	    SET(FOLLOWLOCATION, 0L) && SET(UNRESTRICTED_AUTH, 0L) &&
	    SET(DISALLOW_USERNAME_IN_URL, 1L) &&
	    SET(NETRC, (long)CURL_NETRC_IGNORED) &&
	    SET(HTTPAUTH, (long)CURLAUTH_NONE) &&
	    SET(SSL_VERIFYPEER, 1L) && SET(SSL_VERIFYHOST, 2L);
	/* Empty strings keep http_proxy, no_proxy and the like out. */
	ok = ok && SET(PROXY, u->proxy == NULL ? "" : u->proxy) &&
	    SET(NOPROXY, "") && SET(SUPPRESS_CONNECT_HEADERS, 1L);
	/* Instead of the system's: its folder would be searched as well. */
	if (u->ca_file != NULL && u->ca_file[0] != '\0')
		ok = ok && SET(CAINFO, u->ca_file) && SET(CAPATH, (char *)NULL);
	return ok;
}

static bool
set_transport(struct transfer *t)
{
	const struct conf_upstream *u = t->request->upstream;
	__typeof__(t->api->easy_setopt) set = t->api->easy_setopt;
	CURL *easy = t->handle->easy;

	return SET(CONNECTTIMEOUT_MS, (long)u->connect_timeout_ms) &&
	    SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) &&
	    (!t->fresh || SET(FRESH_CONNECT, 1L)) &&
	    SET(OPENSOCKETFUNCTION, sockets_open) &&
	    SET(OPENSOCKETDATA, &t->handle->sockets) &&
	    SET(CLOSESOCKETFUNCTION, sockets_close) &&
	    SET(CLOSESOCKETDATA, &t->handle->sockets) &&
	    SET(BUFFERSIZE, (long)READ_BYTES) &&
	    SET(UPLOAD_BUFFERSIZE, (long)READ_BYTES) &&
	    SET(MAXAGE_CONN, (long)CONN_IDLE_S) &&
	    SET(MAXLIFETIME_CONN, (long)CONN_LIFE_S) &&
	    SET(TCP_KEEPALIVE, 1L) && SET(TCP_KEEPIDLE, (long)KEEPALIVE_S) &&
	    SET(TCP_KEEPINTVL, (long)KEEPALIVE_S);
}

static bool
set_callbacks(struct transfer *t)
{
	__typeof__(t->api->easy_setopt) set = t->api->easy_setopt;
	CURL *easy = t->handle->easy;

	return SET(ERRORBUFFER, t->detail) &&
	    SET(HEADERFUNCTION, transfer_on_header) &&
	    SET(HEADERDATA, t) && SET(WRITEFUNCTION, transfer_on_data) &&
	    SET(WRITEDATA, t) && SET(PREREQFUNCTION, transfer_on_connected) &&
	    SET(PREREQDATA, t);
}

/* Methods whose requests say Content-Length: 0 rather than nothing. */
static bool
expects_body(const char *method)
{
	static const char *const list[] = {"POST", "PUT", "PATCH"};

	return is_one_of(method, list, COUNT(list));
}

static bool
set_body(struct transfer *t)
{
	const struct upstream_request *r = t->request;
	__typeof__(t->api->easy_setopt) set = t->api->easy_setopt;
	CURL *easy = t->handle->easy;

	if (strcmp(r->method, "HEAD") == 0)
		return SET(NOBODY, 1L);
	/*
	 * A body that cannot be sent a second time goes up on a connection
	 * made for it; and as it may end before its announced length when
	 * the answer comes early, what another caller sends must not follow
	 * on that connection.
	 */
	if (r->body == NULL && r->read_body != NULL && r->body_total != 0)
		return SET(UPLOAD, 1L) &&
		    SET(READFUNCTION, transfer_on_read) && SET(READDATA, t) &&
		    SET(INFILESIZE_LARGE, (curl_off_t)(r->body_total < 0 ?
		    -1 : r->body_total)) && SET(FRESH_CONNECT, 1L) &&
		    SET(FORBID_REUSE, 1L);
	if ((r->body == NULL || r->body_len == 0) && !expects_body(r->method))
		return SET(HTTPGET, 1L);
	return SET(POST, 1L) && SET(POSTFIELDSIZE_LARGE,
	    (curl_off_t)(r->body == NULL ? 0 : r->body_len)) &&
	    SET(POSTFIELDS, r->body == NULL ? "" : r->body);
}

static bool
set_target(struct transfer *t)
{
	__typeof__(t->api->easy_setopt) set = t->api->easy_setopt;
	CURL *easy = t->handle->easy;

	/* The method after the body: POST, UPLOAD and NOBODY change it. */
	return SET(URL, t->url.data) && SET(PATH_AS_IS, 1L) &&
	    SET(HTTP_CONTENT_DECODING, 0L) && SET(HTTPHEADER, t->fields) &&
	    set_body(t) && SET(CUSTOMREQUEST, t->request->method);
}

int
transfer_prepare(struct transfer *t, struct err *err)
{
	const struct upstream_request *r = t->request;

	if (!http_is_token(r->method))
		return err_set(err, ERR_BAD_REQUEST, "the method is no token");
	buf_init(&t->url, URL_MAX);
	if (url_join(&t->url, r->upstream->url, r->path, r->query, err) != 0 ||
	    make_fields(t, err) != 0)
		return -1;
	if (!set_safety(t) || !set_transport(t) || !set_callbacks(t) ||
	    !set_target(t))
		return err_set(err, ERR_CONFIG,
		    "upstream %s: libcurl refused an option",
		    r->upstream->name);
	return 0;
}
