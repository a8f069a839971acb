/*
 * POST /v1/rerank, /rerank (Jina and others) and /v2/rerank (Cohere).
 * A document's score depends on the model, the query and itself alone.
 */
#include "demo_answer.h"
#include "demo_formats.h"
#include "demo_json.h"

#include "base/digest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct rank {
	size_t index; /* in the request */
	double score;
};

struct rerank {
	struct demo_answer a;    /* first: callbacks get this */
	const json_t *documents; /* borrowed */
	uint64_t server_seed;
	struct rank *ranks;      /* best first */
	size_t told;             /* how many of them */
};

static double
score(const struct rerank *x, const json_t *document)
{
	uint8_t out[DIGEST_BYTES];
	struct buf text;
	uint64_t n;

	buf_init(&text, DEMO_CONTENT_MAX);
	demo_put_value(&text, json_object_get(x->a.body, "model"));
	demo_put_value(&text, json_object_get(x->a.body, "query"));
	demo_put_value(&text, document);
	buf_printf(&text, "%" PRIu64, x->server_seed);
	digest_sha256(text.data, text.len, out);
	buf_fini(&text);
	memcpy(&n, out, sizeof(n));
	return (double)(n % 1000000000) / 1e9;
}

static int
compare(const void *a, const void *b)
{
	const struct rank *x = a, *y = b;

	if (x->score != y->score)
		return x->score < y->score ? 1 : -1;
	return x->index < y->index ? -1 : 1;
}

static int
rank_all(struct rerank *x)
{
	size_t n = json_array_size(x->documents);
	uint64_t top = demo_json_number(x->a.body, "top_n", n);

	x->ranks = calloc(n, sizeof(*x->ranks));
	if (x->ranks == NULL)
		return -1;
	for (size_t i = 0; i < n; i++)
		x->ranks[i] = (struct rank){i,
		    score(x, json_array_get(x->documents, i))};
	qsort(x->ranks, n, sizeof(*x->ranks), compare);
	x->told = top < n ? (size_t)top : n;
	if (x->a.reply->knobs->fault == DEMO_FAULT_SHORT)
		x->told--;
	return 0;
}

static void
put_document(const struct rerank *x, struct buf *out, size_t index)
{
	const json_t *document = json_array_get(x->documents, index);

	if (!json_is_true(json_object_get(x->a.body, "return_documents")))
		return;
	buf_puts(out, ",\"document\":");
	if (json_is_string(document))
		buf_puts(out, "{\"text\":");
	demo_put_value(out, document);
	if (json_is_string(document))
		buf_puts(out, "}");
}

static void
put_results(const struct rerank *x, struct buf *out)
{
	bool reverse = x->a.reply->knobs->fault == DEMO_FAULT_SHUFFLE;
	const struct rank *rank;

	buf_puts(out, "\"results\":[");
	for (size_t i = 0; i < x->told; i++) {
		rank = &x->ranks[reverse ? x->told - 1 - i : i];
		buf_printf(out, "%s{\"index\":%zu,\"relevance_score\":%.9g",
		    i > 0 ? "," : "", rank->index, rank->score);
		put_document(x, out, rank->index);
		buf_puts(out, "}");
	}
	buf_puts(out, "]");
}

static void
put_json(struct demo_answer *a, struct buf *out)
{
	const struct rerank *x = (const struct rerank *)a;
	bool cohere = a->reply->shape == DEMO_SHAPE_COHERE;

	buf_printf(out, "{\"id\":\"rerank-%s\",", a->hex);
	if (!cohere) {
		buf_puts(out, "\"model\":");
		demo_put_text(out, a->model, strlen(a->model));
		buf_puts(out, ",");
	}
	put_results(x, out);
	if (a->reply->knobs->usage && cohere)
		buf_puts(out, ",\"meta\":{\"api_version\":{\"version\":\"2\"},"
		    "\"billed_units\":{\"search_units\":1}}");
	else if (a->reply->knobs->usage)
		buf_printf(out, ",\"usage\":{\"total_tokens\":%" PRIu64 "}",
		    a->prompt_words);
	buf_puts(out, "}");
}

static const struct demo_format rerank = {.json = put_json};

int
demo_rerank(struct demo_reply *r, uint64_t seed)
{
	struct rerank x = {.server_seed = seed};
	int rc;

	if (demo_answer_read(&x.a, r, seed, "") != 0)
		return r->conn->gone ? -1 : 0;
	x.documents = json_object_get(x.a.body, "documents");
	if (json_array_size(x.documents) == 0 ||
	    !json_is_string(json_object_get(x.a.body, "query")))
		rc = demo_reply_error(r, 400, "query and documents are "
		    "required");
	else if (rank_all(&x) != 0)
		rc = demo_reply_error(r, 500, "Out of memory");
	else
		rc = demo_answer_send(&x.a, &rerank);
	free(x.ranks);
	demo_answer_fini(&x.a);
	return rc;
}
