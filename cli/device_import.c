/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device_import.h"

#include <string.h>
#include <sys/stat.h>

#include "cli/csv.h"
#include "cli/json_rows.h"
#include "cli/progress.h"
#include "cli/request.h"

enum {
    BATCH = 500,
    BATCH_MAX = 1000,
    BATCH_BYTES = 60 << 10, /* a request has at most 64 KiB */
    ERRORS_MAX = 1000,
    COLUMN_MAX = 64,
};

const struct mrl_cli_option mrl_device_import_options[] = {
    {"format", "csv|json", "What the file is; found out by itself when not given."},
    {"batch", "N",
     "Devices that are added together or not at all, up to 1000; 500 when not given."},
    {"dry-run", NULL, "Only says what would happen."},
    {NULL},
};
static const struct mrl_cli_column summary[] = {
    {"Added", "added"},
    {"Unchanged", "unchanged"},
    {"Refused", "refused"},
    {"Held back", "held_back"},
    {NULL},
};

struct counts {
    uint64_t added, unchanged, refused, held_back;
};

struct import {
    struct mrl_cli *cli;
    bool dry_run;
    uint64_t batch_max;
    FILE *in;
    bool is_csv;
    struct mrl_csv csv;
    char columns[MRL_CSV_FIELDS_MAX][COLUMN_MAX]; /* of CSV: its first record */
    size_t column_count;
    struct mrl_json_rows objects;
    json_t *rows; /* of the present batch */
    unsigned long lines[BATCH_MAX];
    size_t bytes;
    uint64_t wrong; /* rows of it that were found wrong here */
    struct counts counts;
    json_t *errors;
    struct mrl_cli_progress progress;
};

/* --- errors --- */

static mrl_exit keep_error(struct import *i, unsigned long line, mrl_bytes detail)
{
    json_t *o = mrl_json_object();
    MRL_SCOPED(mrl_buf) text = {0};

    i->counts.refused++;
    mrl_cli_progress_end(&i->progress);
    /* An unbounded buffer; a detail that is no text is left out. */
    (void)mrl_buf_printf(&text, "line %lu: %.*s", line, MRL_FMT(detail));
    if (!i->cli->json)
        mrl_cli_print_line(i->cli, mrl_buf_bytes(&text));
    (void)mrl_json_set_int(o, "line", (int64_t)line);
    (void)mrl_json_set_str(o, "detail", detail);
    if (mrl_json_append(i->errors, o) != MRL_OK || json_array_size(i->errors) >= ERRORS_MAX)
        return mrl_cli_fail(i->cli, MRL_EXIT_REFUSED, "%d errors are enough", ERRORS_MAX);
    return MRL_EXIT_OK;
}

/* --- sending --- */

static mrl_exit count_answer(struct import *i, const struct mrl_cli_answer *answer)
{
    int64_t added, unchanged;

    if (mrl_json_get_int(answer->json, "added", 0, BATCH_MAX, &added, &i->cli->why) != MRL_OK ||
        mrl_json_get_int(answer->json, "unchanged", 0, BATCH_MAX, &unchanged, &i->cli->why) !=
            MRL_OK)
        return MRL_EXIT_REFUSED;
    if (i->wrong > 0) { /* the others were only asked about */
        i->counts.held_back += json_array_size(i->rows);
        return MRL_EXIT_OK;
    }
    i->counts.added += (uint64_t)added;
    i->counts.unchanged += (uint64_t)unchanged;
    return MRL_EXIT_OK;
}

static mrl_exit keep_row_error(struct import *i, const json_t *error)
{
    size_t count = json_array_size(i->rows);
    int64_t row;

    if (count == 0 ||
        mrl_json_get_int(error, "row", 0, (int64_t)count - 1, &row, &i->cli->why) != MRL_OK)
        return mrl_cli_fail(i->cli, MRL_EXIT_REFUSED, "the server names a row that is none");
    return keep_error(i, i->lines[row], mrl_cli_text_of(error, "detail"));
}

/* What the server says about each row that it refuses. */
static mrl_exit read_refusal(struct import *i, const struct mrl_cli_answer *answer)
{
    const struct mrl_json_limits limits = {.bytes = 4 << 20, .depth = 8};
    MRL_AUTO(json_t) problem = NULL;
    json_t *errors = NULL, *error;
    size_t at;

    if (mrl_json_read(mrl_buf_bytes(&answer->raw.body), &limits, &problem, NULL) != MRL_OK ||
        mrl_json_get_array(problem, "errors", &errors, NULL) != MRL_OK)
        return MRL_EXIT_REFUSED; /* cli->why is the detail of the problem */
    json_array_foreach(errors, at, error)
    {
        MRL_EXIT_TRY(keep_row_error(i, error));
    }
    i->counts.held_back += json_array_size(i->rows) - json_array_size(errors);
    i->cli->why.text[0] = '\0';
    return MRL_EXIT_OK;
}

static mrl_exit ask(struct import *i)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_AUTO(json_t) body = mrl_json_object();
    mrl_exit code;

    if (mrl_json_set_bool(body, "dry_run", i->dry_run || i->wrong > 0) != MRL_OK ||
        mrl_json_set(body, "devices", json_incref(i->rows)) != MRL_OK)
        return mrl_cli_fail(i->cli, MRL_EXIT_REFUSED, "the batch cannot be sent");
    code = mrl_cli_ask(i->cli, "POST", MRL_LIT("/v1/devices:import"), body, &answer);
    if (code == MRL_EXIT_OK)
        return count_answer(i, &answer);
    return answer.raw.status == 422 ? read_refusal(i, &answer) : code;
}

static void show_progress(struct import *i)
{
    long at = ftell(i->in);

    if (at < 0)
        at = 0;
    if (i->progress.total < (uint64_t)at) /* a pipe has no end that is known */
        i->progress.total = (uint64_t)at;
    mrl_cli_progress(&i->progress, (uint64_t)at);
}

static mrl_exit send_batch(struct import *i)
{
    if (json_array_size(i->rows) > 0)
        MRL_EXIT_TRY(ask(i));
    (void)json_array_clear(i->rows);
    i->bytes = 0;
    i->wrong = 0;
    show_progress(i);
    return MRL_EXIT_OK;
}

/* --- rows --- */

static mrl_exit send_full_batch(struct import *i)
{
    return json_array_size(i->rows) + i->wrong >= i->batch_max ? send_batch(i) : MRL_EXIT_OK;
}

static mrl_exit keep_wrong_row(struct import *i, unsigned long line, const char *detail)
{
    i->wrong++;
    MRL_EXIT_TRY(keep_error(i, line, mrl_str(detail)));
    return send_full_batch(i);
}

/* Takes row. */
static mrl_exit add_row(struct import *i, unsigned long line, json_t *row)
{
    MRL_AUTO(json_t) owned = row;
    MRL_SCOPED(mrl_buf) text = {0};
    size_t count;

    if (mrl_json_write(row, &text) != MRL_OK || text.len > BATCH_BYTES)
        return keep_wrong_row(i, line, "cannot be sent");
    if (i->bytes + text.len + 1 > BATCH_BYTES)
        MRL_EXIT_TRY(send_batch(i));
    count = json_array_size(i->rows);
    i->lines[count] = line;
    i->bytes += text.len + 1;
    (void)mrl_json_append(i->rows, MRL_TAKE(owned)); /* an array takes any value */
    return send_full_batch(i);
}

/* --- CSV --- */

static bool is_column(const char *name)
{
    static const char attribute[] = "attr.";

    static const char *const names[] = {"id", "group", "note", "key", "serial", "ek"};

    for (size_t n = 0; n < MRL_COUNT(names); n++)
        if (strcmp(name, names[n]) == 0)
            return true;
    return (strncmp(name, attribute, strlen(attribute)) == 0 && name[strlen(attribute)] != '\0');
}

static bool has_column(const struct import *i, const char *name)
{
    for (size_t n = 0; n < i->column_count; n++)
        if (strcmp(i->columns[n], name) == 0)
            return true;
    return false;
}

static mrl_exit read_column(struct import *i, mrl_bytes field)
{
    char name[COLUMN_MAX];

    if (!mrl_bytes_to_cstr(field, name, sizeof(name)) || !is_column(name))
        return mrl_cli_fail(
            i->cli, MRL_EXIT_REFUSED,
            "line 1: column \"%.*s\": the columns are id, group, note, key, serial, ek, "
            "attr.NAME",
            MRL_FMT(field));
    if (has_column(i, name))
        return mrl_cli_fail(i->cli, MRL_EXIT_REFUSED, "line 1: column \"%s\" stands twice", name);
    memcpy(i->columns[i->column_count++], name, sizeof(name));
    return MRL_EXIT_OK;
}

static mrl_exit read_columns(struct import *i)
{
    mrl_err err = mrl_csv_next(&i->csv, &i->cli->why);

    if (err != MRL_OK && err != MRL_ERR_NOT_FOUND)
        return MRL_EXIT_REFUSED;
    for (size_t n = 0; n < i->csv.count; n++)
        MRL_EXIT_TRY(read_column(i, mrl_csv_field(&i->csv, n)));
    if (!has_column(i, "id"))
        return mrl_cli_fail(i->cli, MRL_EXIT_REFUSED, "line 1: there is no column \"id\"");
    return MRL_EXIT_OK;
}

/* An empty field says nothing. false: it is no text. */
static bool set_field(json_t *row, json_t *attributes, const char *column, mrl_bytes value)
{
    mrl_bytes name = mrl_str(column);

    if (value.len == 0)
        return true;
    if (!mrl_bytes_starts(name, MRL_LIT("attr.")))
        return mrl_json_set_str(row, column, value) == MRL_OK;
    return mrl_json_set_str(attributes, &column[strlen("attr.")], value) == MRL_OK;
}

static mrl_exit add_record(struct import *i)
{
    MRL_AUTO(json_t) row = mrl_json_object();
    MRL_AUTO(json_t) attributes = mrl_json_object();

    if (i->csv.count != i->column_count)
        return keep_wrong_row(i, i->csv.line, "another number of fields than columns");
    for (size_t n = 0; n < i->column_count; n++)
        if (!set_field(row, attributes, i->columns[n], mrl_csv_field(&i->csv, n)))
            return keep_wrong_row(i, i->csv.line, "not text in UTF-8");
    if (json_object_size(attributes) > 0)
        (void)mrl_json_set(row, "attributes", MRL_TAKE(attributes)); /* an object takes any */
    return add_row(i, i->csv.line, MRL_TAKE(row));
}

static mrl_exit read_csv(struct import *i)
{
    mrl_err err;

    MRL_EXIT_TRY(read_columns(i));
    while ((err = mrl_csv_next(&i->csv, &i->cli->why)) == MRL_OK)
        MRL_EXIT_TRY(add_record(i));
    return err == MRL_ERR_NOT_FOUND ? send_batch(i) : MRL_EXIT_REFUSED;
}

/* --- JSON --- */

static mrl_exit read_json(struct import *i)
{
    struct mrl_why why = {{0}};
    json_t *row = NULL;
    mrl_err err;

    while ((err = mrl_json_rows_next(&i->objects, &row, &why)) == MRL_OK ||
           err == MRL_ERR_INVALID) {
        if (err == MRL_OK)
            MRL_EXIT_TRY(add_row(i, i->objects.line, MRL_TAKE(row)));
        else
            MRL_EXIT_TRY(keep_wrong_row(i, i->objects.line, why.text));
    }
    if (err != MRL_ERR_NOT_FOUND)
        return mrl_cli_fail(i->cli, MRL_EXIT_REFUSED, "%s", why.text);
    return send_batch(i);
}

/* --- the whole --- */

static mrl_exit choose_format(struct import *i, const char *format)
{
    int first;

    if (format != NULL) {
        i->is_csv = strcmp(format, "csv") == 0;
        return MRL_EXIT_OK;
    }
    first = getc(i->in);
    if (first != EOF && ungetc(first, i->in) == EOF)
        return mrl_cli_fail(i->cli, MRL_EXIT_REFUSED, "the file cannot be read");
    i->is_csv = first != '[' && first != '{';
    return MRL_EXIT_OK;
}

static mrl_exit open_file(struct import *i, const char *path)
{
    struct stat st;

    i->in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (i->in == NULL)
        return mrl_cli_fail(i->cli, MRL_EXIT_REFUSED, "%s: %m", path);
    if (fstat(fileno(i->in), &st) == 0 && S_ISREG(st.st_mode))
        i->progress.total = (uint64_t)st.st_size;
    return MRL_EXIT_OK;
}

static mrl_exit print_summary(struct import *i)
{
    MRL_AUTO(json_t) o = mrl_json_object();

    if (mrl_json_set_int(o, "added", (int64_t)i->counts.added) != MRL_OK ||
        mrl_json_set_int(o, "unchanged", (int64_t)i->counts.unchanged) != MRL_OK ||
        mrl_json_set_int(o, "refused", (int64_t)i->counts.refused) != MRL_OK ||
        mrl_json_set_int(o, "held_back", (int64_t)i->counts.held_back) != MRL_OK ||
        mrl_json_set(o, "errors", json_incref(i->errors)) != MRL_OK)
        return mrl_cli_fail(i->cli, MRL_EXIT_REFUSED, "the result cannot be shown");
    if (i->cli->json)
        mrl_cli_print_json(i->cli, o);
    else
        mrl_cli_print_record(i->cli, summary, o);
    return MRL_EXIT_OK;
}

static mrl_exit read_all(struct import *i, const struct mrl_cli_arguments *given)
{
    MRL_EXIT_TRY(choose_format(i, mrl_cli_value(given, "format")));
    mrl_csv_init(&i->csv, i->in);
    mrl_json_rows_init(&i->objects, i->in);
    return i->is_csv ? read_csv(i) : read_json(i);
}

static void done(struct import *i)
{
    mrl_cli_progress_end(&i->progress);
    mrl_csv_done(&i->csv);
    mrl_json_rows_done(&i->objects);
    if (i->in != NULL && i->in != stdin)
        (void)fclose(i->in); /* only read */
}

mrl_exit mrl_device_import_run(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_AUTO(json_t) rows = mrl_json_array();
    MRL_AUTO(json_t) errors = mrl_json_array();
    struct import i = {.cli = cli, .batch_max = BATCH, .rows = rows, .errors = errors};
    mrl_exit code;

    i.progress = (struct mrl_cli_progress){.cli = cli, .what = "bytes read"};
    i.dry_run = mrl_cli_has(given, "dry-run");
    MRL_EXIT_TRY(mrl_cli_number(cli, given, "batch", BATCH_MAX, &i.batch_max));
    MRL_EXIT_TRY(open_file(&i, mrl_cli_operand(given, 0)));
    code = read_all(&i, given);
    i.counts.held_back += json_array_size(rows); /* read, and never sent */
    done(&i);
    MRL_EXIT_TRY(print_summary(&i));
    if (code == MRL_EXIT_OK && i.counts.refused > 0)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED,
                            "%llu rows are refused; their batches were not added",
                            (unsigned long long)i.counts.refused);
    return code;
}
