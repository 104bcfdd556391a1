/* SPDX-License-Identifier: Apache-2.0 */
/* One stored entry: its text, what opens its commitments, and what is searched for. Layer:
 * server/audit. Thread: inside a transaction. */
#ifndef MRL_AUDIT_ROW_H
#define MRL_AUDIT_ROW_H

#include "audit/opening.h"
#include "store/tx.h"

struct mrl_audit_row {
    uint64_t seq;
    mrl_bytes json;                          /* canonical text: what the log proves */
    const struct mrl_audit_openings *opened; /* never NULL; empty: nothing personal, or erased */
    mrl_bytes sealed;                        /* what they were opened from, as it is stored */
};

#endif
