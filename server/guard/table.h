/* SPDX-License-Identifier: Apache-2.0 */
/* What the guard remembers, in memory of fixed size. Layer: guard. Thread: any; an entry is used
 * between lock and unlock only, which spread over many locks and are never held across a call out.
 */
#ifndef MRL_GUARD_TABLE_H
#define MRL_GUARD_TABLE_H

#include "base/bytes.h"
#include "guard/bucket.h"

enum { MRL_GUARD_KEY_MAX = 64 };
struct mrl_guard_key {
    uint64_t hash; /* of the rest, with the seed of this process; never 0 */
    uint8_t kind;  /* opaque here */
    uint8_t len;
    uint8_t bytes[MRL_GUARD_KEY_MAX];
};
/* Longer bytes are cut. */
struct mrl_guard_key mrl_guard_key_of(uint8_t kind, mrl_bytes bytes);

/* Known by its hash alone: 64 bits that nobody outside can aim at. */
struct mrl_guard_entry {
    uint64_t hash; /* 0: nobody */
    struct mrl_bucket connects;
    struct mrl_bucket failures;
    uint64_t blocked_until_ns;
    struct mrl_guard_key *who; /* owned; once it was blocked */
    uint32_t refused;          /* since the last report */
    uint32_t told_s;           /* when that was; 0: never */
    uint8_t strikes;           /* blocks without a rest between them */
    uint8_t reason;            /* of the last one; opaque here */
};

struct mrl_guard_table;
/* At least so many places, rounded up to a power of two. Strikes count until rest_ns after a block.
 */
struct mrl_guard_table *mrl_guard_table_new(size_t places, uint64_t rest_ns);
void mrl_guard_table_free(struct mrl_guard_table *t); /* NULL is fine */

/* The entry of a key. With make: a new one when there is none, in place of one that says nothing
 * any more, or else of the one that matters least. Without: NULL when there is none. Locked until
 * the unlock of the same key, also when NULL. */
struct mrl_guard_entry *mrl_guard_table_lock(struct mrl_guard_table *t,
                                             const struct mrl_guard_key *key, bool make,
                                             uint64_t now_ns);
void mrl_guard_table_unlock(struct mrl_guard_table *t, const struct mrl_guard_key *key);

/* Empties it, for the key it is locked with. */
void mrl_guard_entry_clear(struct mrl_guard_entry *e);
/* Each that is blocked now goes to visit as a copy, without a lock. */
void mrl_guard_table_each_blocked(struct mrl_guard_table *t, uint64_t now_ns,
                                  void (*visit)(void *context, const struct mrl_guard_entry *e,
                                                const struct mrl_guard_key *who),
                                  void *context);
size_t mrl_guard_table_places(const struct mrl_guard_table *t);

#endif
