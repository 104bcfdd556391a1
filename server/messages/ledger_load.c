/* SPDX-License-Identifier: Apache-2.0 */
/* Start: the tables are read once, side by side in the order of the sessions. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "messages/envelope.h"
#include "messages/keep.h"
#include "messages/topic_tree.h"

struct loaded_message {
    struct mrl_map_node node;
    int64_t id;
    struct mrl_publication *publication; /* NULL: it does not open */
    struct mrl_stored *stored;
};

/* One table, ordered by the session its rows belong to. */
struct cursor {
    struct mrl_rows *rows;
    bool there; /* on a row */
};

/* Of a session that was connected: what its client may have got. */
struct left {
    int64_t session;
    int64_t sent;
};

struct loading {
    struct mrl_ledger *ledger;
    const struct mrl_ledger_places *where;
    struct mrl_ledger_found found;
    struct mrl_map messages;
    struct mrl_buf plain;
    struct mrl_buf retained_gone; /* row numbers */
    struct mrl_buf left;          /* struct left */
    bool orphans;
    bool refused; /* some sessions are to end */
    int64_t now;  /* as rows count it */
};

static mrl_bytes key_of(const int64_t *id)
{
    return mrl_bytes_of(id, sizeof(*id));
}

static void raise(_Atomic int64_t *last, int64_t to)
{
    if (to > atomic_load(last))
        atomic_store(last, to);
}

/* NULL: it does not open. It stays where it is, and with it what an operator may find out. */
static struct mrl_publication *open_envelope(struct loading *l, const char *table,
                                             const char *column, int64_t row, mrl_bytes sealed)
{
    char memory[MRL_SEAL_NUMBER_MAX];
    const struct mrl_seal_place at = {table, column, mrl_seal_row_number(row, memory)};
    struct mrl_publication p;
    struct mrl_why why = {{0}};
    mrl_err err;

    mrl_buf_clear(&l->plain);
    err = mrl_unseal(l->ledger->config.sealer, &at, sealed, &l->plain, &why);
    if (err == MRL_OK)
        err = mrl_envelope_read(mrl_buf_bytes(&l->plain), &p);
    if (err == MRL_OK)
        return mrl_publication_new(&p);
    if (l->found.damaged++ == 0)
        l->found.first = why;
    return NULL;
}

static void set_expiry(const struct loading *l, struct mrl_publication *p, int64_t expires)
{
    p->expires_ms = expires == 0 ? 0 : mrl_ledger_monotonic(l->ledger, expires);
}

static void add_message(struct loading *l, int64_t id, struct mrl_publication *p)
{
    struct loaded_message *m = calloc(1, sizeof(*m));

    if (m == NULL || (m->stored = calloc(1, sizeof(*m->stored))) == NULL)
        abort();
    m->id = m->stored->id = id;
    atomic_init(&m->stored->refs, 1);
    m->publication = p;
    m->node.key = key_of(&m->id);
    mrl_map_insert(&l->messages, &m->node);
    l->found.messages += p != NULL;
}

static mrl_err load_messages(struct loading *l, struct mrl_tx *tx)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx, "SELECT id, expires, sealed FROM mqtt_messages ORDER BY id",
                         MRL_NO_ARGS, &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        int64_t id = mrl_row_int(rows, 0);
        struct mrl_publication *p =
            open_envelope(l, "mqtt_messages", "sealed", id, mrl_row_bytes(rows, 2));

        raise(&l->ledger->last_message, id);
        if (p != NULL)
            set_expiry(l, p, mrl_row_int(rows, 1));
        add_message(l, id, p);
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static void gone(struct loading *l, int64_t row)
{
    (void)mrl_buf_append(&l->retained_gone, key_of(&row)); /* no limit set: cannot fail */
}

/* Rows of one topic follow each other: the last counts, one without payload, or whose time is over,
 * takes them away. */
static void load_retained_row(struct loading *l, int64_t id, int64_t expires,
                              struct mrl_publication *p)
{
    const struct mrl_publication nothing = {.topic = p->topic};
    int64_t older = 0;
    bool over;

    set_expiry(l, p, expires);
    over = p->payload.len == 0 || mrl_publication_expired(p, mrl_monotonic_ms());
    mrl_retained_load(l->where->retained, over ? &nothing : p, id, &older);
    if (older != 0)
        gone(l, older);
    if (over)
        gone(l, id);
    mrl_publication_unref(p);
}

static mrl_err load_retained(struct loading *l, struct mrl_tx *tx)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx, "SELECT id, expires, sealed FROM mqtt_retained ORDER BY id",
                         MRL_NO_ARGS, &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        int64_t id = mrl_row_int(rows, 0), expires = mrl_row_int(rows, 1);
        struct mrl_publication *p;

        raise(&l->ledger->last_retained, id);
        p = open_envelope(l, "mqtt_retained", "sealed", id, mrl_row_bytes(rows, 2));
        if (p != NULL)
            load_retained_row(l, id, expires, p);
    }
    l->found.retained = mrl_retained_count(l->where->retained);
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err advance(struct cursor *c)
{
    mrl_err err = mrl_rows_next(c->rows);

    c->there = err == MRL_OK;
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err open_cursor(struct mrl_tx *tx, const char *sql, struct cursor *c)
{
    MRL_TRY(mrl_tx_query(tx, sql, MRL_NO_ARGS, &c->rows));
    return advance(c);
}

/* Stands on a row of this session; those of sessions that are gone are passed. */
static mrl_err seek(struct loading *l, struct cursor *c, int64_t session, bool *found)
{
    while (c->there && mrl_row_int(c->rows, 0) < session) {
        l->orphans = true;
        MRL_TRY(advance(c));
    }
    *found = c->there && mrl_row_int(c->rows, 0) == session;
    return MRL_OK;
}

/* Ours always are; a database can be changed by hand. */
static bool is_valid(mrl_bytes filter, const struct mrl_subscribe_options *o)
{
    return filter.len > 0 && mrl_topic_levels(filter) <= MRL_TOPIC_LEVELS_MAX && o->qos <= 2;
}

static mrl_err load_subscriptions(struct loading *l, struct cursor *c, struct mrl_session *s)
{
    bool found;

    MRL_TRY(seek(l, c, s->row, &found));
    while (found) {
        const struct mrl_subscribe_options o =
            mrl_keep_unpack((uint8_t)mrl_row_int(c->rows, 2), (uint32_t)mrl_row_int(c->rows, 3));

        if (is_valid(mrl_row_bytes(c->rows, 1), &o))
            mrl_subscription_restore(s, mrl_row_bytes(c->rows, 1), &o);
        l->found.subscriptions++;
        MRL_TRY(advance(c));
        MRL_TRY(seek(l, c, s->row, &found));
    }
    return MRL_OK;
}

static mrl_err load_owed(struct loading *l, struct cursor *c, struct mrl_session *s)
{
    bool found;

    MRL_TRY(seek(l, c, s->row, &found));
    while (found) {
        raise(&l->ledger->last_retained, mrl_row_int(c->rows, 3)); /* of rows that are gone */
        mrl_subscription_restore_owed(s, mrl_row_bytes(c->rows, 1),
                                      (uint64_t)mrl_row_int(c->rows, 2),
                                      (uint64_t)mrl_row_int(c->rows, 3));
        MRL_TRY(advance(c));
        MRL_TRY(seek(l, c, s->row, &found));
    }
    return MRL_OK;
}

static mrl_err load_early(struct loading *l, struct cursor *c, struct mrl_session *s)
{
    bool found;

    MRL_TRY(seek(l, c, s->row, &found));
    while (found) {
        mrl_subscription_restore_early(s, mrl_row_bytes(c->rows, 1),
                                       (uint64_t)mrl_row_int(c->rows, 2));
        MRL_TRY(advance(c));
        MRL_TRY(seek(l, c, s->row, &found));
    }
    return MRL_OK;
}

/* A message is removed when its last receiver had it, by that one's worker: what the others have to
 * say of their entries may have been on its way still. So the receiver of this one had it, too, and
 * at QoS 2 it awaits PUBREL: without it its packet id would never be free. */
static bool entry_of_a_removed_message(struct loading *l, struct mrl_restored_entry *e)
{
    if ((e->flags & MRL_ENTRY_QOS2) == 0) {
        l->orphans = true;
        return false;
    }
    e->flags |= MRL_ENTRY_RELEASED;
    return true;
}

/* False: there is nothing to go on with. */
static bool find_message(struct loading *l, int64_t id, struct mrl_restored_entry *e)
{
    struct mrl_map_node *n = mrl_map_find(&l->messages, key_of(&id));
    const struct loaded_message *m;

    if ((e->flags & MRL_ENTRY_RELEASED) != 0)
        return true;
    if (n == NULL)
        return entry_of_a_removed_message(l, e);
    m = MRL_CONTAINER(n, struct loaded_message, node);
    if (m->publication == NULL)
        return false;
    atomic_fetch_add(&m->stored->refs, 1);
    e->publication = mrl_publication_ref(m->publication);
    e->stored = m->stored;
    return true;
}

/* One that was connected may have got as many as may be in flight. What a member may have got at
 * QoS 2 the rows know: it is lost, or comes twice, when its session ends. */
static bool may_have_left(const struct mrl_restored_entry *e, const struct mrl_session *s,
                          bool connected)
{
    enum { MEMBERS = MRL_ENTRY_SHARED | MRL_ENTRY_QOS2 };

    if ((e->flags & MEMBERS) == MEMBERS)
        return (e->flags & MRL_ENTRY_WAITING) == 0;
    return e->seq <= s->sent ||
           (connected && s->queued_count + s->flying_count < s->receive_maximum);
}

static void load_entry(struct loading *l, const struct mrl_rows *rows, struct mrl_session *s,
                       bool connected)
{
    struct mrl_restored_entry e = {.seq = (uint64_t)mrl_row_int(rows, 1),
                                   .flags = (uint8_t)mrl_row_int(rows, 3),
                                   .identifiers = mrl_row_bytes(rows, 4)};

    if (e.seq > s->last_seq)
        s->last_seq = e.seq;
    if (!find_message(l, mrl_row_int(rows, 2), &e))
        return;
    mrl_delivery_restore(s, &e, may_have_left(&e, s, connected));
    l->found.entries++;
}

static mrl_err load_queue(struct loading *l, struct cursor *c, struct mrl_session *s,
                          bool connected)
{
    bool found;

    MRL_TRY(seek(l, c, s->row, &found));
    while (found) {
        raise(&l->ledger->last_message, mrl_row_int(c->rows, 2));
        load_entry(l, c->rows, s, connected);
        MRL_TRY(advance(c));
        MRL_TRY(seek(l, c, s->row, &found));
    }
    return MRL_OK;
}

/* Else the next start would take its row for one that tells what left. */
static void note_left(struct loading *l, const struct mrl_session *s)
{
    const struct left left = {s->row, (int64_t)s->sent};

    (void)mrl_buf_append(&l->left, mrl_bytes_of(&left, sizeof(left))); /* no limit set */
}

static mrl_err load_received(struct loading *l, struct cursor *c, struct mrl_session *s)
{
    bool found;

    MRL_TRY(seek(l, c, s->row, &found));
    while (found) {
        mrl_received_restore(s, (uint16_t)mrl_row_int(c->rows, 1));
        MRL_TRY(advance(c));
        MRL_TRY(seek(l, c, s->row, &found));
    }
    return MRL_OK;
}

/* Columns as load_sessions asks for them. */
static struct mrl_session *load_session(struct loading *l, const struct mrl_rows *rows)
{
    const struct mrl_session_key key = {.principal_kind = (uint8_t)mrl_row_int(rows, 1),
                                        .principal = mrl_row_bytes(rows, 2),
                                        .client_id = mrl_row_bytes(rows, 3)};
    const struct mrl_session_row row = {.version = mrl_row_int(rows, 10),
                                        .expiry_s = (uint32_t)mrl_row_int(rows, 4),
                                        .ends = mrl_row_int(rows, 5),
                                        .sent = (uint64_t)mrl_row_int(rows, 6),
                                        .will_delay_s = (uint32_t)mrl_row_int(rows, 7),
                                        .will_life_ms = (uint64_t)mrl_row_int(rows, 8)};
    int64_t id = mrl_row_int(rows, 0);
    unsigned home = l->where->home(&key, l->where->hub_count);
    struct mrl_publication *will = NULL;

    if (!mrl_row_null(rows, 9))
        will = open_envelope(l, "mqtt_sessions", "will", id, mrl_row_bytes(rows, 9));
    raise(&l->ledger->last_session, id);
    l->found.sessions++;
    return mrl_session_restore(l->where->hubs[home], &key, id, &row, will);
}

struct tables {
    struct cursor sessions, subscriptions, owed, early, queue, received;
};

static mrl_err walk(struct loading *l, struct tables *t)
{
    bool left;

    while (t->sessions.there) {
        struct mrl_session *s = load_session(l, t->sessions.rows);
        bool connected = mrl_row_int(t->sessions.rows, 5) == 0;
        uint64_t sent = s->sent;

        MRL_TRY(load_subscriptions(l, &t->subscriptions, s));
        MRL_TRY(load_owed(l, &t->owed, s));
        MRL_TRY(load_early(l, &t->early, s));
        MRL_TRY(load_queue(l, &t->queue, s, connected));
        if (s->sent != sent)
            note_left(l, s);
        MRL_TRY(load_received(l, &t->received, s));
        l->refused |= !mrl_hub_judge_kept(s); /* here what it asks for is in the cache */
        MRL_TRY(advance(&t->sessions));
    }
    MRL_TRY(seek(l, &t->subscriptions, INT64_MAX, &left));
    MRL_TRY(seek(l, &t->owed, INT64_MAX, &left));
    MRL_TRY(seek(l, &t->early, INT64_MAX, &left));
    MRL_TRY(seek(l, &t->queue, INT64_MAX, &left));
    return seek(l, &t->received, INT64_MAX, &left);
}

static mrl_err open_tables(struct mrl_tx *tx, struct tables *t)
{
    MRL_TRY(open_cursor(tx,
                        "SELECT id, kind, principal, client, expiry, ends, sent, will_delay,"
                        " will_life, will, version FROM mqtt_sessions ORDER BY id",
                        &t->sessions));
    MRL_TRY(open_cursor(tx,
                        "SELECT session, filter, options, identifier FROM mqtt_subscriptions"
                        " ORDER BY session, filter",
                        &t->subscriptions));
    MRL_TRY(open_cursor(tx,
                        "SELECT session, filter, passed, until FROM mqtt_owed"
                        " ORDER BY session, filter",
                        &t->owed));
    MRL_TRY(open_cursor(tx,
                        "SELECT session, filter, number FROM mqtt_owed_early"
                        " ORDER BY session, filter",
                        &t->early));
    MRL_TRY(open_cursor(tx,
                        "SELECT session, seq, message, flags, identifiers FROM mqtt_queue"
                        " ORDER BY session, seq",
                        &t->queue));
    return open_cursor(tx, "SELECT session, packet FROM mqtt_received ORDER BY session",
                       &t->received);
}

static mrl_err load_sessions(struct loading *l, struct mrl_tx *tx)
{
    struct tables t = {0};
    mrl_err err = open_tables(tx, &t);

    if (err == MRL_OK)
        err = walk(l, &t);
    mrl_rows_free(t.sessions.rows);
    mrl_rows_free(t.subscriptions.rows);
    mrl_rows_free(t.owed.rows);
    mrl_rows_free(t.early.rows);
    mrl_rows_free(t.queue.rows);
    mrl_rows_free(t.received.rows);
    return err;
}

static mrl_err load_all(struct mrl_tx *tx, void *context)
{
    struct loading *l = context;

    MRL_TRY(mrl_ledger_read_clock(l->ledger, tx));
    l->now = mrl_ledger_wall(l->ledger, mrl_monotonic_ms());
    MRL_TRY(load_messages(l, tx));
    MRL_TRY(load_retained(l, tx));
    return load_sessions(l, tx);
}

/* A message nobody refers to was on its way when the process ended. */
static void drop_messages(struct loading *l)
{
    struct mrl_map_node *n;

    while ((n = mrl_map_pop(&l->messages)) != NULL) {
        struct loaded_message *m = MRL_CONTAINER(n, struct loaded_message, node);

        if (atomic_fetch_sub(&m->stored->refs, 1) == 1) {
            l->orphans |= m->publication != NULL; /* a damaged one is left alone */
            free(m->stored);
        }
        mrl_publication_unref(m->publication);
        free(m);
    }
    mrl_map_done(&l->messages);
}

struct tidying {
    struct mrl_write write;
    struct loading *loading;
};

/* Of QoS 1; what is released has no message. */
static const char removed_entries[] = "DELETE FROM mqtt_queue WHERE (flags & 5) = 0 AND"
                                      " message NOT IN (SELECT id FROM mqtt_messages)";

static mrl_err remove_orphans(struct mrl_tx *tx)
{
    static const char *const statements[] = {
        "DELETE FROM mqtt_subscriptions WHERE session NOT IN (SELECT id FROM mqtt_sessions)",
        "DELETE FROM mqtt_owed WHERE session NOT IN (SELECT id FROM mqtt_sessions)",
        "DELETE FROM mqtt_owed_early WHERE session NOT IN (SELECT id FROM mqtt_sessions)",
        "DELETE FROM mqtt_queue WHERE session NOT IN (SELECT id FROM mqtt_sessions)",
        "DELETE FROM mqtt_received WHERE session NOT IN (SELECT id FROM mqtt_sessions)",
        "DELETE FROM mqtt_messages WHERE id NOT IN (SELECT message FROM mqtt_queue)",
        removed_entries,
    };

    for (size_t i = 0; i < MRL_COUNT(statements); i++)
        MRL_TRY(mrl_tx_exec(tx, statements[i], MRL_NO_ARGS, NULL));
    return MRL_OK;
}

static mrl_err write_left(struct mrl_tx *tx, mrl_bytes all)
{
    struct left one;

    for (size_t at = 0; at < all.len; at += sizeof(one)) {
        memcpy(&one, all.data + at, sizeof(one));
        MRL_TRY(mrl_tx_exec(tx, "UPDATE mqtt_sessions SET sent = $2 WHERE id = $1",
                            MRL_ARGS(MRL_INT(one.session), MRL_INT(one.sent)), NULL));
    }
    return MRL_OK;
}

static mrl_err tidy(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct loading *l = MRL_CONTAINER(w, struct tidying, write)->loading;
    mrl_bytes rows = mrl_buf_bytes(&l->retained_gone);

    if (l->orphans)
        MRL_TRY(remove_orphans(tx));
    for (size_t at = 0; at < rows.len; at += sizeof(int64_t)) {
        int64_t row;

        memcpy(&row, rows.data + at, sizeof(row));
        MRL_TRY(mrl_tx_exec(tx, "DELETE FROM mqtt_retained WHERE id = $1", MRL_ARGS(MRL_INT(row)),
                            NULL));
    }
    MRL_TRY(write_left(tx, mrl_buf_bytes(&l->left)));
    return mrl_tx_exec(tx, "UPDATE mqtt_sessions SET ends = $1 + expiry * 1000 WHERE ends = 0",
                       MRL_ARGS(MRL_INT(l->now)), NULL);
}

static void end_refused(const struct loading *l)
{
    for (unsigned i = 0; l->refused && i < l->where->hub_count; i++)
        mrl_hub_end_refused(l->where->hubs[i]);
}

mrl_err mrl_ledger_load(struct mrl_ledger *l, const struct mrl_ledger_places *where,
                        struct mrl_ledger_found *out, struct mrl_why *why)
{
    struct loading loading = {.ledger = l, .where = where};
    struct tidying job = {.write = {.run = tidy, .why = why}, .loading = &loading};
    mrl_err err;

    mrl_retained_number(where->retained, NULL);
    err = mrl_store_read(l->config.store, load_all, &loading);
    mrl_retained_number(where->retained, &l->last_retained);
    drop_messages(&loading);
    if (err == MRL_OK)
        err = mrl_store_write(l->config.store, &job.write);
    if (err == MRL_OK)
        end_refused(&loading);
    mrl_buf_done(&loading.plain);
    mrl_buf_done(&loading.retained_gone);
    mrl_buf_done(&loading.left);
    *out = loading.found;
    return err;
}
