/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes of parts of a log, out of its tiles. Private to lib/tlog. Layer: tlog. Thread: one owner.
 */
#ifndef MRL_TLOG_RANGE_H
#define MRL_TLOG_RANGE_H

#include "tlog/tile.h"

/* Reads tiles of a log of size leaves; the last one read is kept, as neighbours are asked for
 * together. Start with {tiles, size}. */
struct mrl_tlog_ranges {
    const struct mrl_tlog_tiles *tiles; /* borrowed */
    uint64_t size;
    struct mrl_tlog_tile tile; /* width 0: none was read */
    mrl_bytes hashes;
};

/* RFC 6962 2.1: MTH(D[from:to]), from < to <= size, where from is a multiple of the smallest power
 * of two that is not below to - from: what proofs and roots consist of. */
mrl_err mrl_tlog_range(struct mrl_tlog_ranges *r, uint64_t from, uint64_t to,
                       struct mrl_tlog_hash *out);

#endif
