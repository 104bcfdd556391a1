/* SPDX-License-Identifier: Apache-2.0 */
/* How long things took: counts in buckets whose width grows with the value, so that every
 * percentile is known to 1/64 of itself. Plain memory without pointers: it may lie in memory shared
 * with another process. Layer: sim. Thread: one owner. */
#ifndef MRL_SIM_HISTOGRAM_H
#define MRL_SIM_HISTOGRAM_H

#include <stdint.h>

enum {
    MRL_HISTOGRAM_SUB = 64, /* buckets for each power of two */
    MRL_HISTOGRAM_BITS = 42,
    MRL_HISTOGRAM_BUCKETS = (MRL_HISTOGRAM_BITS - 5) * MRL_HISTOGRAM_SUB,
};
#define MRL_HISTOGRAM_MOST                                                 \
    ((UINT64_C(1) << MRL_HISTOGRAM_BITS) - 1) /* larger values count as it \
                                               */

struct mrl_histogram { /* zeroed memory is an empty one */
    uint64_t count;
    uint64_t largest;
    uint64_t buckets[MRL_HISTOGRAM_BUCKETS];
};

void mrl_histogram_add(struct mrl_histogram *h, uint64_t value);
void mrl_histogram_merge(struct mrl_histogram *into, const struct mrl_histogram *from);
/* The value that `per_mille` of 1000 values do not exceed, rounded up to its bucket's end, but
 * never above the largest that was added. 0 when empty. */
uint64_t mrl_histogram_at(const struct mrl_histogram *h, unsigned per_mille);

#endif
