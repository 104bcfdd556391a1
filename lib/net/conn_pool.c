/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/secret.h"
#include "net/conn_internal.h"

enum {
    SPARE_MAX = 64,
    SPARE_LARGEST = 64 << 10, /* larger ones are rare and not kept */
    FIRST_SIZE = MRL_TLS_READ,
};

void mrl_conns_lend(struct mrl_conns *cs, struct mrl_buf *b)
{
    const struct mrl_buf of = *b;
    uint8_t *to;

    if (b->data != NULL)
        return;
    if (cs->spare_count > 0)
        *b = cs->spare[--cs->spare_count];
    b->limit = of.limit;
    b->secret = of.secret;
    (void)mrl_buf_reserve(b, FIRST_SIZE, &to); /* within every limit */
    cs->counts.buffers++;
}

void mrl_conns_take_back(struct mrl_conns *cs, struct mrl_buf *b)
{
    if (b->data == NULL)
        return;
    cs->counts.buffers--;
    if (b->cap > SPARE_LARGEST || cs->spare_count == SPARE_MAX) {
        mrl_buf_done(b);
        return;
    }
    if (b->secret)
        mrl_wipe(b->data, b->cap);
    mrl_buf_clear(b);
    cs->spare[cs->spare_count] = *b;
    cs->spare[cs->spare_count++].secret = false;
    *b = (struct mrl_buf){.limit = b->limit};
}

mrl_err mrl_conns_new(const struct mrl_conns_config *config, struct mrl_conns **out)
{
    enum { DEFAULT_TIMEOUT_MS = 10000, DEFAULT_HANDSHAKES = 1000 };
    struct mrl_conns *cs = calloc(1, sizeof(*cs));
    struct mrl_buf *spare = calloc(SPARE_MAX, sizeof(*spare));

    if (cs == NULL || spare == NULL)
        abort();
    cs->config = *config;
    cs->spare = spare;
    mrl_list_init(&cs->all);
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
    for (size_t i = 0; i < cs->spare_count; i++)
        mrl_buf_done(&cs->spare[i]);
    free(cs->spare);
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
