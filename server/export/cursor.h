/* SPDX-License-Identifier: Apache-2.0 */
/* How far each sink got, in the store. Layer: server/export, internal. Thread: one that may block.
 */
#ifndef MRL_EXPORT_CURSOR_H
#define MRL_EXPORT_CURSOR_H

#include "audit/audit.h"

/* The last entry of the log, 0: empty. */
mrl_err mrl_export_newest(struct mrl_store *store, uint64_t *seq);
/* The last confirmed entry of the sink. Without a cursor: 0, or with from_now the newest entry, and
 * it is stored. A cursor behind the end of the log (an older state of the store was restored) is
 * set back to it: the entries after are others than those that were sent. */
mrl_err mrl_export_cursor_load(struct mrl_store *store, mrl_bytes name, bool from_now,
                               uint64_t *seq);
mrl_err mrl_export_cursor_save(struct mrl_store *store, mrl_bytes name, uint64_t seq);

#endif
