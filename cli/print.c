/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/print.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"
#include "cli/times.h"

const json_t *mrl_cli_member(const json_t *object, const char *dotted)
{
    mrl_bytes left = mrl_str(dotted), word;
    bool more = true;
    char name[64];

    while (more && object != NULL) {
        more = mrl_bytes_split(left, '.', &word, &left);
        object = mrl_bytes_to_cstr(word, name, sizeof(name)) ? json_object_get(object, name) : NULL;
    }
    return object;
}

mrl_bytes mrl_cli_text_of(const json_t *object, const char *dotted)
{
    const json_t *text = mrl_cli_member(object, dotted);

    if (!json_is_string(text))
        return MRL_BYTES_NONE;
    return mrl_bytes_of(json_string_value(text), json_string_length(text));
}

static mrl_err format_time(int64_t wall_ms, struct mrl_buf *out)
{
    char text[MRL_TIMES_TEXT];

    mrl_times_format(wall_ms, text);
    return mrl_buf_append(out, mrl_str(text));
}

static mrl_err format_string(const json_t *value, struct mrl_buf *out)
{
    mrl_bytes text = mrl_bytes_of(json_string_value(value), json_string_length(value));
    int64_t wall_ms;

    return mrl_times_parse(text, &wall_ms) ? format_time(wall_ms, out) : mrl_buf_append(out, text);
}

static mrl_err format_list(const json_t *list, struct mrl_buf *out)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (i > 0)
            MRL_TRY(mrl_buf_append(out, MRL_LIT(", ")));
        MRL_TRY(mrl_cli_format(json_array_get(list, i), out));
    }
    return MRL_OK;
}

mrl_err mrl_cli_format(const json_t *value, struct mrl_buf *out)
{
    if (value == NULL || json_is_null(value))
        return MRL_OK;
    if (json_is_string(value))
        return format_string(value, out);
    if (json_is_array(value))
        return format_list(value, out);
    if (json_is_boolean(value))
        return mrl_buf_append(out, json_is_true(value) ? MRL_LIT("yes") : MRL_LIT("no"));
    return mrl_json_write(value, out);
}

mrl_err mrl_cli_format_ms(const json_t *value, struct mrl_buf *out)
{
    return json_is_integer(value) ? format_time(json_integer_value(value), out)
                                  : mrl_cli_format(value, out);
}

/* A cell as it is printed. Buffers have no limit here: memory exhaustion aborts. */
static void make_cell(const struct mrl_cli_column *column, const json_t *item, struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) plain = {0};
    const json_t *value = mrl_cli_member(item, column->member);
    mrl_err err =
        column->format != NULL ? column->format(value, &plain) : mrl_cli_format(value, &plain);

    if (err != MRL_OK || mrl_text_escape(mrl_buf_bytes(&plain), out) != MRL_OK)
        mrl_buf_clear(out);
}

static void put(struct mrl_cli *cli, mrl_bytes text)
{
    if (text.len > 0)
        (void)fwrite(text.data, 1, text.len, cli->out); /* the stream remembers an error */
}

static void put_padded(struct mrl_cli *cli, mrl_bytes text, size_t width)
{
    put(cli, text);
    for (size_t w = mrl_text_width(text); w < width; w++)
        (void)fputc(' ', cli->out);
}

struct table {
    const struct mrl_cli_column *columns;
    size_t column_count, row_count;
    struct mrl_buf *cells; /* row by row */
    size_t widths[MRL_CLI_COLUMNS_MAX];
};

static void fill(struct table *t, const json_t *items)
{
    t->row_count = json_array_size(items);
    while (t->column_count < MRL_CLI_COLUMNS_MAX && t->columns[t->column_count].title != NULL)
        t->column_count++;
    t->cells = calloc(t->row_count * t->column_count + 1, sizeof(*t->cells));
    if (t->cells == NULL)
        abort();
    for (size_t c = 0; c < t->column_count; c++) {
        t->widths[c] = strlen(t->columns[c].title);
        if (t->widths[c] < t->columns[c].least)
            t->widths[c] = t->columns[c].least;
        for (size_t row = 0; row < t->row_count; row++) {
            struct mrl_buf *cell = &t->cells[row * t->column_count + c];
            size_t width;

            make_cell(&t->columns[c], json_array_get(items, row), cell);
            width = mrl_text_width(mrl_buf_bytes(cell));
            t->widths[c] = width > t->widths[c] ? width : t->widths[c];
        }
    }
}

static void empty(struct table *t)
{
    for (size_t i = 0; i < t->row_count * t->column_count; i++)
        mrl_buf_done(&t->cells[i]);
    free(t->cells);
}

static void print_cell(struct mrl_cli *cli, const struct table *t, size_t column, mrl_bytes text)
{
    bool last = column + 1 == t->column_count;

    put_padded(cli, text, last ? 0 : t->widths[column]);
    put(cli, last ? MRL_LIT("\n") : MRL_LIT("  "));
}

static void print_titles(struct mrl_cli *cli, const struct table *t)
{
    if (cli->colour)
        put(cli, MRL_LIT("\x1b[1m"));
    for (size_t c = 0; c < t->column_count; c++)
        print_cell(cli, t, c, mrl_str(t->columns[c].title));
    if (cli->colour)
        put(cli, MRL_LIT("\x1b[0m"));
}

void mrl_cli_print_rows(struct mrl_cli *cli, const struct mrl_cli_column *columns,
                        const json_t *items, bool titles)
{
    struct table t = {.columns = columns};

    fill(&t, items);
    if (titles)
        print_titles(cli, &t);
    for (size_t row = 0; row < t.row_count; row++)
        for (size_t c = 0; c < t.column_count; c++)
            print_cell(cli, &t, c, mrl_buf_bytes(&t.cells[row * t.column_count + c]));
    empty(&t);
}

void mrl_cli_print_table(struct mrl_cli *cli, const struct mrl_cli_column *columns,
                         const json_t *items, const char *what)
{
    if (json_array_size(items) == 0 && cli->terminal)
        mrl_cli_say(cli, "no %s", what);
    else
        mrl_cli_print_rows(cli, columns, items, /*titles=*/true);
}

void mrl_cli_print_record(struct mrl_cli *cli, const struct mrl_cli_column *columns,
                          const json_t *object)
{
    size_t width = 0;

    for (const struct mrl_cli_column *c = columns; c->title != NULL; c++)
        width = strlen(c->title) > width ? strlen(c->title) : width;
    for (const struct mrl_cli_column *c = columns; c->title != NULL; c++) {
        MRL_SCOPED(mrl_buf) cell = {0};

        make_cell(c, object, &cell);
        if (cell.len == 0)
            continue;
        (void)fprintf(cli->out, "%s:%*s", c->title, (int)(width - strlen(c->title) + 2), "");
        put(cli, mrl_buf_bytes(&cell));
        put(cli, MRL_LIT("\n"));
    }
}

void mrl_cli_print_json(struct mrl_cli *cli, const json_t *json)
{
    size_t flags = cli->terminal ? JSON_INDENT(2) | JSON_ENSURE_ASCII : JSON_COMPACT;

    (void)json_dumpf(json, cli->out, flags | JSON_ENCODE_ANY); /* the stream remembers an error */
    put(cli, MRL_LIT("\n"));
}

void mrl_cli_print_text(struct mrl_cli *cli, mrl_bytes text)
{
    mrl_bytes line;

    if (!cli->terminal) {
        put(cli, text);
        return;
    }
    while (text.len > 0) {
        (void)mrl_bytes_split(text, '\n', &line, &text); /* no LF: the last line */
        mrl_cli_print_line(cli, line);
    }
}

void mrl_cli_print_line(struct mrl_cli *cli, mrl_bytes text)
{
    MRL_SCOPED(mrl_buf) visible = {0};

    if (mrl_text_escape(text, &visible) == MRL_OK)
        put(cli, mrl_buf_bytes(&visible));
    put(cli, MRL_LIT("\n"));
}

void mrl_cli_say(struct mrl_cli *cli, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    int len;

    if (cli->json)
        return;
    va_start(args, format);
    len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        abort();
    mrl_cli_print_line(cli, mrl_bytes_of(text, (size_t)len));
    free(text);
}
