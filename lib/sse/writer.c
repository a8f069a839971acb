#include "sse/writer.h"

#include <string.h>

/*
 * A line for each line of text, after prefix. CR and CRLF end lines for
 * every reader of SSE, so they split here as LF does.
 */
static void
write_lines(struct buf *out, const char *prefix, const char *text)
{
	size_t len;

	for (;;) {
		len = strcspn(text, "\r\n");
		buf_puts(out, prefix);
		buf_append(out, text, len);
		buf_putc(out, '\n');
		text += len;
		if (*text == '\0')
			return;
		text += text[0] == '\r' && text[1] == '\n' ? 2 : 1;
	}
}

int
sse_write_event(struct buf *out, const char *name, const char *data)
{
	if (name != NULL) {
		buf_puts(out, "event: ");
		buf_append(out, name, strcspn(name, "\r\n"));
		buf_putc(out, '\n');
	}
	write_lines(out, "data: ", data);
	return buf_putc(out, '\n');
}

int
sse_write_comment(struct buf *out, const char *text)
{
	write_lines(out, ": ", text);
	return buf_putc(out, '\n');
}
