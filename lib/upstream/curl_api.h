/*
 * libcurl, opened at run time. The one header of this room, and of the
 * program, that includes <curl/curl.h>.
 */
#ifndef UPSTREAM_CURL_API_H
#define UPSTREAM_CURL_API_H

#include "base/err.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

/* The functions used, each with the type libcurl's header gives it. */
#define CURL_API_FUNCTIONS(FUNCTION)                                           \
	FUNCTION(global_init)                                                  \
	FUNCTION(version_info)                                                 \
	FUNCTION(easy_init)                                                    \
	FUNCTION(easy_cleanup)                                                 \
	FUNCTION(easy_reset)                                                   \
	FUNCTION(easy_setopt)                                                  \
	FUNCTION(easy_getinfo)                                                 \
	FUNCTION(easy_strerror)                                                \
	FUNCTION(multi_init)                                                   \
	FUNCTION(multi_cleanup)                                                \
	FUNCTION(multi_setopt)                                                 \
	FUNCTION(multi_add_handle)                                             \
	FUNCTION(multi_remove_handle)                                          \
	FUNCTION(multi_perform)                                                \
	FUNCTION(multi_poll)                                                   \
	FUNCTION(multi_info_read)                                              \
	FUNCTION(multi_strerror)                                               \
	FUNCTION(slist_append)                                                 \
	FUNCTION(slist_free_all)

struct curl_api {
#define CURL_API_MEMBER(name) __typeof__(&curl_##name) name;
	CURL_API_FUNCTIONS(CURL_API_MEMBER)
#undef CURL_API_MEMBER
	/* Of the TLS library behind it; NULL: it is another one. */
	int (*openssl_pending)(const void *session);
	size_t (*gnutls_pending)(void *session);
};

/*
 * Open libcurl at the first call of the process, initialise it, and return
 * its functions: constant from then on, never closed. NULL with err
 * (ERR_CONFIG) when it is missing or too old. Any thread.
 */
const struct curl_api *curl_api_open(struct err *err);

#endif
