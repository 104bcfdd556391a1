/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/events.h"

void mrl_events_done(struct mrl_events *e)
{
    mrl_buf_done(&e->line);
    mrl_buf_done(&e->data);
}

/* An event without data is none. */
static mrl_err dispatch(struct mrl_events *e, mrl_events_see *see, void *context)
{
    mrl_bytes data = mrl_buf_bytes(&e->data);
    bool more = true;

    if (data.len > 0) {
        data.len--; /* the LF after its last line */
        more = see(context, e->name[0] == '\0' ? "message" : e->name, data);
    }
    mrl_buf_clear(&e->data);
    e->name[0] = '\0';
    return more ? MRL_OK : MRL_ERR_CLOSED;
}

static mrl_err take_field(struct mrl_events *e, mrl_bytes name, mrl_bytes value)
{
    if (value.len > 0 && value.data[0] == ' ')
        value = mrl_bytes_sub(value, 1, value.len);
    if (mrl_bytes_eq(name, MRL_LIT("event"))) {
        (void)mrl_bytes_to_cstr(value, e->name, sizeof(e->name)); /* a long one is none of ours */
        return MRL_OK;
    }
    if (!mrl_bytes_eq(name, MRL_LIT("data")))
        return MRL_OK; /* "id" and "retry" mean nothing to who does not reconnect */
    MRL_TRY(mrl_buf_append(&e->data, value));
    return mrl_buf_append(&e->data, MRL_LIT("\n"));
}

static mrl_err take_line(struct mrl_events *e, mrl_events_see *see, void *context)
{
    mrl_bytes line = mrl_buf_bytes(&e->line), name, value;
    mrl_err err;

    if (!e->begun && mrl_bytes_starts(line, MRL_LIT("\xef\xbb\xbf")))
        line = mrl_bytes_sub(line, 3, line.len);
    e->begun = true;
    if (line.len == 0) {
        err = dispatch(e, see, context);
    } else {
        (void)mrl_bytes_split(line, ':', &name, &value); /* no colon: no value */
        err = take_field(e, name, value);                /* a comment has no name */
    }
    mrl_buf_clear(&e->line);
    return err;
}

/* Up to the next CR or LF, or all of it. */
static size_t plain_bytes(mrl_bytes piece)
{
    size_t cr = mrl_bytes_find(piece, '\r', 0), lf = mrl_bytes_find(piece, '\n', 0);

    return cr < lf ? cr : lf;
}

mrl_err mrl_events_feed(struct mrl_events *e, mrl_bytes piece, mrl_events_see *see, void *context)
{
    e->line.limit = MRL_EVENTS_LINE_MAX;
    e->data.limit = MRL_EVENTS_DATA_MAX;
    while (piece.len > 0) {
        size_t plain = plain_bytes(piece);
        bool joined = e->after_cr && plain == 0 && piece.data[0] == '\n';

        e->after_cr = false;
        if (!joined)
            MRL_TRY(mrl_buf_append(&e->line, mrl_bytes_sub(piece, 0, plain)));
        if (plain == piece.len)
            return MRL_OK;
        e->after_cr = piece.data[plain] == '\r';
        if (!joined)
            MRL_TRY(take_line(e, see, context));
        piece = mrl_bytes_sub(piece, plain + 1, piece.len);
    }
    return MRL_OK;
}
