/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/alias.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"

enum {
    FIRST = 4,      /* places of a table that is begun */
    NEWCOMERS = 16, /* topics without alias that are remembered by their hash */
};

/* The place in the table is the alias, minus one. */
struct place {
    uint8_t *topic; /* NULL: stands for nothing */
    size_t len;
    uint64_t hash;
    uint64_t used; /* when last, in messages */
};

struct table {
    struct place *places;
    unsigned count;
    unsigned cap;
};

struct mrl_aliases {
    struct table received;
    struct table sent;
    uint64_t clock;
    uint64_t newcomers[NEWCOMERS];
};

static void table_done(struct table *t)
{
    for (unsigned i = 0; i < t->count; i++)
        free(t->places[i].topic);
    free(t->places);
}

void mrl_aliases_free(struct mrl_aliases *a)
{
    if (a == NULL)
        return;
    table_done(&a->received);
    table_done(&a->sent);
    free(a);
}

static struct mrl_aliases *get(struct mrl_aliases **a)
{
    if (*a == NULL)
        *a = calloc(1, sizeof(**a));
    if (*a == NULL)
        abort();
    return *a;
}

/* Makes the table reach place `at`. */
static struct place *reach(struct table *t, unsigned at)
{
    unsigned cap = t->cap == 0 ? FIRST : t->cap;

    while (cap <= at)
        cap *= 2;
    if (cap != t->cap) {
        t->places = reallocarray(t->places, cap, sizeof(t->places[0]));
        if (t->places == NULL)
            abort();
        t->cap = cap;
    }
    for (; t->count <= at; t->count++)
        t->places[t->count] = (struct place){0};
    return &t->places[at];
}

static void put(struct place *p, mrl_bytes topic)
{
    free(p->topic);
    p->topic = malloc(topic.len);
    if (p->topic == NULL)
        abort();
    memcpy(p->topic, topic.data, topic.len);
    p->len = topic.len;
}

mrl_err mrl_aliases_receive(struct mrl_aliases **a, unsigned most, uint16_t alias, mrl_bytes *topic)
{
    struct table *t;

    MRL_ENSURE(alias != 0 && alias <= most, MRL_ERR_LIMIT);
    if (topic->len > 0) {
        put(reach(&get(a)->received, alias - 1U), *topic);
        return MRL_OK;
    }
    MRL_ENSURE(*a != NULL, MRL_ERR_NOT_FOUND);
    t = &(*a)->received;
    MRL_ENSURE(alias <= t->count && t->places[alias - 1].topic != NULL, MRL_ERR_NOT_FOUND);
    *topic = mrl_bytes_of(t->places[alias - 1].topic, t->places[alias - 1].len);
    return MRL_OK;
}

static struct place *find(const struct table *t, uint64_t hash, mrl_bytes topic)
{
    for (unsigned i = 0; i < t->count; i++) {
        struct place *p = &t->places[i];

        if (p->hash == hash && mrl_bytes_eq(mrl_bytes_of(p->topic, p->len), topic))
            return p;
    }
    return NULL;
}

static struct place *oldest(const struct table *t)
{
    struct place *found = &t->places[0];

    for (unsigned i = 1; i < t->count; i++) {
        if (t->places[i].used < found->used)
            found = &t->places[i];
    }
    return found;
}

/* Has this topic come before, not long ago? Many topics that come once must not push out those that
 * come often. */
static bool came_before(struct mrl_aliases *a, uint64_t hash)
{
    for (unsigned i = 0; i < NEWCOMERS; i++) {
        if (a->newcomers[i] == hash)
            return true;
    }
    a->newcomers[a->clock % NEWCOMERS] = hash;
    return false;
}

static struct place *place_for(struct mrl_aliases *a, unsigned most, uint64_t hash)
{
    if (!came_before(a, hash))
        return NULL;
    return a->sent.count < most ? reach(&a->sent, a->sent.count) : oldest(&a->sent);
}

uint16_t mrl_aliases_send(struct mrl_aliases **aliases, unsigned most, mrl_bytes topic, bool *known)
{
    struct mrl_aliases *a;
    uint64_t hash;
    struct place *p;

    if (most == 0)
        return 0;
    a = get(aliases);
    hash = mrl_hash(topic);
    p = find(&a->sent, hash, topic);
    *known = p != NULL;
    a->clock++;
    if (p == NULL) {
        p = place_for(a, most, hash);
        if (p == NULL)
            return 0;
        put(p, topic);
        p->hash = hash;
    }
    p->used = a->clock;
    return (uint16_t)(p - a->sent.places + 1);
}
