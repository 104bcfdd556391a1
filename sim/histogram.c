/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/histogram.h"

enum { SUB_BITS = 6 };

/* Values below 2 * 64 have a bucket each; above, 64 buckets share a power of two. */
static unsigned bucket_of(uint64_t value)
{
    unsigned shift = 0;

    while (value >> shift >= 2 * MRL_HISTOGRAM_SUB)
        shift++;
    return shift * MRL_HISTOGRAM_SUB + (unsigned)(value >> shift);
}

static uint64_t end_of(unsigned bucket)
{
    unsigned shift = bucket < 2 * MRL_HISTOGRAM_SUB ? 0 : bucket / MRL_HISTOGRAM_SUB - 1;
    uint64_t at = bucket - (uint64_t)shift * MRL_HISTOGRAM_SUB;

    return ((at + 1) << shift) - 1;
}

void mrl_histogram_add(struct mrl_histogram *h, uint64_t value)
{
    if (value > MRL_HISTOGRAM_MOST)
        value = MRL_HISTOGRAM_MOST;
    h->count++;
    h->buckets[bucket_of(value)]++;
    if (value > h->largest)
        h->largest = value;
}

void mrl_histogram_merge(struct mrl_histogram *into, const struct mrl_histogram *from)
{
    into->count += from->count;
    if (from->largest > into->largest)
        into->largest = from->largest;
    for (unsigned i = 0; i < MRL_HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

uint64_t mrl_histogram_at(const struct mrl_histogram *h, unsigned per_mille)
{
    uint64_t wanted = (h->count * per_mille + 999) / 1000, seen = 0;

    if (wanted == 0)
        wanted = h->count > 0;
    for (unsigned i = 0; i < MRL_HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= wanted && seen > 0)
            return end_of(i) < h->largest ? end_of(i) : h->largest;
    }
    return 0;
}
