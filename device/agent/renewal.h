/* SPDX-License-Identifier: Apache-2.0 */
/* When a certificate is renewed. Pure. Layer: device. */
#ifndef MRL_AGENT_RENEWAL_H
#define MRL_AGENT_RENEWAL_H

#include "base/bytes.h"
#include "merlon/backoff.h"

/* Milliseconds since 1970: within the last third of the life, at a point that depends on the id, so
 * that a fleet does not renew at once; the last quarter of that third is left for further tries. */
int64_t mrl_renewal_at(int64_t not_before_s, int64_t not_after_s, mrl_bytes device);
/* How to try again: quick for short lives, at most once an hour for long ones. */
struct merlon_backoff mrl_renewal_backoff(int64_t not_before_s, int64_t not_after_s);

#endif
