/* SPDX-License-Identifier: Apache-2.0 */
/* A store that takes nothing (full disk) is told of once, and tried each second until it takes
 * something again. Layer: main. Thread: the housekeeping thread. */
#ifndef MRL_MAIN_STORE_WATCH_H
#define MRL_MAIN_STORE_WATCH_H

#include <stdatomic.h>

#include "store/store.h"

/* Starts as zeros; lives until the store was closed. */
struct mrl_store_watch {
    struct mrl_write write; /* the try: an audit entry about its own success */
    uint64_t since_ms;      /* monotonic; 0: it is well */
    uint64_t failed_s;      /* what the entry says */
    atomic_bool trying;     /* the write is the store's */
};

/* Every second. now_ms: monotonic. */
void mrl_store_watch_tick(struct mrl_store_watch *w, struct mrl_store *s, uint64_t now_ms);

#endif
