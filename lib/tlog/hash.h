/* SPDX-License-Identifier: Apache-2.0 */
/* The two hashes of a Merkle log (RFC 6962 2.1). Layer: tlog. Thread: any. Errors: MRL_ERR_CRYPTO,
 * when OpenSSL cannot. */
#ifndef MRL_TLOG_HASH_H
#define MRL_TLOG_HASH_H

#include "base/bytes.h"
#include "base/err.h"

enum { MRL_TLOG_HASH = 32 };
/* Leaves of a log at most: what other implementations hold in a signed number. */
#define MRL_TLOG_SIZE_MAX ((uint64_t)INT64_MAX)

struct mrl_tlog_hash {
    uint8_t bytes[MRL_TLOG_HASH];
};

/* SHA-256(0x00 | entry). */
mrl_err mrl_tlog_leaf(mrl_bytes entry, struct mrl_tlog_hash *out);
/* SHA-256(0x01 | left | right). */
mrl_err mrl_tlog_node(const struct mrl_tlog_hash *left, const struct mrl_tlog_hash *right,
                      struct mrl_tlog_hash *out);
bool mrl_tlog_hash_eq(const struct mrl_tlog_hash *a, const struct mrl_tlog_hash *b);

#endif
