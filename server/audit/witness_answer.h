/* SPDX-License-Identifier: Apache-2.0 */
/* What a witness answers, c2sp.org/tlog-witness. Layer: server/audit, internal. Thread: any. */
#ifndef MRL_AUDIT_WITNESS_ANSWER_H
#define MRL_AUDIT_WITNESS_ANSWER_H

#include "tlog/note.h"

/* 200: the signature lines of a checkpoint. Appends the line of the witness to line, *time is when
 * it cosigned, seconds since 1970. text: of the checkpoint. MRL_ERR_MALFORMED: no lines.
 * MRL_ERR_NOT_FOUND: none is of this witness. MRL_ERR_CRYPTO: one of it does not hold. */
mrl_err mrl_witness_cosignature(mrl_bytes body, mrl_bytes text, const struct mrl_note_key *witness,
                                struct mrl_buf *line, uint64_t *time);
/* 409: the size it cosigned last. MRL_ERR_MALFORMED. */
mrl_err mrl_witness_size(mrl_bytes body, uint64_t *out);

#endif
