/* SPDX-License-Identifier: Apache-2.0 */
/* The witness's own key: an Ed25519 key in the state folder. Layer: witness. Thread: any; it does
 * not change once loaded. */
#ifndef MRL_WITNESS_IDENTITY_H
#define MRL_WITNESS_IDENTITY_H

#include "tlog/note.h"
#include "witness/folder.h"

struct mrl_witness_identity {
    struct mrl_key *key;        /* owned; private */
    struct mrl_note_key public; /* kind MRL_NOTE_COSIGNATURE */
};
void mrl_witness_identity_done(struct mrl_witness_identity *i);

/* Makes the key; durable on MRL_OK. MRL_ERR_EXISTS: there is one, which stays. */
mrl_err mrl_witness_identity_create(const struct mrl_witness_folder *f, struct mrl_why *why);
/* MRL_ERR_NOT_FOUND: no key yet; MRL_ERR_INVALID: not a name; MRL_ERR_CORRUPT. */
mrl_err mrl_witness_identity_load(const struct mrl_witness_folder *f, mrl_bytes name,
                                  struct mrl_witness_identity *out, struct mrl_why *why);

/* Appends the line of a cosignature: that the checkpoint with this text was consistent at time
 * (seconds since 1970). */
mrl_err mrl_witness_cosign(const struct mrl_witness_identity *i, mrl_bytes text, uint64_t time,
                           struct mrl_buf *line);

#endif
