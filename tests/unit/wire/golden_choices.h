/*
 * Golden answers made of choices: the fixtures that chat and completions
 * both have, each in its own shape. Rows of the tables of a golden_set.
 */
#ifndef TEST_GOLDEN_CHOICES_H
#define TEST_GOLDEN_CHOICES_H

#include "golden.h"

#define CHOICES_STREAMS                                                        \
	GOOD("plain.sse"),                                                     \
	GOOD("usage.sse"),                                                     \
	{"length.sse", WIRE_STORABLE, WIRE_LENGTH},                            \
	GOOD("choices.sse"),                                                   \
	GOOD("keepalive.sse"),                                                 \
	GOOD("fields.sse"),                                                    \
	GOOD("crlf.sse"),                                                      \
	GOOD("cr.sse"),                                                        \
	GOOD("bom.sse"),                                                       \
	GOOD("no-space.sse"),                                                  \
	GOOD("several-lines.sse"),                                             \
	GOOD("done-in-text.sse"),                                              \
	GOOD("nul-in-text.sse"),                                               \
	GOOD("comment-after-done.sse"),                                        \
	GOOD("no-index.sse"),                                                  \
	GOOD("error-null.sse"),                                                \
	GOOD("logprobs.sse"),                                                  \
	GOOD("vllm.sse"),                                                      \
	BAD("bad-error.sse", WIRE_ERROR_EVENT),                                \
	BAD("bad-error-done.sse", WIRE_ERROR_EVENT),                           \
	BAD("bad-error-after-finish.sse", WIRE_ERROR_EVENT),                   \
	BAD("bad-error-with-choices.sse", WIRE_ERROR_EVENT),                   \
	BAD("bad-error-in-choice.sse", WIRE_ERROR_EVENT),                      \
	BAD("bad-error-named.sse", WIRE_ERROR_EVENT),                          \
	BAD("bad-error-named-empty.sse", WIRE_ERROR_EVENT),                    \
	BAD("bad-detail.sse", WIRE_ERROR_EVENT),                               \
	BAD("bad-object-error.sse", WIRE_ERROR_EVENT),                         \
	BAD("bad-finish-error.sse", WIRE_ERROR_EVENT),                         \
	BAD("bad-finish-abort.sse", WIRE_ERROR_EVENT),                         \
	BAD("bad-content-filter.sse", WIRE_FILTERED),                          \
	BAD("bad-empty.sse", WIRE_EMPTY),                                      \
	BAD("bad-one-empty.sse", WIRE_EMPTY),                                  \
	BAD("bad-done-only.sse", WIRE_EMPTY),                                  \
	BAD("bad-usage-only.sse", WIRE_EMPTY),                                 \
	BAD("bad-nothing.sse", WIRE_NO_TERMINATOR),                            \
	BAD("bad-keepalives-only.sse", WIRE_NO_TERMINATOR),                    \
	BAD("bad-no-finish.sse", WIRE_NO_FINISH),                              \
	BAD("bad-empty-finish.sse", WIRE_NO_FINISH),                           \
	BAD("bad-one-unfinished.sse", WIRE_NO_FINISH),                         \
	BAD("bad-no-done.sse", WIRE_NO_TERMINATOR),                            \
	BAD("bad-after-done.sse", WIRE_AFTER_END),                             \
	BAD("bad-two-dones.sse", WIRE_AFTER_END),                              \
	BAD("bad-empty-after-done.sse", WIRE_AFTER_END),                       \
	BAD("bad-done-unended.sse", WIRE_NO_TERMINATOR),                       \
	BAD("bad-done-cut.sse", WIRE_NO_TERMINATOR),                           \
	BAD("bad-done-spaced.sse", WIRE_BAD_JSON),                             \
	BAD("bad-done-quoted.sse", WIRE_BAD_JSON),                             \
	BAD("bad-done-suffix.sse", WIRE_BAD_JSON),                             \
	BAD("bad-not-json.sse", WIRE_BAD_JSON),                                \
	BAD("bad-array.sse", WIRE_BAD_JSON),                                   \
	BAD("bad-empty-data.sse", WIRE_BAD_JSON),                              \
	BAD("bad-choices-object.sse", WIRE_BAD_JSON),                          \
	BAD("bad-choice-text.sse", WIRE_BAD_JSON),                             \
	BAD("bad-index-text.sse", WIRE_BAD_JSON),                              \
	BAD("bad-index-negative.sse", WIRE_BAD_JSON),                          \
	BAD("bad-index-huge.sse", WIRE_BAD_JSON)

#define CHOICES_JSONS                                                          \
	GOOD("plain.json"),                                                    \
	GOOD("choices.json"),                                                  \
	{"length.json", WIRE_STORABLE, WIRE_LENGTH},                           \
	GOOD("error-null.json"),                                               \
	GOOD("nul-in-text.json"),                                              \
	GOOD("no-usage.json"),                                                 \
	GOOD("logprobs.json"),                                                 \
	GOOD("white-space.json"),                                              \
	BAD("bad-content-filter.json", WIRE_FILTERED),                         \
	BAD("bad-error.json", WIRE_ERROR_ANSWER),                              \
	BAD("bad-error-with-choices.json", WIRE_ERROR_ANSWER),                 \
	BAD("bad-error-in-choice.json", WIRE_ERROR_ANSWER),                    \
	BAD("bad-detail.json", WIRE_ERROR_ANSWER),                             \
	BAD("bad-object-error.json", WIRE_ERROR_ANSWER),                       \
	BAD("bad-finish-error.json", WIRE_ERROR_ANSWER),                       \
	BAD("bad-empty.json", WIRE_EMPTY),                                     \
	BAD("bad-null-content.json", WIRE_EMPTY),                              \
	BAD("bad-one-empty.json", WIRE_EMPTY),                                 \
	BAD("bad-no-choices.json", WIRE_EMPTY),                                \
	BAD("bad-empty-choices.json", WIRE_EMPTY),                             \
	BAD("bad-empty-object.json", WIRE_EMPTY),                              \
	BAD("bad-no-finish.json", WIRE_NO_FINISH),                             \
	BAD("bad-one-unfinished.json", WIRE_NO_FINISH),                        \
	BAD("bad-array.json", WIRE_BAD_JSON),                                  \
	BAD("bad-string.json", WIRE_BAD_JSON),                                 \
	BAD("bad-choice-text.json", WIRE_BAD_JSON)

#define CHOICES_USAGES                                                         \
	{"usage.sse", 13},                                                     \
	{"length.sse", 13},                                                    \
	{"bad-usage-only.sse", 13},                                            \
	{"plain.sse", 0},                                                      \
	{"plain.json", 13},                                                    \
	{"bad-content-filter.json", 13},                                       \
	{"bad-error-with-choices.json", 13},                                   \
	{"no-usage.json", 0},                                                  \
	{"bad-array.json", 0}

/* Ended by [DONE], which a gateway on the way may forge. */
static const struct golden_forgery choices_forgeries[] = {
    {"plain.sse", "\"stop\"", FORGED_DONE},
};

#endif
