/*
 * Looking at CGI variables (RFC 3875 section 4.1).
 */
#ifndef HTTP_ENV_H
#define HTTP_ENV_H

#include <stdint.h>

/*
 * The value of the first variable of that name in envp (as environ), or
 * NULL. Borrowed from envp. Any thread.
 */
const char *http_env(char *const *envp, const char *name);

/*
 * CONTENT_LENGTH of envp in bytes: digits only, up to 2^53. -1 when it is
 * absent or empty, -2 when it is malformed. Any thread.
 */
int64_t http_env_content_length(char *const *envp);

#endif
