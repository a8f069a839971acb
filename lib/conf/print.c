#include "conf/conf.h"

#include "conf/table.h"
#include "conf/value.h"

#include <string.h>

static int
print_section(enum conf_section section, const void *base, struct buf *out)
{
	const struct conf_option *option;
	size_t i, before;

	for (i = 0; i < CONF_OPTION_COUNT; i++) {
		option = conf_table_row((enum conf_option_id)i);
		if (option->section != section)
			continue;
		buf_printf(out, "%s = ", option->name);
		before = out->len;
		conf_value_format(option, base, out);
		/* No blank at the end of a line. */
		if (!out->failed && out->len == before)
			out->data[--out->len] = '\0';
		buf_putc(out, '\n');
	}
	return out->failed ? -1 : 0;
}

int
conf_print(const struct conf *conf, struct buf *out)
{
	enum conf_section section;
	size_t i;

	for (section = 0; section < CONF_IN_upstream; section++) {
		buf_printf(out, "%s[%s]\n", section > 0 ? "\n" : "",
		    conf_table_section(section));
		print_section(section, (const char *)conf +
		    conf_table_offset(section), out);
	}
	for (i = 0; i < conf->n_upstreams; i++) {
		buf_printf(out, "\n[upstream %s]\n", conf->upstreams[i].name);
		print_section(CONF_IN_upstream, &conf->upstreams[i], out);
	}
	return out->failed ? -1 : 0;
}

/*
 * Put text into an mdoc(7) page: short lines, each sentence beginning one,
 * and nothing that roff would take for a request or an escape. literal: it
 * is no prose, and not to be divided at a '-'.
 */
static void
put_text(struct buf *out, const char *text, bool literal)
{
	size_t column = 0, len, i;
	bool sentence_ends;

	for (;;) {
		len = strcspn(text, " ");
		if (column == 0 && (*text == '.' || *text == '\''))
			buf_puts(out, "\\&");
		for (i = 0; i < len; i++) {
			if (text[i] == '\\')
				buf_puts(out, "\\e");
			else if (text[i] == '-' && literal)
				buf_puts(out, "\\-");
			else
				buf_putc(out, text[i]);
		}
		sentence_ends = len > 0 && text[len - 1] == '.';
		column += len + 1;
		text += len;
		if (*text == '\0')
			break;
		text++;
		if (sentence_ends || column + strcspn(text, " ") > 72) {
			buf_putc(out, '\n');
			column = 0;
		} else {
			buf_putc(out, ' ');
		}
	}
	buf_putc(out, '\n');
}

/* What an option takes, in the manual's words. */
static const char *
argument_of(enum conf_type type)
{
	static const char *const words[] = {
		[CONF_TYPE_STRING] = "text",
		[CONF_TYPE_SWITCH] = "word",
		[CONF_TYPE_CHOICE] = "word",
		[CONF_TYPE_NUMBER] = "number",
		[CONF_TYPE_SIZE] = "size",
		[CONF_TYPE_DURATION] = "duration",
	};

	return words[type];
}

/* "cache" and "ttl" as they stand in a variable's name. */
static void
put_capitals(struct buf *out, const char *s)
{
	for (; *s != '\0'; s++)
		buf_putc(out, *s >= 'a' && *s <= 'z' ?
		    (char)(*s - 'a' + 'A') : *s);
}

static void
put_option(struct buf *out, const struct conf_option *option)
{
	buf_printf(out, ".It Cm %s No = Ar %s\n", option->name,
	    argument_of(option->type));
	put_text(out, option->help, false);
	buf_puts(out, ".Pp\n");
	if (option->type != CONF_TYPE_STRING) {
		buf_puts(out, option->min == NULL ? "Words: " : "Bounds: ");
		conf_value_range(option, out);
		buf_puts(out, ".\n");
	}
	buf_puts(out, "Environment:\n.Ev REPRISE_");
	put_capitals(out, conf_table_section(option->section));
	buf_puts(out, option->section == CONF_IN_upstream ? "_NAME_" : "_");
	put_capitals(out, option->name);
	buf_puts(out, " .\n");
	/* Last, so that no full stop seems to belong to it. */
	if (option->fallback[0] != '\0') {
		buf_puts(out, "Default:\n");
		put_text(out, option->fallback, true);
	}
}

static const char *const headings[CONF_SECTION_COUNT] = {
	[CONF_IN_server] =
	    ".Ss The [server] section\n"
	    "The handler itself.\n",
	[CONF_IN_cache] =
	    ".Ss The [cache] section\n"
	    "What is stored, where, and for how long.\n",
	[CONF_IN_flight] =
	    ".Ss The [flight] section\n"
	    "How requests share an upstream call, see\n"
	    ".Cm single_flight\nabove.\n",
	[CONF_IN_usage] =
	    ".Ss The [usage] section\n"
	    "How the tokens of an answer become known.\n",
	[CONF_IN_upstream] =
	    ".Ss The [upstream NAME] sections\n"
	    "An API that requests are forwarded to, one section each.\n"
	    "The name is made of letters, digits,\n"
	    ".Sq - ,\n.Sq _\nand\n.Sq \\&. .\n"
	    "Several whose\n.Cm models\n"
	    "list the same glob are a group: one of them is asked, and\n"
	    "another if that fails before its first byte.\n"
	    "In the environment NAME is written in capital letters, with\n"
	    ".Sq _\nfor\n.Sq -\nand\n.Sq \\&. ;\n"
	    "an upstream that is not in the file has its name in small "
	    "letters,\nand comes after those that are.\n",
};

static const char introduction[] =
    "Numbers are whole numbers.\n"
    "A size is a number of bytes, or of units of 1024 when\n"
    ".Cm K , M\nor\n.Cm G\nfollows it.\n"
    "A duration is a number of seconds, or of another unit when\n"
    ".Cm ms , s , m , h\nor\n.Cm d\nfollows it.\n"
    "A comment begins with\n"
    ".Sq \\&;\n"
    "at the start of a line or after a blank.\n"
    "An option from the environment overrides the one in the file.\n";

int
conf_print_manual(struct buf *out)
{
	const struct conf_option *option;
	int section;
	size_t i;

	buf_puts(out, introduction);
	for (section = 0; section < CONF_SECTION_COUNT; section++) {
		buf_puts(out, headings[section]);
		buf_puts(out, ".Bl -tag -width Ds\n");
		for (i = 0; i < CONF_OPTION_COUNT; i++) {
			option = conf_table_row((enum conf_option_id)i);
			if (option->section == (enum conf_section)section)
				put_option(out, option);
		}
		buf_puts(out, ".El\n");
	}
	return out->failed ? -1 : 0;
}
