/* SPDX-License-Identifier: Apache-2.0 */
/* The sealing keys of a keystore, by number: the newest wraps, all unwrap. Layer: keys. Thread: one
 * owner.
 *
 * A wrapped key: number u32 of the sealing key, then an envelope that authenticates number and
 * context. */
#ifndef MRL_KEYS_SEALING_H
#define MRL_KEYS_SEALING_H

#include "base/buf.h"
#include "keys/unlock.h"

enum {
    MRL_SEALING_KEYS_MAX = 8,    /* at a time */
    MRL_SEALING_NUMBER_MAX = 99, /* the last one that can be made */
};

struct mrl_sealing_key {
    uint32_t number;
    struct mrl_secret *key;
};
struct mrl_sealing_keys {
    struct mrl_sealing_key at[MRL_SEALING_KEYS_MAX]; /* by number, the newest last */
    size_t count;
};
/* All of the folder, at least one. Errors as mrl_sealed_read, MRL_ERR_CORRUPT: none is there. */
mrl_err mrl_sealing_load(const struct mrl_folder *f, const struct mrl_kek *kek,
                         struct mrl_sealing_keys *out, struct mrl_why *why);
void mrl_sealing_keys_done(struct mrl_sealing_keys *keys);

/* Appends to out. */
mrl_err mrl_sealing_wrap(const struct mrl_sealing_keys *keys, mrl_bytes context, mrl_bytes key,
                         struct mrl_buf *out);
/* MRL_ERR_CRYPTO: changed, for another context, or its sealing key is not here. Gives *out. */
mrl_err mrl_sealing_unwrap(const struct mrl_sealing_keys *keys, mrl_bytes context, mrl_bytes sealed,
                           struct mrl_secret **out);

/* The command line, while no key process serves. The keystore opens with u, or nothing is done. */
/* Makes the next one. MRL_ERR_LIMIT: there are MRL_SEALING_KEYS_MAX, or the numbers are used up. */
mrl_err mrl_sealing_make(const struct mrl_folder *f, const struct mrl_unlock *u, uint32_t *number,
                         struct mrl_why *why);
/* What it wrapped opens no more. MRL_ERR_STATE: it is the newest; MRL_ERR_NOT_FOUND. */
mrl_err mrl_sealing_drop(const struct mrl_folder *f, const struct mrl_unlock *u, uint32_t number,
                         struct mrl_why *why);

#endif
