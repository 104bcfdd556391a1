/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/table.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

enum { WAYS = 8, LOCKS = 64 };

struct set {
    struct mrl_guard_entry ways[WAYS];
};

struct mrl_guard_table {
    size_t set_count; /* a power of two, at least LOCKS */
    uint64_t rest_ns;
    struct set *sets; /* zeroed pages: what was never used costs no memory */
    pthread_mutex_t locks[LOCKS];
};

struct mrl_guard_table *mrl_guard_table_new(size_t places, uint64_t rest_ns)
{
    struct mrl_guard_table *t = calloc(1, sizeof(*t));

    if (t == NULL)
        abort();
    t->rest_ns = rest_ns;
    for (t->set_count = LOCKS; t->set_count * WAYS < places;)
        t->set_count *= 2;
    t->sets = calloc(t->set_count, sizeof(*t->sets));
    if (t->sets == NULL)
        abort();
    for (size_t i = 0; i < LOCKS; i++)
        (void)pthread_mutex_init(&t->locks[i], NULL); /* no attributes: cannot fail */
    return t;
}

void mrl_guard_table_free(struct mrl_guard_table *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < LOCKS; i++)
        (void)pthread_mutex_destroy(&t->locks[i]); /* nobody waits any more */
    for (size_t at = 0; at < t->set_count; at++)
        for (size_t i = 0; i < WAYS; i++)
            free(t->sets[at].ways[i].who);
    free(t->sets);
    free(t);
}

size_t mrl_guard_table_places(const struct mrl_guard_table *t)
{
    return t->set_count * WAYS;
}

struct mrl_guard_key mrl_guard_key_of(uint8_t kind, mrl_bytes bytes)
{
    struct mrl_guard_key key = {.kind = kind};
    uint8_t text[1 + MRL_GUARD_KEY_MAX] = {kind};

    key.len = (uint8_t)(bytes.len < MRL_GUARD_KEY_MAX ? bytes.len : MRL_GUARD_KEY_MAX);
    if (key.len > 0)
        memcpy(key.bytes, bytes.data, key.len);
    memcpy(&text[1], key.bytes, key.len);
    key.hash = mrl_hash(mrl_bytes_of(text, 1 + (size_t)key.len));
    if (key.hash == 0)
        key.hash = 1;
    return key;
}

static bool says_nothing(const struct mrl_guard_table *t, const struct mrl_guard_entry *e,
                         uint64_t now_ns)
{
    return e->hash == 0 ||
           ((e->strikes == 0 || e->blocked_until_ns + t->rest_ns <= now_ns) &&
            mrl_bucket_is_full(&e->connects, now_ns) && mrl_bucket_is_full(&e->failures, now_ns));
}

/* Until when it says something: the later, the more it has done, and the more lately. */
static uint64_t weight(const struct mrl_guard_entry *e)
{
    return e->connects.full_ns > e->failures.full_ns ? e->connects.full_ns : e->failures.full_ns;
}

/* Whom to give up: a block outlives everything else. */
static bool matters_less(const struct mrl_guard_entry *a, const struct mrl_guard_entry *b,
                         uint64_t now_ns)
{
    bool a_blocked = a->blocked_until_ns > now_ns, b_blocked = b->blocked_until_ns > now_ns;

    if (a_blocked != b_blocked)
        return b_blocked;
    return a_blocked ? a->blocked_until_ns < b->blocked_until_ns : weight(a) < weight(b);
}

static struct mrl_guard_entry *find(struct set *set, uint64_t hash)
{
    for (size_t i = 0; i < WAYS; i++)
        if (set->ways[i].hash == hash)
            return &set->ways[i];
    return NULL;
}

static struct mrl_guard_entry *place_for(const struct mrl_guard_table *t, struct set *set,
                                         uint64_t now_ns)
{
    struct mrl_guard_entry *least = &set->ways[0];

    for (size_t i = 0; i < WAYS; i++) {
        if (says_nothing(t, &set->ways[i], now_ns))
            return &set->ways[i];
        if (matters_less(&set->ways[i], least, now_ns))
            least = &set->ways[i];
    }
    return least;
}

void mrl_guard_entry_clear(struct mrl_guard_entry *e)
{
    uint64_t hash = e->hash;

    free(e->who);
    *e = (struct mrl_guard_entry){.hash = hash};
}

struct mrl_guard_entry *mrl_guard_table_lock(struct mrl_guard_table *t,
                                             const struct mrl_guard_key *key, bool make,
                                             uint64_t now_ns)
{
    struct set *set = &t->sets[key->hash & (t->set_count - 1)];
    struct mrl_guard_entry *e;

    (void)pthread_mutex_lock(&t->locks[key->hash % LOCKS]); /* cannot fail: plain, initialised */
    e = find(set, key->hash);
    if (e == NULL && make) {
        e = place_for(t, set, now_ns);
        e->hash = key->hash;
        mrl_guard_entry_clear(e);
    }
    return e;
}

void mrl_guard_table_unlock(struct mrl_guard_table *t, const struct mrl_guard_key *key)
{
    (void)pthread_mutex_unlock(&t->locks[key->hash % LOCKS]); /* locked by this thread */
}

struct found {
    struct mrl_guard_entry entry;
    struct mrl_guard_key who;
};

/* A set lies under one lock: the low bits choose both. */
static size_t blocked_of(struct mrl_guard_table *t, size_t at, uint64_t now_ns,
                         struct found to[static WAYS])
{
    size_t count = 0;

    (void)pthread_mutex_lock(&t->locks[at % LOCKS]);
    for (size_t i = 0; i < WAYS; i++) {
        const struct mrl_guard_entry *e = &t->sets[at].ways[i];

        if (e->who != NULL && e->blocked_until_ns > now_ns)
            to[count++] = (struct found){*e, *e->who};
    }
    (void)pthread_mutex_unlock(&t->locks[at % LOCKS]);
    return count;
}

void mrl_guard_table_each_blocked(struct mrl_guard_table *t, uint64_t now_ns,
                                  void (*visit)(void *context, const struct mrl_guard_entry *e,
                                                const struct mrl_guard_key *who),
                                  void *context)
{
    for (size_t at = 0; at < t->set_count; at++) {
        struct found found[WAYS];
        size_t count = blocked_of(t, at, now_ns, found);

        for (size_t i = 0; i < count; i++)
            visit(context, &found[i].entry, &found[i].who);
    }
}
