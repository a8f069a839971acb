/* POST /v1/embeddings. */
#include "demo_answer.h"
#include "demo_formats.h"
#include "demo_json.h"

#include "base/digest.h"

#include <endian.h>
#include <inttypes.h>
#include <string.h>

enum { DIMENSIONS = 8, DIMENSIONS_MAX = 4096, INPUTS_MAX = 2048 };

struct embeddings {
	struct demo_answer a; /* first: callbacks get this */
	const json_t *input;  /* borrowed */
	bool one;             /* input is one input, not a list of them */
	bool base64;
	uint64_t server_seed;
	uint64_t dimensions;
};

static bool
is_tokens(const json_t *input)
{
	const json_t *token;
	size_t i;

	json_array_foreach(input, i, token) {
		if (!json_is_integer(token))
			return false;
	}
	return json_array_size(input) > 0;
}

static size_t
count_inputs(const struct embeddings *x)
{
	return x->one ? 1 : json_array_size(x->input);
}

static const json_t *
get_input(const struct embeddings *x, size_t i)
{
	return x->one ? x->input : json_array_get(x->input, i);
}

/* NULL, or what is wrong with the input. */
static const char *
judge(struct embeddings *x)
{
	const json_t *input;

	x->one = json_is_string(x->input) || is_tokens(x->input);
	if (count_inputs(x) == 0 || count_inputs(x) > INPUTS_MAX)
		return "input wants 1 to 2048 elements";
	for (size_t i = 0; i < count_inputs(x); i++) {
		input = get_input(x, i);
		if (!json_is_string(input) && !is_tokens(input))
			return "input has an element that is neither a "
			    "string nor a list of tokens";
	}
	return NULL;
}

/* Words of a string, elements of a list: what it costs, by itself. */
static uint64_t
count_tokens(const json_t *input)
{
	const char *text = json_string_value(input);
	uint64_t n = 0;

	if (text == NULL)
		return json_array_size(input);
	for (text += strspn(text, " \t\r\n"); *text != '\0';
	    text += strspn(text, " \t\r\n")) {
		text += strcspn(text, " \t\r\n");
		n++;
	}
	return n;
}

/* The seed of an input's vector: of model, dimensions and input alone. */
static uint64_t
vector_seed(const struct embeddings *x, const json_t *input)
{
	const json_t *model = json_object_get(x->a.body, "model");
	uint8_t out[DIGEST_BYTES];
	struct buf text;
	uint64_t seed;

	buf_init(&text, DEMO_CONTENT_MAX);
	demo_put_value(&text, model);
	demo_put_value(&text, input);
	buf_printf(&text, "%" PRIu64 " %" PRIu64, x->dimensions,
	    x->server_seed);
	digest_sha256(text.data, text.len, out);
	buf_fini(&text);
	memcpy(&seed, out, sizeof(seed));
	return seed;
}

/* A number in [-1, 1) that is a float, bit for bit. */
static float
next_float(uint64_t *seed)
{
	return (float)(int32_t)(demo_random(seed) >> 40) / 8388608.0f - 1.0f;
}

static void
put_base64(struct buf *out, uint64_t seed, uint64_t dimensions)
{
	uint8_t bytes[DIMENSIONS_MAX * 4];
	uint32_t bits;
	float f;

	for (uint64_t i = 0; i < dimensions; i++) {
		f = next_float(&seed);
		memcpy(&bits, &f, sizeof(bits));
		bits = htole32(bits);
		memcpy(bytes + 4 * i, &bits, sizeof(bits));
	}
	buf_putc(out, '"');
	demo_put_base64(out, bytes, 4 * dimensions);
	buf_putc(out, '"');
}

static void
put_vector(struct buf *out, const struct embeddings *x, const json_t *input)
{
	uint64_t seed = vector_seed(x, input);

	if (x->base64) {
		put_base64(out, seed, x->dimensions);
		return;
	}
	buf_putc(out, '[');
	for (uint64_t i = 0; i < x->dimensions; i++)
		buf_printf(out, "%s%.9g", i > 0 ? "," : "",
		    (double)next_float(&seed));
	buf_putc(out, ']');
}

static void
put_data(struct buf *out, const struct embeddings *x)
{
	enum demo_fault fault = x->a.reply->knobs->fault;
	size_t n = count_inputs(x), told = n, at;

	if (fault == DEMO_FAULT_SHORT)
		told--;
	for (size_t i = 0; i < told; i++) {
		at = fault == DEMO_FAULT_SHUFFLE ? n - 1 - i : i;
		buf_printf(out, "%s{\"object\":\"embedding\",\"index\":%zu,"
		    "\"embedding\":", i > 0 ? "," : "", at);
		put_vector(out, x, get_input(x, at));
		buf_putc(out, '}');
	}
}

static void
put_json(struct demo_answer *a, struct buf *out)
{
	const struct embeddings *x = (const struct embeddings *)a;
	uint64_t tokens = 0;

	for (size_t i = 0; i < count_inputs(x); i++)
		tokens += count_tokens(get_input(x, i));
	buf_puts(out, "{\"object\":\"list\",\"data\":[");
	put_data(out, x);
	buf_puts(out, "],\"model\":");
	demo_put_text(out, a->model, strlen(a->model));
	if (a->reply->knobs->usage)
		buf_printf(out, ",\"usage\":{\"prompt_tokens\":%" PRIu64
		    ",\"total_tokens\":%" PRIu64 "}", tokens, tokens);
	buf_puts(out, "}");
}

static const struct demo_format embeddings = {.json = put_json};

int
demo_embeddings(struct demo_reply *r, uint64_t seed)
{
	struct embeddings x = {.server_seed = seed};
	const char *coding, *wrong;
	int rc;

	if (demo_answer_read(&x.a, r, seed, "") != 0)
		return r->conn->gone ? -1 : 0;
	coding = json_string_value(
	    json_object_get(x.a.body, "encoding_format"));
	x.input = json_object_get(x.a.body, "input");
	x.base64 = coding != NULL && strcmp(coding, "base64") == 0;
	x.dimensions = demo_json_number(x.a.body, "dimensions", DIMENSIONS);
	wrong = x.dimensions > DIMENSIONS_MAX ? "dimensions is too large" :
	    judge(&x);
	rc = wrong == NULL ? demo_answer_send(&x.a, &embeddings) :
	    demo_reply_error(r, 400, wrong);
	demo_answer_fini(&x.a);
	return rc;
}
