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
    /* The number of the root key a wrapped key says it is under; 0: none. */
    uint32_t (*root_of)(mrl_bytes wrapped);
};

/* A sealer with all data keys of the store; when there is none yet, the first is made and durable
 * before anything is sealed. store and what root points to are borrowed for the call.
 * MRL_ERR_CORRUPT: a data key does not open, why says which; and the errors of store and root.
 * Gives *out. */
mrl_err mrl_sealer_open(struct mrl_store *store, const struct mrl_seal_root *root,
                        struct mrl_sealer **out, struct mrl_why *why);

/* What belongs into the same transaction; an error undoes all of it. */
struct mrl_seal_also {
    mrl_err (*run)(void *context, struct mrl_tx *tx, uint32_t data_key);
    void *context;
};
/* Makes a data key. When it returns, the key is durable and seals; every write job after the one
 * that stored it seals under it. also may be NULL. MRL_ERR_LIMIT: there are MRL_SEAL_KEYS_MAX. */
mrl_err mrl_seal_keys_make(struct mrl_store *store, const struct mrl_seal_root *root,
                           struct mrl_sealer *s, const struct mrl_seal_also *also,
                           struct mrl_why *why);

/* Wraps every data key again, under the newest root key, in one transaction with also (NULL is
 * fine; its data_key is the newest). *count may be NULL: how many. */
mrl_err mrl_seal_keys_rewrap(struct mrl_store *store, const struct mrl_seal_root *root,
                             const struct mrl_seal_also *also, size_t *count, struct mrl_why *why);

struct mrl_seal_key_info {
    uint32_t number;
    uint32_t root; /* what wraps it */
    int64_t created_ms;
    int64_t wrapped_ms;
};
/* All data keys by number; *count of them. */
mrl_err mrl_seal_keys_list(struct mrl_store *store, const struct mrl_seal_root *root,
                           struct mrl_seal_key_info out[static MRL_SEAL_KEYS_MAX], size_t *count,
                           struct mrl_why *why);

#endif
