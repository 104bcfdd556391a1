/* SPDX-License-Identifier: Apache-2.0 */
/* What searches look at, out of an entry. Layer: server/audit, internal. Thread: any. */
#ifndef MRL_AUDIT_FACTS_H
#define MRL_AUDIT_FACTS_H

#include "audit/row.h"
#include "audit/scan.h"
#include "base/json.h"

struct mrl_audit_facts {
    json_t *root;                                   /* owned; NULL when it was not needed */
    mrl_bytes action, kind, actor, target, outcome; /* views; opened, or as it stands */
    int64_t time_ms;
    uint64_t seq;
};
/* MRL_ERR_CORRUPT: not the text of an entry. Undone by mrl_audit_facts_done. */
mrl_err mrl_audit_facts_read(const struct mrl_audit_row *row, struct mrl_audit_facts *out);
/* The same, strictly, and root is there. */
mrl_err mrl_audit_facts_parse(const struct mrl_audit_row *row, struct mrl_audit_facts *out);
void mrl_audit_facts_done(struct mrl_audit_facts *f);

#endif
