/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed columns: AES-256-GCM envelopes for what a stolen disk must not tell. Layer: store. Thread:
 * any, also inside the callbacks of a transaction.
 *
 * An envelope: version u8, data key u32, start 16 bytes, counter u64, ciphertext, tag. Each start
 * of the program seals under HKDF(data key, start), start being random, and counts: no nonce is
 * ever used twice. Authenticated with it: table, column, row and data key, so that an envelope
 * opens at its own place only. */
#ifndef MRL_STORE_SEAL_H
#define MRL_STORE_SEAL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

enum { MRL_SEAL_OVERHEAD = 1 + 4 + 16 + 8 + 16 };

struct mrl_sealer;

struct mrl_seal_place {
    const char *table;
    const char *column;
    mrl_bytes row; /* the key of the row, as bytes that never change */
};

/* Appends the envelope to out. */
mrl_err mrl_seal(struct mrl_sealer *s, const struct mrl_seal_place *at, mrl_bytes plain,
                 struct mrl_buf *out);
/* Appends the plaintext to out; out is unchanged on failure. MRL_ERR_CORRUPT: changed, of another
 * place or under an unknown data key; why names table, column and row. */
mrl_err mrl_unseal(struct mrl_sealer *s, const struct mrl_seal_place *at, mrl_bytes sealed,
                   struct mrl_buf *out, struct mrl_why *why);
/* The same for what is itself a secret: it never touches ordinary memory. Gives *out. */
mrl_err mrl_unseal_secret(struct mrl_sealer *s, const struct mrl_seal_place *at, mrl_bytes sealed,
                          struct mrl_secret **out, struct mrl_why *why);

#endif
