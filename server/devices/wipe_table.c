/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/wipe_table.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

struct node {
    struct mrl_map_node in_table;
    struct mrl_fingerprint certificate;
    char order[MRL_WIPE_ORDER_TEXT];
    int64_t until_s;
    uint8_t key[MRL_SHA256_SIZE];
    size_t spki_len;
    uint8_t spki[]; /* no longer than it is: there may be a million of these */
};

struct mrl_wipe_table {
    pthread_mutex_t lock;
    struct mrl_map orders; /* struct node, by certificate */
};

static void lock(struct mrl_wipe_table *t)
{
    (void)pthread_mutex_lock(&t->lock); /* our own, not recursive: cannot fail */
}

static void unlock(struct mrl_wipe_table *t)
{
    (void)pthread_mutex_unlock(&t->lock);
}

struct mrl_wipe_table *mrl_wipe_table_new(void)
{
    struct mrl_wipe_table *t = calloc(1, sizeof(*t));

    if (t == NULL || pthread_mutex_init(&t->lock, NULL) != 0)
        abort();
    return t;
}

static void node_free(struct mrl_map_node *n)
{
    if (n != NULL)
        free(MRL_CONTAINER(n, struct node, in_table));
}

void mrl_wipe_table_free(struct mrl_wipe_table *t)
{
    struct mrl_map_node *n;

    if (t == NULL)
        return;
    while ((n = mrl_map_pop(&t->orders)) != NULL)
        node_free(n);
    mrl_map_done(&t->orders);
    (void)pthread_mutex_destroy(&t->lock); /* nobody holds it */
    free(t);
}

static struct node *node_new(const struct mrl_fingerprint *f, const struct mrl_wipe_order *order)
{
    struct node *n = calloc(1, sizeof(*n) + order->spki_len);

    if (n == NULL)
        abort();
    n->certificate = *f;
    n->in_table.key = mrl_fingerprint_bytes(&n->certificate);
    memcpy(n->order, order->order, sizeof(n->order));
    n->until_s = order->until_s;
    memcpy(n->key, order->key, sizeof(n->key));
    n->spki_len = order->spki_len;
    memcpy(n->spki, order->spki, order->spki_len);
    return n;
}

static struct mrl_map_node *take_out(struct mrl_wipe_table *t, const struct mrl_fingerprint *f)
{
    struct mrl_map_node *n = mrl_map_find(&t->orders, mrl_fingerprint_bytes(f));

    if (n != NULL)
        mrl_map_remove(&t->orders, n);
    return n;
}

void mrl_wipe_table_put(struct mrl_wipe_table *t, const struct mrl_fingerprint *f,
                        const struct mrl_wipe_order *order)
{
    struct node *n = node_new(f, order);

    lock(t);
    node_free(take_out(t, f));
    mrl_map_insert(&t->orders, &n->in_table);
    unlock(t);
}

void mrl_wipe_table_drop(struct mrl_wipe_table *t, const struct mrl_fingerprint *f)
{
    lock(t);
    node_free(take_out(t, f));
    unlock(t);
}

static void copy_out(const struct node *n, struct mrl_wipe_order *out)
{
    memcpy(out->order, n->order, sizeof(out->order));
    out->until_s = n->until_s;
    memcpy(out->key, n->key, sizeof(out->key));
    out->spki_len = n->spki_len;
    memcpy(out->spki, n->spki, n->spki_len);
}

bool mrl_wipe_table_find(struct mrl_wipe_table *t, const struct mrl_fingerprint *f, int64_t now_s,
                         struct mrl_wipe_order *out)
{
    const struct mrl_map_node *at;
    bool open = false;

    lock(t);
    at = mrl_map_find(&t->orders, mrl_fingerprint_bytes(f));
    if (at != NULL) {
        const struct node *n = MRL_CONTAINER(at, struct node, in_table);

        open = now_s < n->until_s;
        if (open && out != NULL)
            copy_out(n, out);
    }
    unlock(t);
    return open;
}
