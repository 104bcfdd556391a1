/* SPDX-License-Identifier: Apache-2.0 */
/* When a certificate is renewed. Pure. Layer: device. */
#ifndef MRL_AGENT_RENEWAL_H
#define MRL_AGENT_RENEWAL_H

#include "base/bytes.h"
#include "merlon/backoff.h"

/* Where the life of a certificate begins for us: when we got it, as a server may date it back by
 * more than it lives; not_before when got_s (0: not known) cannot be true. */
int64_t mrl_renewal_since(int64_t not_before_s, int64_t not_after_s, int64_t got_s);
/* Milliseconds since 1970: within the last third of the life, at a point that depends on the id, so
 * that a fleet does not renew at once; the last quarter of that third is left for further tries. */
int64_t mrl_renewal_at(int64_t since_s, int64_t not_after_s, mrl_bytes device);
/* How to try again: quick for short lives, at most once an hour for long ones. */
struct merlon_backoff mrl_renewal_backoff(int64_t since_s, int64_t not_after_s);

#endif
