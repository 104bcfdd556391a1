/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the API as tables for people, or as JSON for programs. Layer: cli.
 * Every text of a table goes through mrl_text_escape. Writing fails late: mrl_cli_main looks at the
 * stream once, at the end. */
#ifndef MRL_CLI_PRINT_H
#define MRL_CLI_PRINT_H

#include "base/json.h"
#include "cli/cli.h"

enum { MRL_CLI_COLUMNS_MAX = 12 };

struct mrl_cli_column {
    const char *title;
    const char *member; /* "state", or "actor.id" for a member of a member */
    /* Appends value (NULL: absent) as plain text, not escaped yet. NULL: by its type; see below. */
    mrl_err (*format)(const json_t *value, struct mrl_buf *out);
    size_t least; /* width, so that tables printed one after the other stand below each other */
};

/* Absent: nothing. Text that is a time in RFC 3339: local time. Lists: words with ", " between.
 * Objects: JSON. */
mrl_err mrl_cli_format(const json_t *value, struct mrl_buf *out);
mrl_err mrl_cli_format_ms(const json_t *value, struct mrl_buf *out); /* milliseconds since 1970 */

/* The member by its dotted name; NULL: absent. Borrowed from object. */
const json_t *mrl_cli_member(const json_t *object, const char *dotted);
/* The text of a member; empty: absent or no text. Borrowed from object. */
mrl_bytes mrl_cli_text_of(const json_t *object, const char *dotted);

/* One line an item, columns aligned; columns ends with one without title. Without items: a line
 * "no <what>" when out is a terminal, else only the titles. */
void mrl_cli_print_table(struct mrl_cli *cli, const struct mrl_cli_column *columns,
                         const json_t *items, const char *what);
/* The same without that line; titles may be left out. */
void mrl_cli_print_rows(struct mrl_cli *cli, const struct mrl_cli_column *columns,
                        const json_t *items, bool titles);
/* One line a column, "Title:  value"; what is absent or empty is left out. */
void mrl_cli_print_record(struct mrl_cli *cli, const struct mrl_cli_column *columns,
                          const json_t *object);
/* JSON as it is, in one line; on a terminal with line breaks and everything beyond ASCII escaped,
 * which is the same JSON and moves no cursor. */
void mrl_cli_print_json(struct mrl_cli *cli, const json_t *json);
/* A text of the server that is printed as it is (metrics, PEM), on a terminal
 * each line escaped. */
void mrl_cli_print_text(struct mrl_cli *cli, mrl_bytes text);
/* One line, escaped. */
void mrl_cli_print_line(struct mrl_cli *cli, mrl_bytes text);
/* One line for people, escaped as a whole: with -o json nothing. */
void mrl_cli_say(struct mrl_cli *cli, const char *format, ...) MRL_PRINTF(2, 3);

#endif
