/* SPDX-License-Identifier: Apache-2.0 */
/* The search index: for each epoch of 4096 entries, which of them name an action, an actor, a
 * target or a bad outcome. Layer: server/audit, internal. Thread: inside a transaction.
 *
 * An epoch is written once, when it is complete, so that an entry costs the same however long the
 * log is; entries after the last complete epoch are read themselves. A row of audit_index is one of
 * the 64 buckets of an epoch (id = epoch << 6 | bucket): pairs of key (u64, big-endian) and place
 * in the epoch (u16), sorted. The first six bits of the key are the bucket. */
#ifndef MRL_AUDIT_INDEX_H
#define MRL_AUDIT_INDEX_H

#include "audit/entries.h"

enum { MRL_AUDIT_EPOCH = 4096 };

enum mrl_audit_index_kind {
    MRL_AUDIT_BY_ACTION = 1,
    MRL_AUDIT_BY_ACTOR, /* "operator:ann" */
    MRL_AUDIT_BY_TARGET,
    MRL_AUDIT_BY_OUTCOME, /* denied and failed only */
};
/* First eight bytes of SHA-256(kind u8 | value). */
mrl_err mrl_audit_index_key(enum mrl_audit_index_kind kind, mrl_bytes value, uint64_t *out);

/* Places in an epoch. */
struct mrl_audit_places {
    uint64_t bits[MRL_AUDIT_EPOCH / 64];
};
/* Adds the places of key. */
mrl_err mrl_audit_index_find(struct mrl_tx *tx, uint64_t epoch, uint64_t key,
                             struct mrl_audit_places *out);

/* One epoch made from its entries, to be written or compared. */
struct mrl_audit_index;
mrl_err mrl_audit_index_new(struct mrl_tx *tx, uint64_t epoch, struct mrl_audit_index **out,
                            struct mrl_why *why);
void mrl_audit_index_free(struct mrl_audit_index *i);
MRL_AUTO_DEFINE(mrl_audit_index);
/* In the place of what is stored of that epoch. */
mrl_err mrl_audit_index_write(struct mrl_tx *tx, const struct mrl_audit_index *i);
/* MRL_ERR_CORRUPT: what is stored is another one. */
mrl_err mrl_audit_index_compare(struct mrl_tx *tx, const struct mrl_audit_index *i);

/* Epochs that are in the index: from (inclusive) to (exclusive). */
mrl_err mrl_audit_indexed(struct mrl_tx *tx, uint64_t *from, uint64_t *to);
/* The times in an epoch. MRL_ERR_NOT_FOUND: not in the index. */
mrl_err mrl_audit_epoch_times(struct mrl_tx *tx, uint64_t epoch, int64_t *oldest, int64_t *newest);
/* Removes all epochs before epoch. */
mrl_err mrl_audit_index_prune(struct mrl_tx *tx, uint64_t epoch);

#endif
