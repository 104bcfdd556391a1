/* SPDX-License-Identifier: Apache-2.0 */
/* What searches look at, out of the canonical text of an entry, without making a tree of it. Layer:
 * server/audit, internal. Thread: any. */
#ifndef MRL_AUDIT_SCAN_H
#define MRL_AUDIT_SCAN_H

#include "audit/row.h"

struct mrl_audit_scan { /* views of the text; empty: not there */
    mrl_bytes action, kind, actor, target, outcome;
    int64_t time_ms;
    uint64_t seq;
};
/* MRL_ERR_UNSUPPORTED: a wanted value has escapes, or the text is not one this program wrote: read
 * it as JSON. */
mrl_err mrl_audit_scan(mrl_bytes json, struct mrl_audit_scan *out);

#endif
