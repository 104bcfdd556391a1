/* SPDX-License-Identifier: Apache-2.0 */
/* Inclusion and consistency (RFC 6962 2.1.1, 2.1.2; verified as in RFC 9162 2.1.3.2, 2.1.4.2).
 * Layer: tlog. Thread: any. */
#ifndef MRL_TLOG_PROOF_H
#define MRL_TLOG_PROOF_H

#include "tlog/tile.h"

enum { MRL_TLOG_PROOF_MAX = 64 };

struct mrl_tlog_proof {
    size_t count;
    struct mrl_tlog_hash path[MRL_TLOG_PROOF_MAX];
};

/* MRL_ERR_INVALID: index is not below size, old is above size, size is above MRL_TLOG_SIZE_MAX.
 * MRL_ERR_CORRUPT: a tile is too short; errors of read are handed on. From size 0 everything is
 * consistent, and the proof is empty. On failure out holds nothing of use. */
mrl_err mrl_tlog_prove_inclusion(const struct mrl_tlog_tiles *t, uint64_t index, uint64_t size,
                                 struct mrl_tlog_proof *out);
mrl_err mrl_tlog_prove_consistency(const struct mrl_tlog_tiles *t, uint64_t old, uint64_t size,
                                   struct mrl_tlog_proof *out);

/* MRL_ERR_CORRUPT: the proof does not hold, for whatever reason. */
mrl_err mrl_tlog_check_inclusion(const struct mrl_tlog_proof *p, uint64_t index, uint64_t size,
                                 const struct mrl_tlog_hash *leaf,
                                 const struct mrl_tlog_hash *root);
mrl_err mrl_tlog_check_consistency(const struct mrl_tlog_proof *p, uint64_t old,
                                   const struct mrl_tlog_hash *old_root, uint64_t size,
                                   const struct mrl_tlog_hash *root);

#endif
