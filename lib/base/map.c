/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

enum { FIRST_SLOTS = 16, MOST_SLOTS = 1 << 30 };

static uint64_t seed[2];
static pthread_once_t seeded = PTHREAD_ONCE_INIT;

static void make_seed(void)
{
    mrl_random(seed, sizeof(seed));
}

static uint64_t rotl(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[0] = rotl(v[0], 32);
    v[2] += v[3];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[2] = rotl(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

uint64_t mrl_hash(mrl_bytes key)
{
    uint64_t v[4];
    uint64_t last = (uint64_t)key.len << 56;
    size_t i;

    (void)pthread_once(&seeded, make_seed); /* cannot fail with a static control */
    v[0] = seed[0] ^ 0x736f6d6570736575;
    v[1] = seed[1] ^ 0x646f72616e646f6d;
    v[2] = seed[0] ^ 0x6c7967656e657261;
    v[3] = seed[1] ^ 0x7465646279746573;
    for (i = 0; i + 8 <= key.len; i += 8) {
        uint64_t word;

        memcpy(&word, key.data + i, sizeof(word));
        sip_word(v, word);
    }
    for (size_t j = 0; i + j < key.len; j++)
        last |= (uint64_t)key.data[i + j] << (8 * j);
    sip_word(v, last);
    v[2] ^= 0xff;
    for (int round = 0; round < 4; round++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint32_t place_of(const struct mrl_map *m, uint64_t hash)
{
    return (uint32_t)hash & (m->slot_count - 1);
}

static struct mrl_map_node **slot_of(const struct mrl_map *m, uint64_t hash)
{
    return &m->slots[place_of(m, hash)];
}

struct mrl_map_node *mrl_map_find(const struct mrl_map *m, mrl_bytes key)
{
    uint64_t hash;

    if (m->count == 0)
        return NULL;
    hash = mrl_hash(key);
    for (struct mrl_map_node *n = *slot_of(m, hash); n != NULL; n = n->next) {
        if (n->hash == hash && mrl_bytes_eq(n->key, key))
            return n;
    }
    return NULL;
}

static void link_node(struct mrl_map *m, struct mrl_map_node *node)
{
    struct mrl_map_node **slot = slot_of(m, node->hash);

    node->next = *slot;
    *slot = node;
    if (place_of(m, node->hash) < m->first)
        m->first = place_of(m, node->hash);
}

static void grow(struct mrl_map *m)
{
    struct mrl_map bigger = {.slot_count = m->slot_count == 0 ? FIRST_SLOTS : m->slot_count * 2,
                             .count = m->count};

    bigger.slots = calloc(bigger.slot_count, sizeof(struct mrl_map_node *));
    if (bigger.slots == NULL)
        abort();
    for (uint32_t i = m->first; i < m->slot_count; i++) {
        for (struct mrl_map_node *n = m->slots[i], *next; n != NULL; n = next) {
            next = n->next;
            link_node(&bigger, n);
        }
    }
    free(m->slots);
    *m = bigger;
}

void mrl_map_insert(struct mrl_map *m, struct mrl_map_node *node)
{
    assert(mrl_map_find(m, node->key) == NULL);
    if (m->count >= m->slot_count && m->slot_count < MOST_SLOTS)
        grow(m);
    node->hash = mrl_hash(node->key);
    link_node(m, node);
    m->count++;
}

void mrl_map_remove(struct mrl_map *m, struct mrl_map_node *node)
{
    if (m->count == 0)
        return;
    for (struct mrl_map_node **at = slot_of(m, node->hash); *at != NULL; at = &(*at)->next) {
        if (*at == node) {
            *at = node->next;
            node->next = NULL;
            m->count--;
            return;
        }
    }
}

static struct mrl_map_node *first_from(const struct mrl_map *m, uint32_t slot)
{
    for (; slot < m->slot_count; slot++) {
        if (m->slots[slot] != NULL)
            return m->slots[slot];
    }
    return NULL;
}

struct mrl_map_node *mrl_map_next(const struct mrl_map *m, const struct mrl_map_node *after)
{
    if (after == NULL)
        return first_from(m, m->first);
    if (after->next != NULL)
        return after->next;
    return first_from(m, place_of(m, after->hash) + 1);
}

struct mrl_map_node *mrl_map_pop(struct mrl_map *m)
{
    struct mrl_map_node *node = first_from(m, m->first);

    if (node == NULL)
        return NULL;
    m->first = place_of(m, node->hash);
    mrl_map_remove(m, node);
    return node;
}

void mrl_map_done(struct mrl_map *m)
{
    free(m->slots);
    *m = (struct mrl_map){0};
}
