/* SPDX-License-Identifier: Apache-2.0 */
/* Which checkpoints of the audit log are signed. Layer: keys. Thread: one owner.
 * Each must be consistent with the one before, which is the last signed since the start, or the
 * one that the first request brings. */
#ifndef MRL_KEYS_CHECKPOINT_H
#define MRL_KEYS_CHECKPOINT_H

#include "keys/message.h"
#include "tlog/checkpoint.h"
#include "tlog/tree.h"

/* Start with {0}. */
struct mrl_signed {
    bool known; /* the fields below hold */
    uint64_t size;
    struct mrl_tlog_hash root;
};

/* Decides and remembers; *out is what to sign, with origin's memory. own is the key that signs.
 * MRL_ERR_DENIED: goes back, forked, the proof does not hold, or the first request's note is not
 * own's; MRL_ERR_STATE: the proof is not from the size signed last; MRL_ERR_INVALID: a size that no
 * log has. */
mrl_err mrl_signed_advance(struct mrl_signed *s, const struct mrl_keys_checkpoint *want,
                           const struct mrl_note_key *own, struct mrl_checkpoint *out,
                           struct mrl_why *why);

#endif
