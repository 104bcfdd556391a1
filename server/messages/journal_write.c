/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of a batch as statements, on the writer thread. Each leaves the same rows when it
 * runs twice, for a batch may be tried again. */
#include "messages/envelope.h"
#include "messages/journal.h"

/* Memory of one batch: a publication in the clear and its envelope. */
struct scratch {
    struct mrl_tx *tx;
    struct mrl_sealer *sealer;
    struct mrl_buf plain;
    struct mrl_buf sealed;
};

static mrl_err seal(struct scratch *s, const char *table, const char *column, int64_t row,
                    const struct mrl_publication *p)
{
    char memory[MRL_SEAL_NUMBER_MAX];
    const struct mrl_seal_place at = {table, column, mrl_seal_row_number(row, memory)};

    mrl_buf_clear(&s->plain);
    mrl_buf_clear(&s->sealed);
    MRL_TRY(mrl_envelope_write(p, &s->plain));
    return mrl_seal(s->sealer, &at, mrl_buf_bytes(&s->plain), &s->sealed);
}

static mrl_err insert_session(struct scratch *s, const struct mrl_op *op, struct mrl_value will)
{
    const struct mrl_session_row *row = &op->row;

    return mrl_tx_exec(
        s->tx,
        "INSERT INTO mqtt_sessions (id, kind, principal, client, expiry, ends, sent, will_delay,"
        " will_life, version, will) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
        " ON CONFLICT DO NOTHING",
        MRL_ARGS(MRL_INT(op->session), MRL_INT(row->principal_kind),
                 MRL_TEXT(mrl_bytes_sub(mrl_op_tail(op), 0, row->principal_len)),
                 MRL_TEXT(mrl_bytes_sub(mrl_op_tail(op), row->principal_len, op->tail_len)),
                 MRL_INT(row->expiry_s), MRL_INT(row->ends), MRL_INT(row->sent),
                 MRL_INT(row->will_delay_s), MRL_INT((int64_t)row->will_life_ms),
                 MRL_INT(row->version), will),
        NULL);
}

/* What went together with messages of other workers may come late: it must neither bring back a
 * session that is gone nor an older state. */
static mrl_err update_session(struct scratch *s, const struct mrl_op *op, struct mrl_value will)
{
    const struct mrl_session_row *row = &op->row;

    return mrl_tx_exec(s->tx,
                       "UPDATE mqtt_sessions SET expiry = $2, ends = $3, sent = $4,"
                       " will_delay = $5, version = $6, will = $7, will_life = $8"
                       " WHERE id = $1 AND version < $6",
                       MRL_ARGS(MRL_INT(op->session), MRL_INT(row->expiry_s), MRL_INT(row->ends),
                                MRL_INT(row->sent), MRL_INT(row->will_delay_s),
                                MRL_INT(row->version), will, MRL_INT((int64_t)row->will_life_ms)),
                       NULL);
}

static mrl_err write_session(struct scratch *s, const struct mrl_op *op)
{
    struct mrl_value will = MRL_NULL;

    if (op->publication != NULL) {
        MRL_TRY(seal(s, "mqtt_sessions", "will", op->session, op->publication));
        will = MRL_BLOB(mrl_buf_bytes(&s->sealed));
    }
    return op->row.first ? insert_session(s, op, will) : update_session(s, op, will);
}

static mrl_err remove_session(struct scratch *s, const struct mrl_op *op)
{
    static const char *const statements[] = {
        "DELETE FROM mqtt_sessions WHERE id = $1",
        "DELETE FROM mqtt_subscriptions WHERE session = $1",
        "DELETE FROM mqtt_owed WHERE session = $1",
        "DELETE FROM mqtt_owed_early WHERE session = $1",
        "DELETE FROM mqtt_queue WHERE session = $1",
        "DELETE FROM mqtt_received WHERE session = $1",
    };

    for (size_t i = 0; i < MRL_COUNT(statements); i++)
        MRL_TRY(mrl_tx_exec(s->tx, statements[i], MRL_ARGS(MRL_INT(op->session)), NULL));
    return MRL_OK;
}

static mrl_err write_subscription(struct scratch *s, const struct mrl_op *op)
{
    return mrl_tx_exec(s->tx,
                       "INSERT INTO mqtt_subscriptions (session, filter, options, identifier)"
                       " VALUES ($1, $2, $3, $4) ON CONFLICT (session, filter) DO UPDATE"
                       " SET options = $3, identifier = $4",
                       MRL_ARGS(MRL_INT(op->session), MRL_TEXT(mrl_op_tail(op)), MRL_INT(op->flags),
                                MRL_INT(op->identifier)),
                       NULL);
}

static mrl_err remove_subscription(struct scratch *s, const struct mrl_op *op)
{
    return mrl_tx_exec(s->tx, "DELETE FROM mqtt_subscriptions WHERE session = $1 AND filter = $2",
                       MRL_ARGS(MRL_INT(op->session), MRL_TEXT(mrl_op_tail(op))), NULL);
}

static mrl_err remove_early(struct scratch *s, const struct mrl_op *op)
{
    return mrl_tx_exec(s->tx, "DELETE FROM mqtt_owed_early WHERE session = $1 AND filter = $2",
                       MRL_ARGS(MRL_INT(op->session), MRL_TEXT(mrl_op_tail(op))), NULL);
}

static mrl_err write_owed(struct scratch *s, const struct mrl_op *op)
{
    if (op->number == 0) /* all is owed, again perhaps */
        MRL_TRY(remove_early(s, op));
    return mrl_tx_exec(s->tx,
                       "INSERT INTO mqtt_owed (session, filter, passed, until)"
                       " VALUES ($1, $2, $3, $4) ON CONFLICT (session, filter) DO UPDATE"
                       " SET passed = $3, until = $4",
                       MRL_ARGS(MRL_INT(op->session), MRL_TEXT(mrl_op_tail(op)),
                                MRL_INT(op->number), MRL_INT(op->message)),
                       NULL);
}

static mrl_err remove_owed(struct scratch *s, const struct mrl_op *op)
{
    MRL_TRY(remove_early(s, op));
    return mrl_tx_exec(s->tx, "DELETE FROM mqtt_owed WHERE session = $1 AND filter = $2",
                       MRL_ARGS(MRL_INT(op->session), MRL_TEXT(mrl_op_tail(op))), NULL);
}

static mrl_err write_early(struct scratch *s, const struct mrl_op *op)
{
    return mrl_tx_exec(
        s->tx,
        "INSERT INTO mqtt_owed_early (session, filter, number) VALUES ($1, $2, $3)"
        " ON CONFLICT DO NOTHING",
        MRL_ARGS(MRL_INT(op->session), MRL_TEXT(mrl_op_tail(op)), MRL_INT(op->number)), NULL);
}

static mrl_err write_message(struct scratch *s, const struct mrl_op *op)
{
    MRL_TRY(seal(s, "mqtt_messages", "sealed", op->number, op->publication));
    return mrl_tx_exec(
        s->tx,
        "INSERT INTO mqtt_messages (id, expires, sealed) VALUES ($1, $2, $3)"
        " ON CONFLICT (id) DO UPDATE SET expires = $2, sealed = $3",
        MRL_ARGS(MRL_INT(op->number), MRL_INT(op->expires), MRL_BLOB(mrl_buf_bytes(&s->sealed))),
        NULL);
}

static mrl_err remove_message(struct scratch *s, const struct mrl_op *op)
{
    return mrl_tx_exec(s->tx, "DELETE FROM mqtt_messages WHERE id = $1",
                       MRL_ARGS(MRL_INT(op->number)), NULL);
}

static mrl_err write_entry(struct scratch *s, const struct mrl_op *op)
{
    struct mrl_value identifiers = op->tail_len > 0 ? MRL_BLOB(mrl_op_tail(op)) : MRL_NULL;

    return mrl_tx_exec(s->tx,
                       "INSERT INTO mqtt_queue (session, seq, message, flags, identifiers)"
                       " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (session, seq) DO UPDATE"
                       " SET message = $3, flags = $4, identifiers = $5",
                       MRL_ARGS(MRL_INT(op->session), MRL_INT(op->number), MRL_INT(op->message),
                                MRL_INT(op->flags), identifiers),
                       NULL);
}

static mrl_err begin_entry(struct scratch *s, const struct mrl_op *op)
{
    return mrl_tx_exec(s->tx, "UPDATE mqtt_queue SET flags = $3 WHERE session = $1 AND seq = $2",
                       MRL_ARGS(MRL_INT(op->session), MRL_INT(op->number), MRL_INT(op->flags)),
                       NULL);
}

static mrl_err release_entry(struct scratch *s, const struct mrl_op *op)
{
    return mrl_tx_exec(s->tx,
                       "UPDATE mqtt_queue SET message = 0, flags = $3, identifiers = NULL"
                       " WHERE session = $1 AND seq = $2",
                       MRL_ARGS(MRL_INT(op->session), MRL_INT(op->number), MRL_INT(op->flags)),
                       NULL);
}

static mrl_err remove_entry(struct scratch *s, const struct mrl_op *op)
{
    return mrl_tx_exec(s->tx, "DELETE FROM mqtt_queue WHERE session = $1 AND seq = $2",
                       MRL_ARGS(MRL_INT(op->session), MRL_INT(op->number)), NULL);
}

static mrl_err write_received(struct scratch *s, const struct mrl_op *op)
{
    return mrl_tx_exec(s->tx,
                       "INSERT INTO mqtt_received (session, packet) VALUES ($1, $2)"
                       " ON CONFLICT DO NOTHING",
                       MRL_ARGS(MRL_INT(op->session), MRL_INT(op->number)), NULL);
}

static mrl_err remove_received(struct scratch *s, const struct mrl_op *op)
{
    return mrl_tx_exec(s->tx, "DELETE FROM mqtt_received WHERE session = $1 AND packet = $2",
                       MRL_ARGS(MRL_INT(op->session), MRL_INT(op->number)), NULL);
}

static mrl_err write_retained(struct scratch *s, const struct mrl_op *op)
{
    MRL_TRY(seal(s, "mqtt_retained", "sealed", op->number, op->publication));
    return mrl_tx_exec(
        s->tx,
        "INSERT INTO mqtt_retained (id, expires, sealed) VALUES ($1, $2, $3)"
        " ON CONFLICT (id) DO UPDATE SET expires = $2, sealed = $3",
        MRL_ARGS(MRL_INT(op->number), MRL_INT(op->expires), MRL_BLOB(mrl_buf_bytes(&s->sealed))),
        NULL);
}

static mrl_err remove_retained(struct scratch *s, const struct mrl_op *op)
{
    return mrl_tx_exec(s->tx, "DELETE FROM mqtt_retained WHERE id = $1",
                       MRL_ARGS(MRL_INT(op->number)), NULL);
}

static mrl_err write_nothing(struct scratch *s, const struct mrl_op *op)
{
    (void)s;
    (void)op;
    return MRL_OK;
}

static mrl_err (*const run[MRL_OP_KINDS_])(struct scratch *, const struct mrl_op *) = {
    [MRL_OP_SESSION] = write_session,
    [MRL_OP_SESSION_GONE] = remove_session,
    [MRL_OP_SUBSCRIPTION] = write_subscription,
    [MRL_OP_SUBSCRIPTION_GONE] = remove_subscription,
    [MRL_OP_OWED] = write_owed,
    [MRL_OP_OWED_GONE] = remove_owed,
    [MRL_OP_OWED_EARLY] = write_early,
    [MRL_OP_MESSAGE] = write_message,
    [MRL_OP_MESSAGE_GONE] = remove_message,
    [MRL_OP_ENTRY] = write_entry,
    [MRL_OP_ENTRY_BEGUN] = begin_entry,
    [MRL_OP_ENTRY_RELEASED] = release_entry,
    [MRL_OP_ENTRY_GONE] = remove_entry,
    [MRL_OP_RECEIVED] = write_received,
    [MRL_OP_RECEIVED_GONE] = remove_received,
    [MRL_OP_RETAINED] = write_retained,
    [MRL_OP_RETAINED_GONE] = remove_retained,
    [MRL_OP_NOTHING] = write_nothing,
};

mrl_err mrl_journal_write(struct mrl_tx *tx, struct mrl_ledger *l, const struct mrl_list *ops)
{
    struct scratch s = {.tx = tx, .sealer = l->config.sealer};
    mrl_err err = MRL_OK;

    for (const struct mrl_list *link = ops->next; link != ops && err == MRL_OK; link = link->next) {
        const struct mrl_op *op = MRL_CONTAINER(link, struct mrl_op, link);

        err = run[op->kind](&s, op);
    }
    mrl_buf_done(&s.plain);
    mrl_buf_done(&s.sealed);
    return err;
}
