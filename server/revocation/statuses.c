/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing: a slot is a key that never changes and one word that holds the status, so that
 * a reader sees all of a status or none. A table that is full is copied into a larger one. */
#include "revocation/statuses.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/rcu.h"

enum {
    FIRST_SLOTS = 64,
    FULL_PERCENT = 84, /* then a table grows, to FRESH_PERCENT */
    FRESH_PERCENT = 76,
    HOUR_S = 3600,
    REASON_AT = 32,
    IN_BASE_AT = 36,
    HOURS_AT = 40,
    HOURS_MAX = (1 << 24) - 1,
};

struct slot {
    uint8_t key[MRL_STATUS_SERIAL];
    _Atomic uint64_t word; /* 0: empty */
};

struct table {
    struct rcu_head rcu;
    size_t slots;
    size_t used; /* the owner's */
    struct slot at[];
};

struct mrl_statuses {
    _Atomic(struct table *) table;
};

static uint64_t pack(const struct mrl_status *s)
{
    uint64_t hours = (uint64_t)(s->expires / HOUR_S + 1);

    return (uint64_t)s->revoked | (uint64_t)s->reason << REASON_AT |
           (uint64_t)s->in_base << IN_BASE_AT | hours << HOURS_AT;
}

static struct mrl_status unpack(uint64_t word)
{
    return (struct mrl_status){
        .revoked = (int64_t)(word & UINT32_MAX),
        .reason = (enum mrl_crl_reason)(word >> REASON_AT & 15),
        .in_base = (word >> IN_BASE_AT & 1) != 0,
        .expires = (int64_t)(word >> HOURS_AT) * HOUR_S,
    };
}

static struct table *new_table(size_t slots)
{
    struct table *t = calloc(1, sizeof(*t) + slots * sizeof(t->at[0]));

    if (t == NULL)
        abort();
    t->slots = slots;
    return t;
}

static void reclaim(struct rcu_head *head)
{
    mrl_rcu_reclaimed();
    free(MRL_CONTAINER(head, struct table, rcu));
}

struct mrl_statuses *mrl_statuses_new(void)
{
    struct mrl_statuses *s = calloc(1, sizeof(*s));

    if (s == NULL)
        abort();
    atomic_init(&s->table, new_table(FIRST_SLOTS));
    return s;
}

static struct table *table_of(const struct mrl_statuses *s)
{
    return atomic_load_explicit(&s->table, memory_order_acquire);
}

void mrl_statuses_free(struct mrl_statuses *s)
{
    if (s == NULL)
        return;
    free(table_of(s));
    free(s);
}

static bool key_of(mrl_bytes serial, uint8_t key[static MRL_STATUS_SERIAL])
{
    if (serial.len < 1 || serial.len > MRL_STATUS_SERIAL)
        return false;
    memset(key, 0, MRL_STATUS_SERIAL);
    memcpy(&key[MRL_STATUS_SERIAL - serial.len], serial.data, serial.len);
    return true;
}

/* The slot of key, or the empty one where it belongs: there always is one. */
static struct slot *find(struct table *t, const uint8_t key[static MRL_STATUS_SERIAL],
                         uint64_t *word)
{
    uint64_t hash = mrl_hash(mrl_bytes_of(key, MRL_STATUS_SERIAL));
    size_t i = (size_t)((unsigned __int128)hash * t->slots >> 64);

    for (;;) {
        struct slot *slot = &t->at[i];

        *word = atomic_load_explicit(&slot->word, memory_order_acquire);
        if (*word == 0 || memcmp(slot->key, key, MRL_STATUS_SERIAL) == 0)
            return slot;
        i = i + 1 == t->slots ? 0 : i + 1;
    }
}

static void add(struct table *t, const uint8_t key[static MRL_STATUS_SERIAL], uint64_t word)
{
    uint64_t before;
    struct slot *slot = find(t, key, &before);

    memcpy(slot->key, key, MRL_STATUS_SERIAL);
    t->used++;
    atomic_store_explicit(&slot->word, word, memory_order_release);
}

/* A table of another size with all that expires at or after a second. */
static void rebuild(struct mrl_statuses *s, size_t count, int64_t not_before)
{
    struct table *old = table_of(s);
    struct table *fresh = new_table(FIRST_SLOTS + count * 100 / FRESH_PERCENT);

    for (size_t i = 0; i < old->slots; i++) {
        uint64_t word = atomic_load_explicit(&old->at[i].word, memory_order_relaxed);

        if (word != 0 && unpack(word).expires >= not_before)
            add(fresh, old->at[i].key, word);
    }
    atomic_store_explicit(&s->table, fresh, memory_order_release);
    mrl_rcu_defer(&old->rcu, reclaim);
}

mrl_err mrl_statuses_put(struct mrl_statuses *s, mrl_bytes serial, const struct mrl_status *status)
{
    uint8_t key[MRL_STATUS_SERIAL];
    struct table *t = table_of(s);
    struct slot *known;
    uint64_t before;

    MRL_ENSURE(key_of(serial, key), MRL_ERR_INVALID);
    MRL_ENSURE(status->revoked >= 0 && status->revoked <= UINT32_MAX, MRL_ERR_INVALID);
    MRL_ENSURE(status->expires >= 0 && status->expires / HOUR_S < HOURS_MAX, MRL_ERR_INVALID);
    known = find(t, key, &before);
    if (before != 0) {
        atomic_store_explicit(&known->word, pack(status), memory_order_release);
        return MRL_OK;
    }
    MRL_ENSURE(t->used < MRL_STATUSES_MAX, MRL_ERR_LIMIT);
    if (t->used * 100 >= t->slots * FULL_PERCENT) {
        rebuild(s, t->used, /*not_before=*/0);
        t = table_of(s);
    }
    add(t, key, pack(status));
    return MRL_OK;
}

bool mrl_statuses_get(struct mrl_statuses *s, mrl_bytes serial, struct mrl_status *out)
{
    uint8_t key[MRL_STATUS_SERIAL];
    uint64_t word;

    if (!key_of(serial, key))
        return false;
    (void)find(table_of(s), key, &word);
    if (word == 0)
        return false;
    *out = unpack(word);
    return true;
}

bool mrl_statuses_next(const struct mrl_statuses *s, size_t *at, mrl_bytes *serial,
                       struct mrl_status *out)
{
    struct table *t = table_of(s);

    for (size_t i = *at; i < t->slots; i++) {
        uint64_t word = atomic_load_explicit(&t->at[i].word, memory_order_relaxed);
        size_t zeros = 0;

        if (word == 0)
            continue;
        while (zeros < MRL_STATUS_SERIAL - 1 && t->at[i].key[zeros] == 0)
            zeros++;
        *serial = mrl_bytes_of(&t->at[i].key[zeros], MRL_STATUS_SERIAL - zeros);
        *out = unpack(word);
        *at = i + 1;
        return true;
    }
    return false;
}

void mrl_statuses_purge(struct mrl_statuses *s, int64_t before)
{
    mrl_bytes serial;
    struct mrl_status status;
    size_t stay = 0, at = 0;

    while (mrl_statuses_next(s, &at, &serial, &status))
        stay += status.expires >= before;
    if (stay < table_of(s)->used)
        rebuild(s, stay, before);
}

size_t mrl_statuses_count(const struct mrl_statuses *s)
{
    return table_of(s)->used;
}

size_t mrl_statuses_bytes(const struct mrl_statuses *s)
{
    return sizeof(struct table) + table_of(s)->slots * sizeof(struct slot);
}
