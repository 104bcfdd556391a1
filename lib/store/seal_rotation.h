/* SPDX-License-Identifier: Apache-2.0 */
/* Everything sealed again under another data key, in the background, restartable at any point.
 * Layer: store. Thread: service threads (calls block), any number of them.
 *
 * A rotation makes a data key, then walks the sealed columns in the order of their row keys, a
 * batch a write job with its progress in the same transaction, then drops the data keys no envelope
 * is under any more. An envelope that does not open stays as it is, and with it its data key. */
#ifndef MRL_STORE_SEAL_ROTATION_H
#define MRL_STORE_SEAL_ROTATION_H

#include "store/seal_keys.h"

/* A sealed column and the key of its rows: a number, a text, or both in this order. */
struct mrl_seal_column {
    const char *table;
    const char *column;
    const char *number_key; /* NULL: none */
    const char *text_key;   /* NULL: none */
};

enum {
    MRL_SEAL_BATCH_ROWS = 256,
    MRL_SEAL_BATCH_BYTES = 1 << 20, /* a batch ends with the envelope that passes it */
};

struct mrl_seal_progress {
    bool running;
    uint32_t data_key; /* what it seals under */
    char table[MRL_SEAL_NAME_MAX + 1];
    char column[MRL_SEAL_NAME_MAX + 1]; /* where it is */
    uint64_t seen;                      /* rows looked at */
    uint64_t sealed;                    /* envelopes sealed again */
    uint64_t failed;                    /* envelopes that do not open */
    struct mrl_why failure;             /* the first of them */
    int64_t started_ms;
    size_t dropped; /* data keys, at the end */
    size_t kept;    /* old data keys something still is under, at the end */
};

struct mrl_seal_rotation_config { /* all borrowed for as long as the rotation lives */
    struct mrl_store *store;
    struct mrl_sealer *sealer;
    struct mrl_seal_root root;
    const struct mrl_seal_column *columns; /* at least one */
    size_t column_count;
    unsigned batch_rows; /* 0: MRL_SEAL_BATCH_ROWS */
    /* In the transaction that ends a rotation. NULL: nothing. */
    mrl_err (*ended)(void *context, struct mrl_tx *tx, const struct mrl_seal_progress *p);
    void *context;
};

struct mrl_seal_rotation;
struct mrl_seal_rotation *mrl_seal_rotation_new(const struct mrl_seal_rotation_config *c);
void mrl_seal_rotation_free(struct mrl_seal_rotation *r); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_seal_rotation);

/* Makes the data key; the steps do the rest. also as in seal_keys.h. MRL_ERR_STATE: one is running.
 */
mrl_err mrl_seal_rotation_begin(struct mrl_seal_rotation *r, const struct mrl_seal_also *also,
                                struct mrl_why *why);
/* One batch of the rotation that runs, if any. *more: there is another step. After an error (the
 * disk is full) the same step may be tried again. */
mrl_err mrl_seal_rotation_step(struct mrl_seal_rotation *r, bool *more, struct mrl_why *why);
mrl_err mrl_seal_rotation_progress(struct mrl_seal_rotation *r, struct mrl_seal_progress *out,
                                   struct mrl_why *why);

#endif
