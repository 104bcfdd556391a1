/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/renewal.h"

enum { SHARES = 1000, LEAST_MS = 500, BASE_MOST_MS = 60000, CAP_MOST_MS = 3600000 };

/* FNV-1a: the same in every run and on every machine, which mrl_hash is not. */
static uint32_t spread(mrl_bytes device)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < device.len; i++)
        h = (h ^ device.data[i]) * 16777619u;
    return (h ^ h >> 16) % (SHARES + 1);
}

static int64_t life_ms(int64_t not_before_s, int64_t not_after_s)
{
    return not_after_s > not_before_s ? (not_after_s - not_before_s) * 1000 : 0;
}

int64_t mrl_renewal_at(int64_t not_before_s, int64_t not_after_s, mrl_bytes device)
{
    int64_t third = life_ms(not_before_s, not_after_s) / 3;

    return not_after_s * 1000 - third + third / SHARES * 3 / 4 * spread(device);
}

static uint32_t between(int64_t v, int64_t least, int64_t most)
{
    return (uint32_t)(v < least ? least : v > most ? most : v);
}

struct merlon_backoff mrl_renewal_backoff(int64_t not_before_s, int64_t not_after_s)
{
    int64_t life = life_ms(not_before_s, not_after_s);

    return (struct merlon_backoff){.base_ms = between(life / 40, LEAST_MS, BASE_MOST_MS),
                                   .cap_ms = between(life / 12, LEAST_MS, CAP_MOST_MS)};
}
