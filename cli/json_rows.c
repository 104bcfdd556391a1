/* SPDX-License-Identifier: Apache-2.0 */
/* Only finds where an object ends; whether it is one, mrl_json_read says. */
#include "cli/json_rows.h"

static const struct mrl_json_limits limits = {.bytes = MRL_JSON_ROW_MAX, .depth = 8};

void mrl_json_rows_init(struct mrl_json_rows *r, FILE *in)
{
    *r = (struct mrl_json_rows){
        .in = in, .next_line = 1, .first = true, .text = {.limit = MRL_JSON_ROW_MAX}};
}

void mrl_json_rows_done(struct mrl_json_rows *r)
{
    mrl_buf_done(&r->text);
}

static mrl_err take(struct mrl_json_rows *r, int *out, struct mrl_why *why)
{
    int ch = getc_unlocked(r->in);

    if (ch == EOF && ferror(r->in) != 0)
        return mrl_fail(why, MRL_ERR_IO, "line %lu: cannot be read", r->next_line);
    r->next_line += ch == '\n';
    *out = ch;
    return MRL_OK;
}

/* RFC 8259 2: what may stand between two tokens. */
static mrl_err skip_blanks(struct mrl_json_rows *r, int *out, struct mrl_why *why)
{
    do
        MRL_TRY(take(r, out, why));
    while (*out == ' ' || *out == '\t' || *out == '\n' || *out == '\r');
    return MRL_OK;
}

static mrl_err wrong(const struct mrl_json_rows *r, struct mrl_why *why, const char *wanted)
{
    return mrl_fail(why, MRL_ERR_MALFORMED, "line %lu: %s is missing here", r->next_line, wanted);
}

static mrl_err end_array(struct mrl_json_rows *r, struct mrl_why *why)
{
    int ch;

    MRL_TRY(skip_blanks(r, &ch, why));
    if (ch != EOF)
        return mrl_fail(why, MRL_ERR_MALFORMED, "line %lu: something behind the array",
                        r->next_line);
    r->state = MRL_ROWS_END;
    return MRL_ERR_NOT_FOUND;
}

/* To the "{" of the next object. */
static mrl_err find_object(struct mrl_json_rows *r, struct mrl_why *why)
{
    int ch;

    MRL_TRY(skip_blanks(r, &ch, why));
    if (r->state == MRL_ROWS_START) {
        r->state = ch == '[' ? MRL_ROWS_ARRAY : MRL_ROWS_PLAIN;
        if (ch == '[')
            MRL_TRY(skip_blanks(r, &ch, why));
    }
    if (r->state == MRL_ROWS_ARRAY) {
        if (ch == ']')
            return end_array(r, why);
        if (!r->first && ch != ',')
            return wrong(r, why, "a comma or \"]\"");
        if (!r->first)
            MRL_TRY(skip_blanks(r, &ch, why));
        r->first = false;
    } else if (ch == EOF) {
        return MRL_ERR_NOT_FOUND;
    }
    return ch == '{' ? MRL_OK : wrong(r, why, "the \"{\" of an object");
}

struct scan {
    unsigned depth;
    bool text; /* between two quotes */
    bool escaped;
};

static void step(struct scan *s, int ch)
{
    if (s->escaped)
        s->escaped = false;
    else if (s->text && ch == '\\')
        s->escaped = true;
    else if (ch == '"')
        s->text = !s->text;
    else if (!s->text && ch == '{')
        s->depth++;
    else if (!s->text && ch == '}')
        s->depth--;
}

/* From its "{", which was read, to its "}". */
static mrl_err copy_object(struct mrl_json_rows *r, struct mrl_why *why)
{
    struct scan s = {0};
    int ch = '{';

    r->line = r->next_line;
    mrl_buf_clear(&r->text);
    for (;;) {
        const uint8_t byte = (uint8_t)ch;

        if (mrl_buf_append(&r->text, mrl_bytes_of(&byte, 1)) != MRL_OK)
            return mrl_fail(why, MRL_ERR_LIMIT, "line %lu: an object has at most %d bytes", r->line,
                            MRL_JSON_ROW_MAX);
        step(&s, ch);
        if (s.depth == 0)
            return MRL_OK;
        MRL_TRY(take(r, &ch, why));
        if (ch == EOF)
            return mrl_fail(why, MRL_ERR_MALFORMED, "line %lu: an object never ends", r->line);
    }
}

mrl_err mrl_json_rows_next(struct mrl_json_rows *r, json_t **out, struct mrl_why *why)
{
    if (r->state == MRL_ROWS_END)
        return MRL_ERR_NOT_FOUND;
    MRL_TRY(find_object(r, why));
    MRL_TRY(copy_object(r, why));
    return mrl_json_read(mrl_buf_bytes(&r->text), &limits, out, why) == MRL_OK ? MRL_OK
                                                                               : MRL_ERR_INVALID;
}
