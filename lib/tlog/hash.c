/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/hash.h"

#include <string.h>

#include "base/attr.h"
#include "crypto/hash.h"

_Static_assert((int)MRL_TLOG_HASH == (int)MRL_SHA256_SIZE, "the hash of a log is SHA-256");

mrl_err mrl_tlog_leaf(mrl_bytes entry, struct mrl_tlog_hash *out)
{
    const mrl_bytes parts[] = {MRL_LIT("\0"), entry};

    return mrl_sha256_parts(parts, MRL_COUNT(parts), out->bytes);
}

mrl_err mrl_tlog_node(const struct mrl_tlog_hash *left, const struct mrl_tlog_hash *right,
                      struct mrl_tlog_hash *out)
{
    uint8_t joined[1 + 2 * MRL_TLOG_HASH] = {1};
    const mrl_bytes whole = mrl_bytes_of(joined, sizeof(joined));

    memcpy(joined + 1, left->bytes, MRL_TLOG_HASH);
    memcpy(joined + 1 + MRL_TLOG_HASH, right->bytes, MRL_TLOG_HASH);
    return mrl_sha256_parts(&whole, 1, out->bytes);
}

bool mrl_tlog_hash_eq(const struct mrl_tlog_hash *a, const struct mrl_tlog_hash *b)
{
    return memcmp(a->bytes, b->bytes, MRL_TLOG_HASH) == 0;
}
