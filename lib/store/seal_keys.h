/* SPDX-License-Identifier: Apache-2.0 */
/* The data keys of the sealed columns, in the store: table seal_keys, each wrapped by a root key
 * the store never sees. Layer: store. Thread: service threads (calls block). */
#ifndef MRL_STORE_SEAL_KEYS_H
#define MRL_STORE_SEAL_KEYS_H

#include "store/seal.h"
#include "store/store.h"

extern const struct mrl_migration_list mrl_seal_migrations;

/* Who holds the root key. name is authenticated with the wrapped key. */
struct mrl_seal_root {
    void *context;
    /* Appends to wrapped. */
    mrl_err (*wrap)(void *context, mrl_bytes name, mrl_bytes key, struct mrl_buf *wrapped,
                    struct mrl_why *why);
    /* MRL_ERR_CRYPTO: not wrapped by this root key, or under another name. Gives *key. */
    mrl_err (*unwrap)(void *context, mrl_bytes name, mrl_bytes wrapped, struct mrl_secret **key,
                      struct mrl_why *why);
};

/* A sealer with all data keys of the store; when there is none yet, the first is made and durable
 * before anything is sealed. store and what root points to are borrowed for the call.
 * MRL_ERR_CORRUPT: a data key does not open, why says which; and the errors of store and root.
 * Gives *out. */
mrl_err mrl_sealer_open(struct mrl_store *store, const struct mrl_seal_root *root,
                        struct mrl_sealer **out, struct mrl_why *why);

/* Makes a data key. When it returns, the key is durable and seals; every write job after the one
 * that stored it seals under it. One call at a time. *number may be NULL. */
mrl_err mrl_seal_keys_make(struct mrl_store *store, const struct mrl_seal_root *root,
                           struct mrl_sealer *s, uint32_t *number, struct mrl_why *why);

#endif
