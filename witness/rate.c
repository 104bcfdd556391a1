/* SPDX-License-Identifier: Apache-2.0 */
#include "witness/rate.h"

#include "base/map.h"

enum { MILLI = 1000 };

bool mrl_witness_rate_take(struct mrl_witness_rate *r, const struct mrl_peer *peer, uint64_t now_ms)
{
    struct mrl_witness_bucket *b;
    struct mrl_prefix network;
    uint64_t given_back;

    mrl_peer_prefix(peer, MRL_PREFIX_IPV4_BITS, MRL_PREFIX_IPV6_BITS, &network);
    b = &r->buckets[mrl_hash(mrl_bytes_of(network.bytes, sizeof(network.bytes))) %
                    MRL_WITNESS_BUCKETS];
    given_back =
        (now_ms - b->at_ms) * r->per_second; /* a millisecond is worth that many thousandths */
    b->used_milli = b->used_milli > given_back ? b->used_milli - given_back : 0;
    b->at_ms = now_ms;
    if (b->used_milli + MILLI > r->per_second * MRL_WITNESS_BURST * MILLI)
        return false;
    b->used_milli += MILLI;
    return true;
}
