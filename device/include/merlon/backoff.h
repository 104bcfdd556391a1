/* SPDX-License-Identifier: Apache-2.0 */
/* When to try again: exponential backoff with full jitter, so that a fleet that lost its server
 * does not come back in one moment. Plain C11, no heap, no clock, no random source of its own. */
#ifndef MERLON_BACKOFF_H
#define MERLON_BACKOFF_H

#include <stdint.h>

struct merlon_backoff {
    uint32_t base_ms; /* ceiling of the first delay */
    uint32_t cap_ms;  /* ceiling of every delay; below UINT32_MAX */
    uint32_t tries;   /* failures in a row; set to 0 after a success */
};

/* Uniform in [0, bound); bound is above 0. */
typedef uint32_t (*merlon_random_below)(void *context, uint32_t bound);

/* Ceiling of the next delay: min(cap_ms, base_ms * 2^tries), without overflow. */
uint32_t merlon_backoff_ceiling(const struct merlon_backoff *b);
/* The next delay in ms, uniform in [0, ceiling] both included; counts one more try. */
uint32_t merlon_backoff_next(struct merlon_backoff *b, merlon_random_below below, void *context);

#endif
