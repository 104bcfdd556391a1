/* SPDX-License-Identifier: Apache-2.0 */
/* The log as outsiders read it: tiles, entry bundles, proofs (c2sp.org/tlog-tiles, tlog-proof).
 * Layer: server/audit. Thread: inside mrl_store_read. Everything is of the newest checkpoint. */
#ifndef MRL_AUDIT_PUBLISH_H
#define MRL_AUDIT_PUBLISH_H

#include "audit/checkpoint.h"

/* Appends the newest checkpoint, with the cosignatures collected for it. MRL_ERR_NOT_FOUND: there
 * is none yet. */
mrl_err mrl_audit_publish_checkpoint(struct mrl_tx *tx, struct mrl_buf *out);
/* Appends the bytes of a tile or bundle. MRL_ERR_NOT_FOUND: the log has none such. MRL_ERR_STATE: a
 * bundle that was pruned. MRL_ERR_CORRUPT: something is missing. */
mrl_err mrl_audit_publish_tile(struct mrl_tx *tx, struct mrl_tlog_tile tile, struct mrl_buf *out);
/* Appends a proof file for entry seq against the newest checkpoint. reveal: with the text and what
 * opens it as "extra" (JSON: {"entry": text, "opened": {field: {"salt","value"}}}).
 * MRL_ERR_NOT_FOUND: no such entry, or no checkpoint covers it yet; why says which. */
mrl_err mrl_audit_prove(struct mrl_tx *tx, uint64_t seq, bool reveal, struct mrl_buf *out,
                        struct mrl_why *why);

#endif
