#include "cache/meta.h"

#include <stdlib.h>
#include <string.h>

/* One pair of a block, and where the next begins. */
struct pair {
	char tag;
	const char *name;
	const char *value;
	const char *next;
};

/* Read the pair at p, before end. Whether there is a whole one. */
static bool
read_pair(struct pair *pair, const char *p, const char *end)
{
	pair->tag = *p++;
	if (pair->tag != 'h' && pair->tag != 'v')
		return false;
	pair->name = p;
	p = memchr(p, '\0', (size_t)(end - p));
	if (p == NULL)
		return false;
	pair->value = ++p;
	p = memchr(p, '\0', (size_t)(end - p));
	if (p == NULL)
		return false;
	pair->next = p + 1;
	return true;
}

static void
write_pairs(struct buf *out, char tag, const struct text_pair *pairs,
    size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		buf_putc(out, tag);
		buf_append(out, pairs[i].name, strlen(pairs[i].name) + 1);
		buf_append(out, pairs[i].value, strlen(pairs[i].value) + 1);
	}
}

/* The JSON object as text, free(). NULL: no UTF-8, or no memory. */
static char *
make_json(const struct cache_answer *a)
{
	json_t *meta;
	char *text;

	meta = json_pack("{s:s, s:O*}",
	    "model", a->model != NULL ? a->model : "",
	    "usage", a->usage);
	if (meta == NULL)
		return NULL;
	text = json_dumps(meta, JSON_COMPACT);
	json_decref(meta);
	return text;
}

int
meta_write(struct buf *out, const struct cache_answer *answer,
    struct err *err)
{
	char *json = make_json(answer);

	if (json == NULL)
		return err_set(err, ERR_LIMIT,
		    "the model's name is not UTF-8, or memory is short");
	buf_append(out, json, strlen(json) + 1);
	free(json);
	write_pairs(out, 'h', answer->headers, answer->n_headers);
	write_pairs(out, 'v', answer->vary, answer->n_vary);
	if (out->failed)
		return err_set(err, ERR_LIMIT,
		    "the answer's headers are too long to store");
	return 0;
}

json_t *
meta_read(const char *block, size_t len)
{
	const char *end = block + len, *p = memchr(block, '\0', len);
	struct pair pair;
	json_t *json;

	if (p == NULL)
		return NULL;
	json = json_loadb(block, (size_t)(p - block), 0, NULL);
	for (p++; p < end; p = pair.next) {
		if (!read_pair(&pair, p, end))
			break;
	}
	if (p == end && json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}

int
meta_each(const char *block, size_t len, char tag,
    int (*fn)(void *arg, const char *name, const char *value), void *arg)
{
	const char *end = block + len, *p = memchr(block, '\0', len);
	struct pair pair;
	int stop;

	if (p == NULL)
		return 0;
	for (p++; p < end && read_pair(&pair, p, end); p = pair.next) {
		if (pair.tag != tag)
			continue;
		stop = fn(arg, pair.name, pair.value);
		if (stop != 0)
			return stop;
	}
	return 0;
}
