/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for one request or packet, thrown away whole. Layer: base. Thread: one owner.
 * Aborts on exhaustion: what a peer chooses is bounded before it is allocated here. */
#ifndef MRL_BASE_ARENA_H
#define MRL_BASE_ARENA_H

#include "base/bytes.h"

struct mrl_arena_block;
struct mrl_arena {
    struct mrl_arena_block *blocks;
};

void *mrl_arena_alloc(struct mrl_arena *a, size_t size); /* zeroed, aligned for any type */
mrl_bytes mrl_arena_copy(struct mrl_arena *a, mrl_bytes b);
char *mrl_arena_cstr(struct mrl_arena *a, mrl_bytes b); /* NUL-terminated copy */
void mrl_arena_done(struct mrl_arena *a);               /* frees all; usable again */

#endif
