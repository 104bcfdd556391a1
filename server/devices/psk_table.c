/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/psk_table.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/random.h"
#include "base/rcu_table.h"
#include "devices/psk.h"
#include "store/seal.h"

enum { FIRST_BUCKETS = 64, ENVELOPE_MAX = MRL_SEAL_OVERHEAD + MRL_PSK_MAX };

struct envelope {
    struct rcu_head rcu;
    size_t len;
    uint8_t bytes[];
};

struct node {
    struct cds_lfht_node node;
    struct mrl_fingerprint fingerprint;
    _Atomic(struct envelope *) now; /* NULL: dropped */
    size_t identity_len;
    uint8_t identity[];
};

struct mrl_psk_table {
    struct cds_lfht *nodes; /* by fingerprint; never removed */
    size_t count;           /* of them; the writer's */
    size_t buckets;         /* for them; the writer's */
    struct mrl_sealer *sealer;
    struct envelope *nobody; /* what is opened for who is not known */
};

static const struct mrl_fingerprint nobody = {{0}};

static void *must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static struct mrl_seal_place place_of(const struct mrl_fingerprint *f)
{
    return (struct mrl_seal_place){"memory", "psk", mrl_fingerprint_bytes(f)};
}

static mrl_err seal(struct mrl_psk_table *t, const struct mrl_fingerprint *f, mrl_bytes key,
                    struct envelope **out)
{
    MRL_SCOPED(mrl_buf) sealed = {.limit = ENVELOPE_MAX};
    const struct mrl_seal_place at = place_of(f);
    struct envelope *e;

    MRL_ENSURE(key.len <= MRL_PSK_MAX, MRL_ERR_INVALID);
    MRL_TRY(mrl_seal(t->sealer, &at, key, &sealed));
    e = must(malloc(sizeof(*e) + sealed.len));
    e->len = sealed.len;
    memcpy(e->bytes, sealed.data, sealed.len);
    *out = e;
    return MRL_OK;
}

static int same_fingerprint(struct cds_lfht_node *at, const void *key)
{
    const struct node *n = MRL_CONTAINER(at, struct node, node);

    MRL_RCU_ACQUIRE(at);
    return memcmp(&n->fingerprint, key, sizeof(n->fingerprint)) == 0;
}

static struct node *find(const struct mrl_psk_table *t, const struct mrl_fingerprint *f)
{
    struct cds_lfht_iter it;
    struct cds_lfht_node *at;

    cds_lfht_lookup(t->nodes, mrl_hash(mrl_fingerprint_bytes(f)), same_fingerprint, f, &it);
    at = cds_lfht_iter_get_node(&it);
    return at != NULL ? MRL_CONTAINER(at, struct node, node) : NULL;
}

static void reclaim(struct rcu_head *head)
{
    mrl_rcu_reclaimed();
    free(MRL_CONTAINER(head, struct envelope, rcu));
}

static void replace(struct node *n, struct envelope *next)
{
    struct envelope *old = atomic_exchange_explicit(&n->now, next, memory_order_acq_rel);

    if (old != NULL)
        mrl_rcu_defer(&old->rcu, reclaim);
}

static void add(struct mrl_psk_table *t, const struct mrl_fingerprint *f, mrl_bytes identity,
                struct envelope *e)
{
    struct node *n = must(calloc(1, sizeof(*n) + identity.len));

    cds_lfht_node_init(&n->node);
    n->fingerprint = *f;
    n->identity_len = identity.len;
    memcpy(n->identity, identity.data, identity.len);
    atomic_init(&n->now, e);
    MRL_RCU_RELEASE(&n->node);
    cds_lfht_add(t->nodes, mrl_hash(mrl_fingerprint_bytes(f)), &n->node);
    t->count++;
}

mrl_err mrl_psk_table_put(struct mrl_psk_table *t, const struct mrl_fingerprint *f,
                          mrl_bytes identity, mrl_bytes key)
{
    struct envelope *e;
    struct node *known;

    MRL_ENSURE(identity.len > 0 && identity.len <= MRL_PSK_IDENTITY_MAX, MRL_ERR_INVALID);
    MRL_TRY(seal(t, f, key, &e));
    mrl_rcu_read_begin();
    known = find(t, f);
    if (known != NULL)
        replace(known, e);
    else
        add(t, f, identity, e);
    mrl_rcu_read_end();
    mrl_rcu_table_grow(t->nodes, &t->buckets, t->count);
    return MRL_OK;
}

void mrl_psk_table_drop(struct mrl_psk_table *t, const struct mrl_fingerprint *f)
{
    struct node *known;

    mrl_rcu_read_begin();
    known = find(t, f);
    if (known != NULL)
        replace(known, NULL);
    mrl_rcu_read_end();
}

mrl_bytes mrl_psk_table_identity(const struct mrl_psk_table *t, const struct mrl_fingerprint *f)
{
    const struct node *n = find(t, f);

    return n == NULL ? MRL_BYTES_NONE : mrl_bytes_of(n->identity, n->identity_len);
}

mrl_err mrl_psk_table_open(const struct mrl_psk_table *t, const struct mrl_fingerprint *f,
                           struct mrl_secret **key)
{
    struct node *n = find(t, f);
    const struct envelope *e =
        n == NULL ? NULL : atomic_load_explicit(&n->now, memory_order_acquire);
    const struct mrl_seal_place at = place_of(e == NULL ? &nobody : f);

    if (e == NULL)
        e = t->nobody;
    return mrl_unseal_secret(t->sealer, &at, mrl_bytes_of(e->bytes, e->len), key, NULL);
}

static mrl_err make_nobody(struct mrl_psk_table *t)
{
    MRL_AUTO(mrl_secret) key = mrl_secret_new(MRL_PSK_MADE);

    mrl_random(mrl_secret_data(key), MRL_PSK_MADE);
    return seal(t, &nobody, mrl_secret_bytes(key), &t->nobody);
}

mrl_err mrl_psk_table_new(struct mrl_psk_table **out)
{
    MRL_AUTO(mrl_psk_table) t = must(calloc(1, sizeof(*t)));
    struct mrl_secret *key = mrl_secret_new(MRL_SEAL_KEY);

    mrl_random(mrl_secret_data(key), MRL_SEAL_KEY);
    t->sealer = mrl_sealer_new(NULL);
    MRL_TRY(mrl_sealer_add(t->sealer, 1, key));
    t->nodes = must(mrl_rcu_table_new(FIRST_BUCKETS));
    t->buckets = FIRST_BUCKETS;
    MRL_TRY(make_nobody(t));
    *out = MRL_TAKE(t);
    return MRL_OK;
}

/* Nodes are freed after a grace period, as liburcu asks of whoever removes one. */
static void free_nodes(struct cds_lfht *nodes, size_t count)
{
    struct node **taken = must(calloc(count + 1, sizeof(struct node *)));
    struct cds_lfht_node *at;
    struct cds_lfht_iter it;
    size_t n = 0;

    mrl_rcu_read_begin();
    cds_lfht_for_each(nodes, &it, at)
    {
        if (n < count && cds_lfht_del(nodes, at) == 0)
            taken[n++] = MRL_CONTAINER(at, struct node, node);
    }
    mrl_rcu_read_end();
    urcu_memb_synchronize_rcu();
    while (n > 0) {
        free(atomic_load_explicit(&taken[--n]->now, memory_order_relaxed));
        free(taken[n]);
    }
    free(taken);
    (void)cds_lfht_destroy(nodes, /*attr=*/NULL); /* fails only on a table that is not empty */
}

void mrl_psk_table_free(struct mrl_psk_table *t)
{
    if (t == NULL)
        return;
    mrl_rcu_register();
    if (t->nodes != NULL)
        free_nodes(t->nodes, t->count);
    mrl_rcu_barrier(); /* what was replaced and waits for readers */
    mrl_sealer_free(t->sealer);
    free(t->nobody);
    free(t);
}
