/* SPDX-License-Identifier: Apache-2.0 */
/* What a record was before a change and is after it, as a digest for the entry. Layer:
 * server/audit. Thread: inside a transaction. */
#ifndef MRL_AUDIT_DIGEST_H
#define MRL_AUDIT_DIGEST_H

#include "audit/event.h"
#include "store/tx.h"

/* SHA-256 over every column of every row that sql selects (one record: ORDER BY when it has several
 * rows). Canonical form of a row: number of columns u32, then each as NULL u8 (1: NULL), integer
 * i64, bytes (blob32). Without a row *out says that nothing is known. */
mrl_err mrl_audit_digest(struct mrl_tx *tx, const char *sql, const struct mrl_value *args, size_t n,
                         struct mrl_audit_digest *out);

#endif
