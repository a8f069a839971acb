/* What libcurl's results mean, in our codes and in plain words. */
#include "upstream/transfer.h"

#include "base/text.h"

struct row {
	CURLcode code;
	enum err_code ours;
	const char *words; /* NULL: libcurl's own */
};

/* Whatever is not listed is a broken answer. */
static const struct row rows[] = {
	{CURLE_COULDNT_RESOLVE_HOST, ERR_UPSTREAM_CONNECT,
	    "its name is not known"},
	{CURLE_COULDNT_RESOLVE_PROXY, ERR_UPSTREAM_CONNECT,
	    "the proxy's name is not known"},
	{CURLE_COULDNT_CONNECT, ERR_UPSTREAM_CONNECT, "cannot connect"},
	{CURLE_PROXY, ERR_UPSTREAM_CONNECT, "the proxy refused"},
	{CURLE_INTERFACE_FAILED, ERR_UPSTREAM_CONNECT, NULL},
	{CURLE_SSL_CONNECT_ERROR, ERR_UPSTREAM_CONNECT, "TLS failed"},
	{CURLE_PEER_FAILED_VERIFICATION, ERR_UPSTREAM_CONNECT,
	    "its certificate is not valid"},
	{CURLE_SSL_ISSUER_ERROR, ERR_UPSTREAM_CONNECT, NULL},
	{CURLE_SSL_CERTPROBLEM, ERR_CONFIG, NULL},
	{CURLE_SSL_CIPHER, ERR_UPSTREAM_CONNECT, NULL},
	{CURLE_SSL_CACERT_BADFILE, ERR_CONFIG, "ca_file cannot be read"},
	{CURLE_SSL_ENGINE_NOTFOUND, ERR_CONFIG, NULL},
	{CURLE_URL_MALFORMAT, ERR_CONFIG, "its url is malformed"},
	{CURLE_LOGIN_DENIED, ERR_CONFIG, "its url holds a user name"},
	{CURLE_UNSUPPORTED_PROTOCOL, ERR_CONFIG,
	    "its url is neither http nor https"},
	{CURLE_NOT_BUILT_IN, ERR_CONFIG, NULL},
	{CURLE_BAD_FUNCTION_ARGUMENT, ERR_CONFIG, NULL},
	{CURLE_OPERATION_TIMEDOUT, ERR_UPSTREAM_TIMEOUT,
	    "no connection within connect_timeout"},
	{CURLE_OUT_OF_MEMORY, ERR_MEMORY, NULL},
	{CURLE_GOT_NOTHING, ERR_UPSTREAM_BROKEN,
	    "it closed the connection without an answer"},
	{CURLE_PARTIAL_FILE, ERR_UPSTREAM_BROKEN,
	    "it closed the connection in the middle of its answer"},
	{CURLE_RECV_ERROR, ERR_UPSTREAM_BROKEN,
	    "the connection broke while it answered"},
	{CURLE_SEND_ERROR, ERR_UPSTREAM_BROKEN,
	    "the connection broke while the request was sent"},
	{CURLE_HTTP2, ERR_UPSTREAM_BROKEN,
	    "it closed the connection, or broke the rules of HTTP/2"},
	{CURLE_HTTP2_STREAM, ERR_UPSTREAM_BROKEN, "it broke its answer off"},
	{CURLE_WEIRD_SERVER_REPLY, ERR_UPSTREAM_BROKEN,
	    "its answer is no HTTP"},
};

/*
 * Once the request went out and until there is an answer, these mean
 * something else: an answer that is not HTTP, a header line beyond libcurl's
 * limit, and, over HTTP/2, no answer at all.
 */
static const struct row rows_connected[] = {
	{CURLE_UNSUPPORTED_PROTOCOL, ERR_UPSTREAM_BROKEN,
	    "its answer is no HTTP"},
	{CURLE_OUT_OF_MEMORY, ERR_UPSTREAM_BROKEN,
	    "its answer has a header line too long"},
	{CURLE_PARTIAL_FILE, ERR_UPSTREAM_BROKEN,
	    "it closed the connection without an answer"},
};

static const struct row *
find(const struct row *list, size_t n, CURLcode code)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].code == code)
			return &list[i];
	}
	return NULL;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int
tell(const struct transfer *t, enum err_code code, const char *words,
    struct err *err)
{
	char what[256];
	long os_errno = 0;

	snprintf(what, sizeof(what), "upstream %.60s (%.80s): %s",
	    t->request->upstream->name, t->host, words);
	if (code == ERR_UPSTREAM_CONNECT)
		t->api->easy_getinfo(t->handle->easy, CURLINFO_OS_ERRNO,
		    &os_errno);
	if (os_errno != 0)
		return err_sys(err, code, (int)os_errno, what);
	return err_set(err, code, "%s", what);
}

/*
 * Of TLS libcurl says more precisely what is wrong: put words and that into
 * out. It may quote the server's certificate, so bytes that could play
 * tricks in a log are replaced.
 */
static const char *
with_detail(const struct transfer *t, CURLcode code, const char *words,
    char *out, size_t size)
{
	char detail[CURL_ERROR_SIZE];

	if (t->detail[0] == '\0' || (code != CURLE_SSL_CONNECT_ERROR &&
	    code != CURLE_PEER_FAILED_VERIFICATION))
		return words;
	text_printable(t->detail, detail, sizeof(detail));
	snprintf(out, size, "%s: %s", words, detail);
	return out;
}

int
transfer_outcome(const struct transfer *t, CURLcode code, struct err *err)
{
	const struct row *row = NULL;
	const char *words;
	char detailed[CURL_ERROR_SIZE + 64];

	if (t->failure.code != ERR_NONE)
		return tell(t, t->failure.code, t->failure.text, err);
	if (code == CURLE_OK)
		return t->head.done ? 0 : tell(t, ERR_UPSTREAM_BROKEN,
		    "it ended before its answer began", err);
	if (t->connected && !t->head.done)
		row = find(rows_connected, COUNT(rows_connected), code);
	if (row == NULL)
		row = find(rows, COUNT(rows), code);
	words = row == NULL ? NULL : row->words;
	if (words == NULL)
		words = t->api->easy_strerror(code);
	words = with_detail(t, code, words, detailed, sizeof(detailed));
	return tell(t, row == NULL ? ERR_UPSTREAM_BROKEN : row->ours, words,
	    err);
}
