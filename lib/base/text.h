/*
 * Small questions about strings that more than one room asks.
 * All functions are pure but for the buffers they are given; any thread.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A name and its value, both borrowed from whoever made the pair. */
struct text_pair {
	const char *name;
	const char *value;
};

/*
 * Decode one UTF-8 character of s[0..len-1], len > 0, into *code_point.
 * Returns the bytes it took (1 to 4); on a byte that does not begin a valid
 * character (RFC 3629: no overlong form, no surrogate) it returns 1 and
 * sets U+FFFD.
 */
size_t text_utf8_next(const char *s, size_t len, uint32_t *code_point);

/*
 * Whether s matches a glob of '*' (any run) and '?' (one byte) and literal
 * bytes. Linear in time but for the last star; no brackets, no escapes.
 */
bool text_glob(const char *pattern, const char *s);

/*
 * Write len bytes as 2*len lower-case hex digits and a NUL into out, which
 * must hold 2*len+1 bytes.
 */
void text_hex(const void *bytes, size_t len, char *out);

/* The value of a hex digit, either case; -1 when c is none. */
int text_hex_value(char c);

/*
 * Parse exactly 2*len hex digits (either case), then NUL. 0, or -1 when s
 * is anything else (out is then undefined).
 */
int text_unhex(const char *s, void *out, size_t len);

/*
 * Parse a whole decimal number, digits only. 0, or -1 when s is empty, has
 * any other byte, or exceeds max.
 */
int text_u64(const char *s, uint64_t max, uint64_t *out);

/*
 * Copy s to out, cut to fit out_size (> 0) and NUL-terminated, with every
 * control byte, DEL and non-ASCII byte as '?': safe on a line of a log and
 * in a header.
 */
void text_printable(const char *s, char *out, size_t out_size);

/*
 * Take the next item of a list separated by any byte of seps. *rest moves
 * on; the item's start is returned and its length put in *len, blanks
 * around it removed; NULL at the end. Empty items are skipped.
 */
const char *text_next_item(const char **rest, const char *seps, size_t *len);

#endif
