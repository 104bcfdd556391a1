/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/log.h"
#include "audit/read.h"
#include "base/clock.h"

/* Entries of one statement: three values each, as many as a statement takes. */
enum { ROWS = 10, VALUES = 3 };
_Static_assert(ROWS *VALUES <= MRL_STORE_ARGS_MAX, "the values of one statement");

static const char insert_one[] = "INSERT INTO audit_entries (seq, json, private)"
                                 " VALUES ($1, $2, $3)";
static const char insert_rows[] =
    "INSERT INTO audit_entries (seq, json, private) VALUES ($1, $2, $3), ($4, $5, $6),"
    " ($7, $8, $9), ($10, $11, $12), ($13, $14, $15), ($16, $17, $18), ($19, $20, $21),"
    " ($22, $23, $24), ($25, $26, $27), ($28, $29, $30)";

mrl_err mrl_audit_last(struct mrl_tx *tx, uint64_t *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(tx, "SELECT seq FROM audit_entries ORDER BY seq DESC LIMIT 1",
                                   MRL_NO_ARGS, &rows);

    *out = err == MRL_OK ? (uint64_t)mrl_row_int(rows, 0) : 0;
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

struct mrl_seal_place mrl_audit_private_place(uint64_t seq, char memory[static MRL_SEAL_NUMBER_MAX])
{
    return (struct mrl_seal_place){"audit_entries", "private",
                                   mrl_seal_row_number((int64_t)seq, memory)};
}

static mrl_bytes since(const struct mrl_buf *b, size_t at)
{
    return mrl_bytes_sub(mrl_buf_bytes(b), at, b->len - at);
}

static mrl_err seal_openings(struct mrl_audit *a, const struct mrl_audit_openings *openings,
                             uint64_t seq, struct mrl_value *to)
{
    char memory[MRL_SEAL_NUMBER_MAX];
    const struct mrl_seal_place place = mrl_audit_private_place(seq, memory);
    size_t plain = a->scratch.len, sealed;

    *to = MRL_NULL;
    if (openings->count == 0)
        return MRL_OK;
    MRL_TRY(mrl_audit_openings_write(openings, &a->scratch));
    sealed = a->scratch.len;
    MRL_TRY(mrl_seal(a->sealer, &place, since(&a->scratch, plain), &a->scratch));
    *to = MRL_BLOB(since(&a->scratch, sealed));
    return MRL_OK;
}

/* One entry as the values of its row; views of the scratch memory. */
static mrl_err make_row(struct mrl_audit *a, const struct mrl_audit_event *e, uint64_t seq,
                        struct mrl_value to[static VALUES])
{
    struct mrl_audit_private private;
    size_t at = a->scratch.len;

    MRL_TRY(mrl_audit_write_json(e, seq, mrl_str(a->node), &private, &a->scratch));
    to[0] = MRL_INT(seq);
    to[1] = MRL_TEXT(since(&a->scratch, at));
    return seal_openings(a, &private.openings, seq, &to[2]);
}

/* The scratch memory must not move while values point into it. */
static mrl_err start_rows(struct mrl_audit *a, size_t count)
{
    uint8_t *space;

    mrl_buf_clear(&a->scratch);
    return mrl_buf_reserve(&a->scratch, count * MRL_AUDIT_ROW_MAX, &space);
}

static mrl_err insert(struct mrl_tx *tx, struct mrl_audit *a, const struct mrl_audit_event *e,
                      size_t count, uint64_t first)
{
    struct mrl_value values[ROWS * VALUES];

    MRL_TRY(start_rows(a, count));
    for (size_t i = 0; i < count; i++)
        MRL_TRY(make_row(a, &e[i], first + i, &values[i * VALUES]));
    return mrl_tx_exec(tx, count == 1 ? insert_one : insert_rows, values, count * VALUES, NULL);
}

/* The last number is read from the transaction itself and kept nowhere: a savepoint that is undone
 * takes its entries along, and the next one has the number that is really free. */
mrl_err mrl_audit_append_many(struct mrl_tx *tx, const struct mrl_audit_event *events, size_t count,
                              uint64_t *first)
{
    struct mrl_audit *a = mrl_tx_attached(tx);
    uint64_t last;

    MRL_ENSURE(a != NULL, MRL_ERR_STATE);
    MRL_TRY(mrl_audit_last(tx, &last));
    for (size_t i = 0; i < count;) {
        size_t some = count - i >= ROWS ? ROWS : 1;

        MRL_TRY(insert(tx, a, &events[i], some, last + i + 1));
        i += some;
    }
    a->appended += count;
    if (first != NULL)
        *first = last + 1;
    return MRL_OK;
}

mrl_err mrl_audit_append(struct mrl_tx *tx, const struct mrl_audit_event *e, uint64_t *seq)
{
    return mrl_audit_append_many(tx, e, 1, seq);
}

static mrl_err found_one(void *context, const struct mrl_audit_row *row)
{
    (void)row;
    *(bool *)context = true;
    return MRL_OK;
}

mrl_err mrl_audit_append_once(struct mrl_tx *tx, const struct mrl_audit_event *e)
{
    /* No name of an action is the beginning of another: a test sees to it. */
    const struct mrl_audit_filter same = {
        .action_prefix = mrl_str(mrl_audit_action_name(e->action)), .limit = 1};
    bool found = false;

    MRL_TRY(mrl_audit_list(tx, &same, found_one, &found));
    return found ? MRL_OK : mrl_audit_append(tx, e, NULL);
}
