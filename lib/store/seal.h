/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed columns: AES-256-GCM envelopes for what a stolen disk must not tell. Layer: store. Thread:
 * any, also inside the callbacks of a transaction.
 *
 * An envelope: version u8, data key u32, start 16 bytes, counter u64, ciphertext, tag. Each start
 * of the program seals under HKDF(data key, start), start being random, and counts: no nonce is
 * ever used twice. Authenticated with it: table, column, row and data key, so that an envelope
 * opens at its own place only.
 *
 * Who stores an envelope seals it inside the write job that stores it: after a new data key was
 * added in the committed callback of a job, no later job brings an envelope under an older one. */
#ifndef MRL_STORE_SEAL_H
#define MRL_STORE_SEAL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

enum {
    MRL_SEAL_OVERHEAD = 1 + 4 + 16 + 8 + 16,
    MRL_SEAL_KEY = 32,
    MRL_SEAL_KEYS_MAX = 8,                 /* data keys known at a time */
    MRL_SEAL_NAME_MAX = 64,                /* bytes of a table's or column's name */
    MRL_SEAL_ROW_MAX = 1024,               /* bytes of the key of a row */
    MRL_SEAL_PLAIN_MAX = (16 << 20) - 128, /* the envelope still is one value of the store */
};
/* Envelopes of one start; after them another start is drawn. */
#define MRL_SEAL_PER_START (UINT64_C(1) << 32)

struct mrl_sealer;

struct mrl_seal_options {
    uint64_t per_start; /* 0: MRL_SEAL_PER_START */
};
/* Without data keys it seals and opens nothing. options are borrowed for the call, NULL: all
 * defaults. */
struct mrl_sealer *mrl_sealer_new(const struct mrl_seal_options *options);
/* Wipes all keys. No other thread may use s from here on. NULL is fine. */
void mrl_sealer_free(struct mrl_sealer *s);
MRL_AUTO_DEFINE(mrl_sealer);

/* Takes key (also on failure), MRL_SEAL_KEY bytes, else MRL_ERR_INVALID. The one with the highest
 * number seals. MRL_ERR_EXISTS: the number is known. MRL_ERR_LIMIT: MRL_SEAL_KEYS_MAX are. */
mrl_err mrl_sealer_add(struct mrl_sealer *s, uint32_t number, struct mrl_secret *key);
/* Its envelopes open no more; key and what was derived from it are wiped a moment later, when no
 * thread uses them. MRL_ERR_NOT_FOUND: not known. MRL_ERR_STATE: it is the one that seals. */
mrl_err mrl_sealer_drop(struct mrl_sealer *s, uint32_t number);
/* The number of the data key that seals; 0: there is none. */
uint32_t mrl_sealer_newest(const struct mrl_sealer *s);

struct mrl_seal_place {
    const char *table;
    const char *column;
    mrl_bytes row; /* the values of the key columns as text, joined by '/' */
};
enum { MRL_SEAL_NUMBER_MAX = 21 };
/* The row of a table whose key is one number, somewhere in memory. */
mrl_bytes mrl_seal_row_number(int64_t key, char memory[static MRL_SEAL_NUMBER_MAX]);

/* Appends the envelope to out, which is unchanged on failure. MRL_ERR_STATE: no data key.
 * MRL_ERR_LIMIT: plain or row is too long. MRL_ERR_INVALID: a name is. */
mrl_err mrl_seal(struct mrl_sealer *s, const struct mrl_seal_place *at, mrl_bytes plain,
                 struct mrl_buf *out);
/* Appends the plaintext to out; out is unchanged on failure. MRL_ERR_CORRUPT: changed, of another
 * place or under an unknown data key; why names table, column and row. */
mrl_err mrl_unseal(struct mrl_sealer *s, const struct mrl_seal_place *at, mrl_bytes sealed,
                   struct mrl_buf *out, struct mrl_why *why);
/* The same for what is itself a secret: it never touches ordinary memory. Gives *out. */
mrl_err mrl_unseal_secret(struct mrl_sealer *s, const struct mrl_seal_place *at, mrl_bytes sealed,
                          struct mrl_secret **out, struct mrl_why *why);

/* The number of the data key it claims to be sealed under; nothing is checked but the form.
 * MRL_ERR_MALFORMED: no envelope. */
mrl_err mrl_seal_key_of(mrl_bytes sealed, uint32_t *number);

#endif
