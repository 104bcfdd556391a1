/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/checkpoint.h"

#include <inttypes.h>
#include <string.h>

_Static_assert((int)MRL_KEYS_HASH_SIZE == (int)MRL_TLOG_HASH, "hashes of the log");
_Static_assert((int)MRL_KEYS_PROOF_MAX == (int)MRL_TLOG_PROOF_MAX, "proofs of the log");

/* The checkpoint that the daemon has stored. Whoever signed it, we go on from it only when it was
 * us. */
static mrl_err from_note(mrl_bytes note, const struct mrl_note_key *own, struct mrl_signed *out,
                         struct mrl_why *why)
{
    struct mrl_checkpoint c;
    struct mrl_note parsed;
    struct mrl_why reason = {0};

    if (mrl_checkpoint_open(note, own, &parsed, &c, &reason) != MRL_OK)
        return mrl_fail(why, MRL_ERR_DENIED, "the stored checkpoint is not one of this log: %.150s",
                        reason.text);
    *out = (struct mrl_signed){true, c.size, c.root};
    return MRL_OK;
}

static mrl_err begin(struct mrl_signed *s, mrl_bytes note, const struct mrl_note_key *own,
                     struct mrl_why *why)
{
    const struct mrl_tlog_tree empty = {0};

    if (s->known)
        return MRL_OK;
    if (note.len > 0)
        return from_note(note, own, s, why);
    s->size = 0;
    return mrl_tlog_tree_root(&empty, &s->root);
}

static mrl_err check_proof(const struct mrl_signed *s, const struct mrl_keys_checkpoint *want,
                           const struct mrl_tlog_hash *root, struct mrl_why *why)
{
    struct mrl_tlog_proof proof = {.count = want->proof.len / MRL_TLOG_HASH};

    if (want->old != s->size)
        return mrl_fail(why, MRL_ERR_STATE,
                        "the last checkpoint is of size %" PRIu64 ", the proof is from %" PRIu64,
                        s->size, want->old);
    if (want->proof.len > 0)
        memcpy(proof.path, want->proof.data, want->proof.len);
    if (mrl_tlog_check_consistency(&proof, s->size, &s->root, want->size, root) != MRL_OK)
        return mrl_fail(why, MRL_ERR_DENIED,
                        "size %" PRIu64 " does not contain the log of size %" PRIu64
                        " that was signed",
                        want->size, s->size);
    return MRL_OK;
}

static mrl_err check(const struct mrl_signed *s, const struct mrl_keys_checkpoint *want,
                     const struct mrl_tlog_hash *root, struct mrl_why *why)
{
    if (want->size < s->size)
        return mrl_fail(why, MRL_ERR_DENIED,
                        "a checkpoint of size %" PRIu64 " was signed: %" PRIu64 " would go back",
                        s->size, want->size);
    if (want->size > s->size)
        return check_proof(s, want, root, why);
    if (!mrl_tlog_hash_eq(root, &s->root))
        return mrl_fail(why, MRL_ERR_DENIED,
                        "another checkpoint of the same size %" PRIu64
                        " was signed: the log forked",
                        want->size);
    return MRL_OK;
}

mrl_err mrl_signed_advance(struct mrl_signed *s, const struct mrl_keys_checkpoint *want,
                           const struct mrl_note_key *own, struct mrl_checkpoint *out,
                           struct mrl_why *why)
{
    struct mrl_tlog_hash root;

    if (want->size > MRL_TLOG_SIZE_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "no log is as large as %" PRIu64, want->size);
    memcpy(root.bytes, want->root.data, MRL_TLOG_HASH); /* of this size: the reader checked */
    MRL_TRY(begin(s, want->note, own, why));
    MRL_TRY(check(s, want, &root, why));
    *s = (struct mrl_signed){true, want->size, root};
    *out = (struct mrl_checkpoint){mrl_str(own->name), want->size, root};
    return MRL_OK;
}
