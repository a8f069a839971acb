/*
 * How many tokens each of several inputs has, where the server tells only
 * their sum. Any thread.
 */
#ifndef WIRE_TOKEN_COUNT_H
#define WIRE_TOKEN_COUNT_H

#include "base/json_text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Count the tokens of n inputs, JSON texts of strings or of arrays of tokens,
 * in the first of the simple ways in which servers without a tokeniser of
 * their own do it (words, characters or bytes, or so many of them a token)
 * that gives just this total. A total that none of them gives was counted by
 * a real tokeniser: false, and counts is as it was.
 */
bool wire_count_tokens(size_t *counts, const struct json_span *inputs,
    size_t n, json_int_t total);

#endif
