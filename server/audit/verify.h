/* SPDX-License-Identifier: Apache-2.0 */
/* Verification of the whole stored log. Layer: server/audit. Thread: inside mrl_store_read. */
#ifndef MRL_AUDIT_VERIFY_H
#define MRL_AUDIT_VERIFY_H

#include "audit/checkpoint.h"

struct mrl_audit_verdict {
    uint64_t first;            /* where the log begins: above 1 after pruning */
    uint64_t entries;          /* number of the last entry that was looked at */
    uint64_t signed_entries;   /* of the largest checkpoint that held */
    struct mrl_tlog_hash root; /* of the last checkpoint that held */
    uint64_t bad_from, bad_to; /* entries of which at least one is wrong or missing; 0: all good */
    struct mrl_why why;        /* what is wrong */
};
/* Recomputes all, streaming: entries and their numbers, what opens their commitments, leaf hashes
 * against the tiles, the root against every stored checkpoint and its signature, the search index.
 * progress (may be NULL) is called every 4096 entries; false stops with MRL_ERR_CLOSED. MRL_OK:
 * verified, the finding (good or bad) is in *out; another error: the verification itself failed. */
mrl_err mrl_audit_verify(struct mrl_tx *tx, bool (*progress)(void *context, uint64_t seq),
                         void *context, struct mrl_audit_verdict *out);

#endif
