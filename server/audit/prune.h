/* SPDX-License-Identifier: Apache-2.0 */
/* Retention: old entries go, as c2sp.org/tlog-tiles prunes: whole bundles, oldest first. All hashes
 * stay, so that every later entry and checkpoint can still be proven. Layer: server/audit. Thread:
 * service threads. */
#ifndef MRL_AUDIT_PRUNE_H
#define MRL_AUDIT_PRUNE_H

#include "audit/audit.h"

/* Removes entries before number before, down to a whole bundle, none that no checkpoint covers. e
 * is appended first, with the new first number as its detail "first"; its details must be empty. In
 * pieces, so that other writers are not held up; one that was cut off is asked for again.
 * MRL_ERR_STATE: nothing to remove. */
struct mrl_audit_pruned {
    uint64_t first;   /* where the log begins now */
    uint64_t entries; /* that were removed */
};
mrl_err mrl_audit_prune(struct mrl_store *store, uint64_t before, const struct mrl_audit_event *e,
                        struct mrl_audit_pruned *out, struct mrl_why *why);

/* The first entry at or after time_ms, by the index of epochs (so to the epoch); 0: none is older.
 */
mrl_err mrl_audit_before_time(struct mrl_store *store, int64_t time_ms, uint64_t *before);

#endif
