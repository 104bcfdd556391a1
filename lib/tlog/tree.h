/* SPDX-License-Identifier: Apache-2.0 */
/* The right edge of a Merkle tree: all that appending and the root need. Layer: tlog. Thread: one
 * owner. */
#ifndef MRL_TLOG_TREE_H
#define MRL_TLOG_TREE_H

#include "tlog/hash.h"

/* Start with {0}. peaks: roots of the full subtrees that size is the sum of, the largest first. */
struct mrl_tlog_tree {
    uint64_t size;
    struct mrl_tlog_hash peaks[64];
};

/* Appends one leaf hash: about one node hash, amortised. MRL_ERR_LIMIT at MRL_TLOG_SIZE_MAX. */
mrl_err mrl_tlog_tree_add(struct mrl_tlog_tree *t, const struct mrl_tlog_hash *leaf);
/* RFC 6962 2.1; the root of the empty tree is SHA-256 of nothing. */
mrl_err mrl_tlog_tree_root(const struct mrl_tlog_tree *t, struct mrl_tlog_hash *out);

#endif
