/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/csv.h"

void mrl_csv_init(struct mrl_csv *c, FILE *in)
{
    *c = (struct mrl_csv){.in = in, .next_line = 1, .text = {.limit = MRL_CSV_RECORD_MAX}};
}

void mrl_csv_done(struct mrl_csv *c)
{
    mrl_buf_done(&c->text);
}

static mrl_err wrong(const struct mrl_csv *c, struct mrl_why *why, const char *what)
{
    return mrl_fail(why, MRL_ERR_MALFORMED, "line %lu: %s", c->next_line, what);
}

/* The next character; a CR LF is one LF. */
static mrl_err take(struct mrl_csv *c, bool quoted, int *out, struct mrl_why *why)
{
    int ch = getc_unlocked(c->in);

    if (ch == '\r' && !quoted) {
        ch = getc_unlocked(c->in);
        if (ch != '\n')
            return wrong(c, why, "a carriage return without a line feed");
    }
    if (ch == 0)
        return wrong(c, why, "a zero byte");
    if (ch == EOF && ferror(c->in) != 0)
        return mrl_fail(why, MRL_ERR_IO, "line %lu: cannot be read", c->next_line);
    *out = ch;
    return MRL_OK;
}

static mrl_err put(struct mrl_csv *c, int ch, struct mrl_why *why)
{
    const uint8_t byte = (uint8_t)ch;

    if (mrl_buf_append(&c->text, mrl_bytes_of(&byte, 1)) != MRL_OK)
        return mrl_fail(why, MRL_ERR_LIMIT, "line %lu: a record has at most %d bytes", c->line,
                        MRL_CSV_RECORD_MAX);
    return MRL_OK;
}

/* Behind the opening quote. *after: what follows the closing one. RFC 4180 2.5 to 2.7 */
static mrl_err read_quoted(struct mrl_csv *c, int *after, struct mrl_why *why)
{
    for (;;) {
        int ch;

        MRL_TRY(take(c, /*quoted=*/true, &ch, why));
        if (ch == EOF)
            return mrl_fail(why, MRL_ERR_MALFORMED, "line %lu: a quote is never closed", c->line);
        if (ch == '"') {
            MRL_TRY(take(c, /*quoted=*/false, after, why));
            if (*after != '"')
                break;
        }
        c->next_line += ch == '\n';
        MRL_TRY(put(c, ch, why));
    }
    if (*after != ',' && *after != '\n' && *after != EOF)
        return wrong(c, why, "text behind a closing quote");
    return MRL_OK;
}

/* RFC 4180 2.5: a quote stands in quoted fields only. */
static mrl_err read_plain(struct mrl_csv *c, int ch, int *after, struct mrl_why *why)
{
    while (ch != ',' && ch != '\n' && ch != EOF) {
        if (ch == '"')
            return wrong(c, why, "a quote inside a field that is not quoted");
        MRL_TRY(put(c, ch, why));
        MRL_TRY(take(c, /*quoted=*/false, &ch, why));
    }
    *after = ch;
    return MRL_OK;
}

/* ch: its first character. *after: the comma or line end behind it. */
static mrl_err read_field(struct mrl_csv *c, int ch, int *after, struct mrl_why *why)
{
    if (c->count == MRL_CSV_FIELDS_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "line %lu: more than %d fields", c->line,
                        MRL_CSV_FIELDS_MAX);
    MRL_TRY(ch == '"' ? read_quoted(c, after, why) : read_plain(c, ch, after, why));
    c->ends[c->count++] = c->text.len;
    return MRL_OK;
}

/* A file may begin with U+FEFF, as spreadsheets write it. */
static mrl_err skip_mark(struct mrl_csv *c, int *ch, struct mrl_why *why)
{
    int second, third;

    if (*ch != 0xef || c->line != 1)
        return MRL_OK;
    MRL_TRY(take(c, /*quoted=*/true, &second, why));
    MRL_TRY(take(c, /*quoted=*/true, &third, why));
    if (second != 0xbb || third != 0xbf)
        return wrong(c, why, "not text in UTF-8");
    return take(c, /*quoted=*/false, ch, why);
}

mrl_err mrl_csv_next(struct mrl_csv *c, struct mrl_why *why)
{
    int ch;

    c->line = c->next_line;
    c->count = 0;
    mrl_buf_clear(&c->text);
    MRL_TRY(take(c, /*quoted=*/false, &ch, why));
    MRL_TRY(skip_mark(c, &ch, why));
    if (ch == EOF)
        return MRL_ERR_NOT_FOUND;
    MRL_TRY(read_field(c, ch, &ch, why));
    while (ch == ',') {
        MRL_TRY(take(c, /*quoted=*/false, &ch, why));
        MRL_TRY(read_field(c, ch, &ch, why));
    }
    c->next_line++;
    return MRL_OK;
}

mrl_bytes mrl_csv_field(const struct mrl_csv *c, size_t i)
{
    size_t from = i == 0 ? 0 : c->ends[i - 1];

    return mrl_bytes_sub(mrl_buf_bytes(&c->text), from, c->ends[i] - from);
}
