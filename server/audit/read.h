/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and verifying the stored log. Layer: server/audit. Thread: inside mrl_store_read. */
#ifndef MRL_AUDIT_READ_H
#define MRL_AUDIT_READ_H

#include "audit/chain.h"
#include "audit/event.h"
#include "store/tx.h"

enum { MRL_AUDIT_LIST_MAX = 1000 };

/* Zero and empty mean: any. Borrowed for the call. */
struct mrl_audit_filter {
    mrl_bytes action_prefix; /* "device." or "device.added"; [a-z._] only, else MRL_ERR_INVALID */
    mrl_bytes actor;         /* "<kind>:<id>", exactly */
    mrl_bytes target;        /* exactly */
    const enum mrl_audit_outcome *outcome;
    int64_t since_ms;    /* at or after */
    uint64_t after_seq;  /* greater */
    uint64_t before_seq; /* smaller */
    bool newest_first;
    unsigned limit; /* 1..MRL_AUDIT_LIST_MAX, else MRL_ERR_LIMIT */
};
/* Calls each for every matching entry; row is borrowed for the call. An error of each ends the list
 * and is returned. */
mrl_err mrl_audit_list(struct mrl_tx *tx, const struct mrl_audit_filter *f,
                       mrl_err (*each)(void *context, const struct mrl_audit_row *row),
                       void *context);

enum { MRL_AUDIT_HEADS_MAX = 1000 };
/* The signed heads of sizes above after, smallest first, with the time they were signed at; limit:
 * 1..MRL_AUDIT_HEADS_MAX, else MRL_ERR_LIMIT. Views are borrowed for the call of each, an error of
 * which ends the list and is returned. */
mrl_err mrl_audit_heads(struct mrl_tx *tx, uint64_t after, unsigned limit,
                        mrl_err (*each)(void *context, const struct mrl_audit_signed_head *head,
                                        int64_t time_ms),
                        void *context);

struct mrl_audit_verdict {
    struct mrl_audit_head head; /* as far as it was good */
    uint64_t signed_size;       /* largest signed head that held; 0: none */
    uint64_t bad;               /* first entry that is wrong or missing; 0: all good */
    struct mrl_why why;         /* what is wrong with it */
};
/* Recomputes the whole log, streaming: chain, numbers, the search columns against the text, every
 * signed head, and that no signed head is beyond the log. key: the audit public key. progress (may
 * be NULL) is called every 1,000 entries; false stops with MRL_ERR_CLOSED. MRL_OK: verified, the
 * finding (good or bad) is in *out. */
mrl_err mrl_audit_verify(struct mrl_tx *tx, const struct mrl_key *key,
                         bool (*progress)(void *context, uint64_t seq), void *context,
                         struct mrl_audit_verdict *out);

#endif
