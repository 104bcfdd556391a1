/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the stored log. Layer: server/audit. Thread: inside mrl_store_read (or a write job). */
#ifndef MRL_AUDIT_READ_H
#define MRL_AUDIT_READ_H

#include "audit/event.h"
#include "audit/row.h"

enum { MRL_AUDIT_LIST_MAX = 1000 };

/* Zero and empty mean: any. Borrowed for the call. */
struct mrl_audit_filter {
    mrl_bytes action_prefix; /* "device." or "device.added"; [a-z._] only, else MRL_ERR_INVALID */
    mrl_bytes actor;         /* "<kind>:<id>", exactly, the id opened */
    mrl_bytes target;        /* exactly */
    const enum mrl_audit_outcome *outcome;
    int64_t since_ms;    /* at or after */
    uint64_t after_seq;  /* greater */
    uint64_t before_seq; /* smaller */
    bool newest_first;
    unsigned limit;      /* 1..MRL_AUDIT_LIST_MAX, else MRL_ERR_LIMIT */
    struct mrl_why *why; /* may be NULL: the sentence of MRL_ERR_CORRUPT */
};
/* Calls each for every matching entry; row is borrowed for the call. An error of each ends the list
 * and is returned. An entry whose text cannot be read any more matches every filter that is not
 * answered from the index. MRL_ERR_CORRUPT: an envelope does not open. */
mrl_err mrl_audit_list(struct mrl_tx *tx, const struct mrl_audit_filter *f,
                       mrl_err (*each)(void *context, const struct mrl_audit_row *row),
                       void *context);

/* One entry. MRL_ERR_NOT_FOUND: there is none of this number, or it was pruned (why says which). */
mrl_err mrl_audit_show(struct mrl_tx *tx, uint64_t seq,
                       mrl_err (*each)(void *context, const struct mrl_audit_row *row),
                       void *context, struct mrl_why *why);

/* Numbers of the first and the last entry that is there; both 0: the log is empty. */
mrl_err mrl_audit_bounds(struct mrl_tx *tx, uint64_t *first, uint64_t *last);

#endif
