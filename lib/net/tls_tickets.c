/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_tickets.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "base/secret.h"

enum { LIFETIME_MAX_S = 604800, SLOTS_PER_CHUNK = 120 };

struct slot {
    struct mrl_map_node node;
    struct mrl_list age; /* in shard.oldest, or in shard.unused */
    struct mrl_tls_ticket ticket;
};

struct chunk {
    struct mrl_list node;
    struct mrl_secret *memory; /* the slots */
};

struct shard {
    pthread_mutex_t lock;
    struct mrl_map by_id;
    struct mrl_list oldest; /* first: oldest */
    struct mrl_list unused;
    struct mrl_list chunks;
    size_t made; /* slots in chunks */
};

struct mrl_tls_tickets {
    size_t per_shard;
    uint64_t lifetime_s;
    struct shard shards[MRL_TICKET_SHARDS];
};

mrl_err mrl_tls_tickets_new(size_t count, uint64_t lifetime_s, struct mrl_tls_tickets **out)
{
    struct mrl_tls_tickets *t;

    MRL_ENSURE(lifetime_s <= LIFETIME_MAX_S, MRL_ERR_INVALID);
    MRL_ENSURE(count <= SIZE_MAX / 2, MRL_ERR_INVALID);
    t = calloc(1, sizeof(*t));
    if (t == NULL)
        abort();
    count = count > 0 ? count : MRL_TICKETS_DEFAULT_COUNT;
    t->per_shard = (count + MRL_TICKET_SHARDS - 1) / MRL_TICKET_SHARDS;
    t->lifetime_s = lifetime_s > 0 ? lifetime_s : MRL_TICKETS_DEFAULT_LIFETIME_S;
    for (size_t i = 0; i < MRL_TICKET_SHARDS; i++) {
        struct shard *s = &t->shards[i];

        pthread_mutex_init(&s->lock, NULL);
        mrl_list_init(&s->oldest);
        mrl_list_init(&s->unused);
        mrl_list_init(&s->chunks);
    }
    *out = t;
    return MRL_OK;
}

void mrl_tls_tickets_free(struct mrl_tls_tickets *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < MRL_TICKET_SHARDS; i++) {
        struct shard *s = &t->shards[i];

        mrl_map_done(&s->by_id);
        MRL_LIST_EACH(chunk, &s->chunks, struct chunk, node)
        {
            mrl_secret_free(chunk->memory);
            free(chunk);
        }
        pthread_mutex_destroy(&s->lock);
    }
    free(t);
}

uint64_t mrl_tls_tickets_lifetime(const struct mrl_tls_tickets *t)
{
    return t->lifetime_s;
}

/* An id is random; one a peer made up only finds the wrong shard. */
static struct shard *shard_of(struct mrl_tls_tickets *t, mrl_bytes id)
{
    return &t->shards[id.data[id.len - 1] % MRL_TICKET_SHARDS];
}

static struct slot *find(const struct shard *s, mrl_bytes id)
{
    struct mrl_map_node *node = mrl_map_find(&s->by_id, id);

    return node == NULL ? NULL : MRL_CONTAINER(node, struct slot, node);
}

static void forget(struct shard *s, struct slot *slot)
{
    mrl_map_remove(&s->by_id, &slot->node);
    mrl_list_remove(&slot->age);
    mrl_wipe(&slot->ticket, sizeof(slot->ticket));
    mrl_list_add(&s->unused, &slot->age);
}

static void add_chunk(struct shard *s, size_t limit)
{
    size_t count = limit - s->made < SLOTS_PER_CHUNK ? limit - s->made : SLOTS_PER_CHUNK;
    struct chunk *chunk = calloc(1, sizeof(*chunk));
    struct slot *slots;

    if (chunk == NULL)
        abort();
    chunk->memory = mrl_secret_new(count * sizeof(struct slot));
    slots = (struct slot *)(void *)mrl_secret_data(chunk->memory);
    for (size_t i = 0; i < count; i++)
        mrl_list_add(&s->unused, &slots[i].age);
    mrl_list_add(&s->chunks, &chunk->node);
    s->made += count;
}

static struct slot *take_slot(struct shard *s, size_t limit)
{
    if (mrl_list_empty(&s->unused) && s->made < limit)
        add_chunk(s, limit);
    if (mrl_list_empty(&s->unused))
        forget(s, MRL_CONTAINER(s->oldest.next, struct slot, age));
    return MRL_CONTAINER(mrl_list_pop(&s->unused), struct slot, age);
}

mrl_err mrl_tls_tickets_put(struct mrl_tls_tickets *t, const struct mrl_tls_ticket *ticket)
{
    mrl_bytes id = mrl_bytes_of(ticket->id, ticket->id_len);
    struct shard *s;
    struct slot *slot;

    MRL_ENSURE(ticket->id_len > 0 && ticket->id_len <= MRL_TICKET_ID, MRL_ERR_INVALID);
    MRL_ENSURE(ticket->secret_len > 0 && ticket->secret_len <= MRL_TICKET_SECRET, MRL_ERR_INVALID);
    s = shard_of(t, id);
    pthread_mutex_lock(&s->lock);
    slot = find(s, id);
    if (slot != NULL)
        forget(s, slot);
    slot = take_slot(s, t->per_shard);
    slot->ticket = *ticket;
    slot->node.key = mrl_bytes_of(slot->ticket.id, slot->ticket.id_len);
    mrl_map_insert(&s->by_id, &slot->node);
    mrl_list_add(&s->oldest, &slot->age);
    pthread_mutex_unlock(&s->lock);
    return MRL_OK;
}

static bool too_old(const struct mrl_tls_tickets *t, const struct mrl_tls_ticket *ticket,
                    int64_t now_s)
{
    return now_s >= ticket->created && (uint64_t)(now_s - ticket->created) >= t->lifetime_s;
}

mrl_err mrl_tls_tickets_get(struct mrl_tls_tickets *t, mrl_bytes id, int64_t now_s,
                            struct mrl_tls_ticket *out)
{
    mrl_err err = MRL_ERR_NOT_FOUND;
    struct shard *s;
    struct slot *slot;

    MRL_ENSURE(id.len > 0 && id.len <= MRL_TICKET_ID, MRL_ERR_NOT_FOUND);
    s = shard_of(t, id);
    pthread_mutex_lock(&s->lock);
    slot = find(s, id);
    if (slot != NULL && too_old(t, &slot->ticket, now_s)) {
        forget(s, slot);
    } else if (slot != NULL) {
        *out = slot->ticket;
        err = MRL_OK;
    }
    pthread_mutex_unlock(&s->lock);
    return err;
}

void mrl_tls_tickets_remove(struct mrl_tls_tickets *t, mrl_bytes id)
{
    struct shard *s;
    struct slot *slot;

    if (id.len == 0 || id.len > MRL_TICKET_ID)
        return;
    s = shard_of(t, id);
    pthread_mutex_lock(&s->lock);
    slot = find(s, id);
    if (slot != NULL)
        forget(s, slot);
    pthread_mutex_unlock(&s->lock);
}

static void sweep_shard(struct shard *s, mrl_tls_tickets_keep *keep, void *context)
{
    MRL_LIST_EACH(slot, &s->oldest, struct slot, age)
    {
        if (!keep(context, &slot->ticket))
            forget(s, slot);
    }
}

void mrl_tls_tickets_sweep(struct mrl_tls_tickets *t, mrl_tls_tickets_keep *keep, void *context)
{
    for (size_t i = 0; i < MRL_TICKET_SHARDS; i++) {
        pthread_mutex_lock(&t->shards[i].lock);
        sweep_shard(&t->shards[i], keep, context);
        pthread_mutex_unlock(&t->shards[i].lock);
    }
}

size_t mrl_tls_tickets_count(struct mrl_tls_tickets *t)
{
    size_t count = 0;

    for (size_t i = 0; i < MRL_TICKET_SHARDS; i++) {
        pthread_mutex_lock(&t->shards[i].lock);
        count += t->shards[i].by_id.count;
        pthread_mutex_unlock(&t->shards[i].lock);
    }
    return count;
}
