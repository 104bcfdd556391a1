/* SPDX-License-Identifier: Apache-2.0 */
/* Erasure of what opens the personal fields of one actor. Layer: server/audit. Thread: service
 * threads. Entries, tiles and proofs stay what they were; the commitments in them can no longer be
 * opened by anybody, nor found by the search index. */
#ifndef MRL_AUDIT_ERASE_H
#define MRL_AUDIT_ERASE_H

#include "audit/audit.h"
#include "store/tx.h"

/* actor: "<kind>:<id>" as mrl_audit_filter has it. Of entries it caused: id and source; of entries
 * about it, when it is an operator: the target. e is appended first, with the number of entries as
 * its detail "entries"; its details must be empty. An erasure that was cut off is asked for again.
 * Epoch by epoch, so that other writers are not held up. MRL_ERR_INVALID: not an actor. */
struct mrl_audit_erased {
    uint64_t entries; /* that lost something */
    uint64_t seq;     /* number of e */
};
mrl_err mrl_audit_erase(struct mrl_store *store, mrl_bytes actor, const struct mrl_audit_event *e,
                        struct mrl_audit_erased *out, struct mrl_why *why);

#endif
