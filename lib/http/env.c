#include "http/env.h"

#include "base/text.h"

#include <string.h>

const char *
http_env(char *const *envp, const char *name)
{
	size_t len = strlen(name);

	for (; *envp != NULL; envp++) {
		if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=')
			return *envp + len + 1;
	}
	return NULL;
}

int64_t
http_env_content_length(char *const *envp)
{
	const char *s = http_env(envp, "CONTENT_LENGTH");
	uint64_t value;

	if (s == NULL || *s == '\0')
		return -1;
	if (text_u64(s, (uint64_t)1 << 53, &value) == -1)
		return -2;
	return (int64_t)value;
}
