/*
 * Requests from CGI variables: the input, split at NUL, is an environment.
 * Its first byte chooses the base path.
 */
#include "http/request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VARIABLES_MAX = 600 };

static void
check(int holds)
{
	if (!holds)
		abort();
}

/* What the rest of the handler relies on. */
static void
check_request(const struct http_request *req)
{
	size_t i;

	check(http_is_token(req->method));
	check(req->path[0] == '/');
	check(strpbrk(req->path, "\r\n \t?#") == NULL);
	check(strstr(req->path, "/../") == NULL);
	check(req->query == NULL || strpbrk(req->query, "\r\n \t#") == NULL);
	check(req->content_length >= -1);
	for (i = 0; i < req->headers.count; i++) {
		check(http_is_token(req->headers.list[i].name));
		check(http_is_field_value(req->headers.list[i].value));
		check(strcmp(req->headers.list[i].name, "proxy") != 0);
		check(strcmp(req->headers.list[i].name,
		    "transfer-encoding") != 0);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const bases[] = {"/", "/llm", "/a/b/", ""};
	char *envp[VARIABLES_MAX + 1], *text, *p;
	struct http_request req;
	struct err err = ERR_INIT;
	size_t n = 0;

	if (size == 0 || (text = malloc(size)) == NULL)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	for (p = text; p < text + size && n < VARIABLES_MAX;
	     p += strlen(p) + 1)
		envp[n++] = p;
	envp[n] = NULL;
	if (http_request_parse(&req, envp, bases[data[0] % 4], &err) == 0)
		check_request(&req);
	else
		check(err.code != ERR_NONE && req.method != NULL &&
		    req.path != NULL);
	http_request_fini(&req);
	free(text);
	return 0;
}
