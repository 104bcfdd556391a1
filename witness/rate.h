/* SPDX-License-Identifier: Apache-2.0 */
/* How often one source may ask. Layer: witness. Thread: one owner. */
#ifndef MRL_WITNESS_RATE_H
#define MRL_WITNESS_RATE_H

#include "net/address.h"

/* Sources share a bucket when their networks fall into the same of so many: memory does not grow.
 */
enum { MRL_WITNESS_BUCKETS = 1024, MRL_WITNESS_BURST = 10 };

struct mrl_witness_rate {
    uint64_t per_second;
    struct mrl_witness_bucket {
        uint64_t used_milli; /* thousandths of a request; 0: nothing was asked for a while */
        uint64_t at_ms;
    } buckets[MRL_WITNESS_BUCKETS];
};

/* Counts a request; false: too many from this network (IPv4: the address, IPv6: /64). */
bool mrl_witness_rate_take(struct mrl_witness_rate *r, const struct mrl_peer *peer,
                           uint64_t now_ms);

#endif
