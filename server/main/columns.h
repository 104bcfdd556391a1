/* SPDX-License-Identifier: Apache-2.0 */
/* What every column of the daemon's store tells whoever has the disk. Layer: main. Thread: any.
 * A test compares the list with the tables: a column nobody classified fails it. */
#ifndef MRL_MAIN_COLUMNS_H
#define MRL_MAIN_COLUMNS_H

#include "store/seal_rotation.h"

enum mrl_column_class {
    MRL_COLUMN_PUBLIC,  /* needed for lists and searches, or public anyway (certificates) */
    MRL_COLUMN_HASHED,  /* a hash of at least 128 random bits: nothing to guess */
    MRL_COLUMN_WRAPPED, /* a key under the root key of the key process */
    MRL_COLUMN_SEALED,  /* an envelope of store/seal.h, or NULL */
};

struct mrl_column {
    enum mrl_column_class class;
    struct mrl_seal_column at; /* keys only for sealed ones */
};
extern const struct mrl_column mrl_columns[];
extern const size_t mrl_columns_count;

/* The sealed ones, for rotations: at most max of them to out. Gives the number there are. */
size_t mrl_columns_sealed(struct mrl_seal_column *out, size_t max);

#endif
