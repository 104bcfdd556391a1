/* SPDX-License-Identifier: Apache-2.0 */
/* Walking over stored entries. Layer: server/audit, internal. Thread: inside a transaction. */
#ifndef MRL_AUDIT_ENTRIES_H
#define MRL_AUDIT_ENTRIES_H

#include "audit/log.h"
#include "audit/row.h"

/* Opens what is sealed beside a row that was read closed; *out gets views of plain, which is
 * cleared before. MRL_ERR_CORRUPT: it does not open; why (may be NULL) has the place. */
mrl_err mrl_audit_open_row(struct mrl_tx *tx, const struct mrl_audit_row *row,
                           struct mrl_buf *plain, struct mrl_audit_openings *out,
                           struct mrl_why *why);

typedef mrl_err mrl_audit_visit(void *context, const struct mrl_audit_row *row);

/* Each entry with from <= seq <= to, in order, upwards or (newest_first) downwards. An error of
 * visit ends it and is returned. why (may be NULL): the sentence of an envelope that does not open.
 */
struct mrl_audit_range {
    uint64_t from, to;
    bool newest_first;
    enum {
        MRL_AUDIT_CLOSED,   /* row->opened is empty */
        MRL_AUDIT_OPENED,   /* one that does not open is MRL_ERR_CORRUPT */
        MRL_AUDIT_OPENABLE, /* one that does not open is left closed */
    } open;
};
mrl_err mrl_audit_walk_entries(struct mrl_tx *tx, const struct mrl_audit_range *range,
                               mrl_audit_visit *visit, void *context, struct mrl_why *why);

#endif
