/* SPDX-License-Identifier: Apache-2.0 */
#include "merlon/backoff.h"

uint32_t merlon_backoff_ceiling(const struct merlon_backoff *b)
{
    uint64_t ceiling = b->base_ms;
    uint32_t cap = b->cap_ms < UINT32_MAX ? b->cap_ms : UINT32_MAX - 1;

    for (uint32_t i = 0; i < b->tries && ceiling < cap; i++)
        ceiling *= 2;
    return ceiling < cap ? (uint32_t)ceiling : cap;
}

uint32_t merlon_backoff_next(struct merlon_backoff *b, merlon_random_below below, void *context)
{
    uint32_t ceiling = merlon_backoff_ceiling(b);

    if (b->tries < UINT32_MAX)
        b->tries++;
    return below(context, ceiling + 1);
}
