/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints (c2sp.org/tlog-checkpoint): what a log's key signs. Layer: tlog. Thread: any. */
#ifndef MRL_TLOG_CHECKPOINT_H
#define MRL_TLOG_CHECKPOINT_H

#include "tlog/note.h"
#include "tlog/proof.h"

enum { MRL_CHECKPOINT_TEXT_MAX = 512 };

struct mrl_checkpoint {
    mrl_bytes origin; /* view */
    uint64_t size;
    struct mrl_tlog_hash root;
};
/* "<origin>\n<size>\n<base64 of root>\n", no NUL, no extension lines. MRL_ERR_INVALID: not an
 * origin (empty, LF, plus sign or blank inside) or too long. *out is a view of to. */
mrl_err mrl_checkpoint_text(const struct mrl_checkpoint *c, char to[static MRL_CHECKPOINT_TEXT_MAX],
                            mrl_bytes *out);
/* From the text of a note; extension lines are passed over. MRL_ERR_MALFORMED. */
mrl_err mrl_checkpoint_read(mrl_bytes text, struct mrl_checkpoint *out);

/* Reads a note, checks that k signed it and that its origin is the name of k. Errors of
 * mrl_note_read and mrl_note_check; MRL_ERR_MALFORMED: no checkpoint; MRL_ERR_INVALID: of another
 * origin. */
mrl_err mrl_checkpoint_open(mrl_bytes note, const struct mrl_note_key *k, struct mrl_note *parsed,
                            struct mrl_checkpoint *out, struct mrl_why *why);

/* POST /add-checkpoint of c2sp.org/tlog-witness: "old <size>\n", proof lines, blank line, note.
 * At most 63 lines of proof: MRL_ERR_LIMIT. The note is not looked at. */
struct mrl_add_checkpoint {
    uint64_t old;
    struct mrl_tlog_proof proof;
    mrl_bytes note; /* view */
};
mrl_err mrl_add_checkpoint_read(mrl_bytes body, struct mrl_add_checkpoint *out);
mrl_err mrl_add_checkpoint_write(const struct mrl_add_checkpoint *a, struct mrl_buf *out);

/* One offline proof, c2sp.org/tlog-proof: "c2sp.org/tlog-proof@v1\n", optional "extra <base64>\n",
 * "index <n>\n", the path in base64, a blank line, the checkpoint with all its signatures. */
struct mrl_proof_file {
    mrl_bytes extra; /* decoded into the reader's buffer; empty: none */
    uint64_t index;
    struct mrl_tlog_proof proof;
    mrl_bytes note; /* view */
};
mrl_err mrl_proof_file_write(const struct mrl_proof_file *p, struct mrl_buf *out);
/* The same limits. extra is cleared first; its own limit applies. */
mrl_err mrl_proof_file_read(mrl_bytes text, struct mrl_buf *extra, struct mrl_proof_file *out);

#endif
