/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive hash table over byte keys; SipHash-2-4 with a seed per process, so that peers cannot
 * aim at one bucket. Layer: base. Thread: one owner. The element embeds the node and keeps its key
 * alive and unchanged. */
#ifndef MRL_BASE_MAP_H
#define MRL_BASE_MAP_H

#include "base/bytes.h"

struct mrl_map_node {
    struct mrl_map_node *next;
    uint64_t hash;
    mrl_bytes key; /* borrowed from the element */
};

struct mrl_map {
    struct mrl_map_node **slots;
    size_t count;
    uint32_t slot_count; /* a power of two, or 0 before the first insert */
    uint32_t first;      /* slots before it are empty: popping all is one walk */
};

/* Keyed hash of bytes, stable within the process only. */
uint64_t mrl_hash(mrl_bytes key);

struct mrl_map_node *mrl_map_find(const struct mrl_map *m, mrl_bytes key); /* NULL: not there */
/* node->key must be set and not yet present (our bug otherwise). */
void mrl_map_insert(struct mrl_map *m, struct mrl_map_node *node);
void mrl_map_remove(struct mrl_map *m, struct mrl_map_node *node); /* no-op when not in the map */
/* Walk: start with NULL; the returned node may be removed before asking for the next one only
 * through mrl_map_pop. */
struct mrl_map_node *mrl_map_next(const struct mrl_map *m, const struct mrl_map_node *after);
struct mrl_map_node *mrl_map_pop(struct mrl_map *m); /* removes and returns any node, or NULL */
void mrl_map_done(struct mrl_map *m); /* frees the slots; elements are the caller's */

#endif
