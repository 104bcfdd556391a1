/* SPDX-License-Identifier: Apache-2.0 */
/* A token bucket in eight bytes: it knows only when it will be full again. Layer: guard. Thread:
 * one owner. Zeroed memory is a full bucket. Times are of a monotonic clock, in nanoseconds. */
#ifndef MRL_GUARD_BUCKET_H
#define MRL_GUARD_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

enum { MRL_SECOND_NS = 1000000000 };
#define MRL_MINUTE_NS (UINT64_C(60) * MRL_SECOND_NS)
#define MRL_BUCKET_DEBT_MAX_NS (60 * MRL_MINUTE_NS)

struct mrl_bucket {
    uint64_t full_ns;
};

/* How fast a bucket fills: `rate` units in per_ns, and for how long it does until it is full. rate
 * is not 0; amount * per_ns must fit 64 bits. */
struct mrl_bucket_rule {
    uint64_t rate;
    uint64_t per_ns;
    uint64_t full_after_ns;
};

/* Takes amount if it is there: 0. Else takes nothing and gives the time until it would be. */
uint64_t mrl_bucket_take(struct mrl_bucket *b, const struct mrl_bucket_rule *rule, uint64_t amount,
                         uint64_t now_ns);
/* Takes amount also when it is not there; gives the time until the bucket has left its debt, which
 * is never more than an hour. */
uint64_t mrl_bucket_charge(struct mrl_bucket *b, const struct mrl_bucket_rule *rule,
                           uint64_t amount, uint64_t now_ns);
void mrl_bucket_give_back(struct mrl_bucket *b, const struct mrl_bucket_rule *rule,
                          uint64_t amount);
bool mrl_bucket_is_full(const struct mrl_bucket *b, uint64_t now_ns);

#endif
