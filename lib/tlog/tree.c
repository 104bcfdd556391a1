/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/tree.h"

#include "base/attr.h"
#include "crypto/hash.h"

static size_t peak_count(uint64_t size)
{
    return (size_t)__builtin_popcountll(size);
}

mrl_err mrl_tlog_tree_add(struct mrl_tlog_tree *t, const struct mrl_tlog_hash *leaf)
{
    struct mrl_tlog_hash hash = *leaf;
    size_t peaks = peak_count(t->size);

    MRL_ENSURE(t->size < MRL_TLOG_SIZE_MAX, MRL_ERR_LIMIT);
    for (uint64_t rest = t->size; (rest & 1) != 0; rest >>= 1)
        MRL_TRY(mrl_tlog_node(&t->peaks[--peaks], &hash, &hash));
    t->peaks[peaks] = hash;
    t->size++;
    return MRL_OK;
}

mrl_err mrl_tlog_tree_root(const struct mrl_tlog_tree *t, struct mrl_tlog_hash *out)
{
    size_t peaks = peak_count(t->size);
    struct mrl_tlog_hash root;

    if (peaks == 0)
        return mrl_sha256(MRL_BYTES_NONE, out->bytes);
    root = t->peaks[--peaks];
    while (peaks > 0)
        MRL_TRY(mrl_tlog_node(&t->peaks[--peaks], &root, &root));
    *out = root;
    return MRL_OK;
}
