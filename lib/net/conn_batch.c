/* SPDX-License-Identifier: Apache-2.0 */
/* A message to many is sealed for some of them, then sent to these: what seals and what sends in
 * the kernel would else drive each other out of the instruction cache, each time. */
#include "net/conn_internal.h"

/* A frame that is not ended yet knows where in out it begins: out must not lose its beginning. */
static bool can_wait(const struct mrl_conn *c)
{
    return c->state == CONN_OPEN && c->tls != NULL && c->ws == NULL &&
           c->out.len <= MRL_BATCH_TEXT && mrl_loop_has_later(c->conns->config.loop);
}

static void add(struct mrl_conn_batch *b, struct mrl_conn *c, size_t record)
{
    b->entries[b->count++] =
        (struct mrl_batched){.conn = c, .text = c->out.len, .at = b->used, .len = record};
    b->used += record;
    c->batched = true;
}

static bool is_full(const struct mrl_conn_batch *b)
{
    return b->count == MRL_BATCH_MOST || MRL_BATCH_BYTES - b->used < MRL_BATCH_RECORD;
}

bool mrl_conn_batch(struct mrl_conn *c)
{
    struct mrl_conn_batch *b = &c->conns->batch;
    size_t record;
    mrl_err err;

    if (!can_wait(c))
        return false;
    err = mrl_tls_seal(c->tls, mrl_buf_bytes(&c->out), &b->data[b->used], &record);
    if (err == MRL_ERR_STATE)
        return false;
    if (err != MRL_OK) {
        mrl_conn_finish(c, MRL_END_LOST);
        return true;
    }
    add(b, c, record);
    mrl_loop_later(c->conns->config.loop, &b->send);
    if (is_full(b))
        mrl_conns_send_batch(c->conns);
    return true;
}

static void send_one(struct mrl_conn_batch *b, const struct mrl_batched *entry)
{
    struct mrl_conn *c = entry->conn;
    mrl_err err =
        mrl_tls_send_sealed(c->tls, mrl_bytes_of(&b->data[entry->at], entry->len), entry->text);

    c->batched = false;
    mrl_conn_sent(c, err == MRL_OK ? entry->text : 0, err);
}

/* What it calls may send the rest. */
void mrl_conns_send_batch(struct mrl_conns *cs)
{
    struct mrl_conn_batch *b = &cs->batch;

    while (b->next < b->count)
        send_one(b, &b->entries[b->next++]);
    b->next = b->count = b->used = 0;
}

void mrl_conn_leave_batch(struct mrl_conn *c)
{
    if (c->batched)
        mrl_conns_send_batch(c->conns);
}

static void on_turn_end(struct mrl_later *l)
{
    mrl_conns_send_batch(MRL_CONTAINER(l, struct mrl_conns, batch.send));
}

void mrl_conns_batch_init(struct mrl_conns *cs)
{
    cs->batch.send.run = on_turn_end;
}
