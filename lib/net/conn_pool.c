/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/secret.h"
#include "net/conn_internal.h"

enum {
    SPARE_LARGE = 64,
    SPARE_SMALL = 1024,       /* a message to a thousand: each connection has one for a moment */
    SPARE_LARGEST = 64 << 10, /* larger ones are rare and not kept */
};

static struct mrl_spare *spare_of(struct mrl_conns *cs, size_t size)
{
    return size < MRL_TLS_READ ? &cs->small : &cs->large;
}

void mrl_conns_lend(struct mrl_conns *cs, struct mrl_buf *b, size_t size)
{
    struct mrl_spare *spare = spare_of(cs, size);
    const struct mrl_buf of = *b;
    uint8_t *to;

    if (b->data != NULL)
        return;
    if (spare->count > 0)
        *b = spare->stack[--spare->count];
    b->limit = of.limit;
    b->secret = of.secret;
    (void)mrl_buf_reserve(b, size, &to); /* within every limit */
    cs->counts.buffers++;
}

void mrl_conns_take_back(struct mrl_conns *cs, struct mrl_buf *b)
{
    struct mrl_spare *spare;

    if (b->data == NULL)
        return;
    mrl_buf_clear(b); /* all of its memory, with what was consumed */
    spare = spare_of(cs, b->cap);
    cs->counts.buffers--;
    if (b->cap > SPARE_LARGEST || spare->count == spare->most) {
        mrl_buf_done(b);
        return;
    }
    if (b->secret)
        mrl_wipe(b->data, b->cap);
    spare->stack[spare->count] = *b;
    spare->stack[spare->count++].secret = false;
    *b = (struct mrl_buf){.limit = b->limit};
}

static struct mrl_spare make_spare(size_t most)
{
    struct mrl_spare spare = {.stack = calloc(most, sizeof(*spare.stack)), .most = most};

    if (spare.stack == NULL)
        abort();
    return spare;
}

static void free_spare(struct mrl_spare *spare)
{
    for (size_t i = 0; i < spare->count; i++)
        mrl_buf_done(&spare->stack[i]);
    free(spare->stack);
}

mrl_err mrl_conns_new(const struct mrl_conns_config *config, struct mrl_conns **out)
{
    enum { DEFAULT_TIMEOUT_MS = 10000, DEFAULT_HANDSHAKES = 1000 };
    struct mrl_conns *cs = calloc(1, sizeof(*cs));

    if (cs == NULL)
        abort();
    cs->config = *config;
    cs->large = make_spare(SPARE_LARGE);
    cs->small = make_spare(SPARE_SMALL);
    mrl_list_init(&cs->all);
    mrl_conns_batch_init(cs);
    if (cs->config.handshake_timeout_ms == 0)
        cs->config.handshake_timeout_ms = DEFAULT_TIMEOUT_MS;
    if (cs->config.handshakes_limit == 0)
        cs->config.handshakes_limit = DEFAULT_HANDSHAKES;
    *out = cs;
    return MRL_OK;
}

void mrl_conns_free(struct mrl_conns *cs)
{
    if (cs == NULL)
        return;
    while (!mrl_list_empty(&cs->all)) {
        struct mrl_conn *c = MRL_CONTAINER(cs->all.next, struct mrl_conn, node);

        if (c->state == CONN_OPEN || c->state == CONN_CLOSING)
            mrl_conn_flush(c);
        mrl_conn_finish(c, MRL_END_SHUTDOWN);
        mrl_conn_destroy(c);
    }
    mrl_loop_later_cancel(&cs->batch.send);
    free_spare(&cs->large);
    free_spare(&cs->small);
    free(cs);
}

struct mrl_conns_counts mrl_conns_count(const struct mrl_conns *cs)
{
    return cs->counts;
}

struct mrl_loop *mrl_conns_loop(const struct mrl_conns *cs)
{
    return cs->config.loop;
}
