#include "cache/form.h"

#include "base/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct part {
	const struct cache_form_part *as;
	uint8_t digest[DIGEST_BYTES]; /* of the content */
};

static bool
content_is(const struct cache_form_part *part, const char *text)
{
	return part->len == strlen(text) &&
	    memcmp(part->content, text, part->len) == 0;
}

/*
 * The part that says whether the answer is to be streamed, and no more;
 * NULL when there is none, or several, whose order might matter.
 */
static const struct cache_form_part *
stream_part(const struct cache_form_part *parts, size_t n)
{
	const struct cache_form_part *found = NULL;
	size_t i;

	for (i = 0; i < n; i++) {
		if (strcmp(parts[i].name, "stream") != 0)
			continue;
		if (found != NULL || parts[i].is_file ||
		    !(content_is(&parts[i], "true") ||
		    content_is(&parts[i], "false")))
			return NULL;
		found = &parts[i];
	}
	return found;
}

/* Of parts of one name some readers take the first, some the last. */
static int
compare_parts(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	int order = strcmp(x->as->name, y->as->name);

	return order != 0 ? order : (x->as > y->as) - (x->as < y->as);
}

static void
put_part(const struct part *part, struct digest *d, struct buf *canonical)
{
	const uint8_t kind = part->as->is_file ? 1 : 0;
	char hex[2 * DIGEST_BYTES + 1];

	digest_update(d, &kind, sizeof(kind));
	digest_field(d, part->as->name, strlen(part->as->name));
	digest_field(d, part->as->parameters, part->as->parameters_len);
	digest_update(d, part->digest, DIGEST_BYTES);
	if (canonical == NULL)
		return;
	text_hex(part->digest, DIGEST_BYTES, hex);
	buf_printf(canonical, "%s%s%s %zu bytes sha256:%s",
	    canonical->len > 0 ? "; " : "", part->as->name,
	    part->as->is_file ? " (file)" : "", part->as->len, hex);
}

static int
digest_parts(struct cache_body *out, struct part *parts, size_t n,
    struct buf *canonical)
{
	static const char domain[] = "reprise form";
	struct digest *d = digest_new();
	size_t i;

	if (d == NULL)
		return -1;
	digest_field(d, domain, sizeof(domain) - 1);
	qsort(parts, n, sizeof(*parts), compare_parts);
	for (i = 0; i < n; i++)
		put_part(&parts[i], d, canonical);
	if (digest_finish(d, out->digest) == -1)
		return -1;
	return canonical != NULL && canonical->failed ? -1 : 0;
}

/* The form as an object for judge_request: texts, and true for files. */
static json_t *
describe(const struct cache_form_part *parts, size_t n)
{
	json_t *form = json_object(), *value;
	size_t i;

	for (i = 0; i < n; i++) {
		value = parts[i].is_file ? json_true() :
		    json_stringn(parts[i].content, parts[i].len);
		/* Text that is not UTF-8 is there, but no string. */
		if (value == NULL)
			value = json_null();
		json_object_set_new(form, parts[i].name, value);
	}
	return form;
}

static void
read_facts(struct cache_body *out, const json_t *form,
    const struct wire_format *format)
{
	const char *stream = json_string_value(json_object_get(form, "stream"));
	const json_t *model = json_object_get(form, "model");
	size_t len = json_string_length(model);

	out->stream = stream != NULL && strcmp(stream, "true") == 0;
	if (len < sizeof(out->model) && json_is_string(model) &&
	    strlen(json_string_value(model)) == len)
		memcpy(out->model, json_string_value(model), len + 1);
	out->verdict = format->judge_request(form);
}

int
cache_form_read(struct cache_body *out, const struct cache_form_part *parts,
    size_t n, const struct wire_format *format, struct buf *canonical)
{
	const struct cache_form_part *left_out = stream_part(parts, n);
	struct part *kept = calloc(n + 1, sizeof(*kept));
	json_t *form = describe(parts, n);
	size_t i, n_kept = 0;
	int rc = -1;

	memset(out, 0, sizeof(*out));
	cache_asked_init(&out->asked);
	if (kept == NULL || form == NULL)
		goto done;
	read_facts(out, form, format);
	for (i = 0; i < n; i++) {
		if (&parts[i] == left_out)
			continue;
		kept[n_kept].as = &parts[i];
		if (digest_sha256(parts[i].content, parts[i].len,
		    kept[n_kept++].digest) == -1)
			goto done;
	}
	rc = digest_parts(out, kept, n_kept, canonical);
done:
	json_decref(form);
	free(kept);
	return rc;
}
