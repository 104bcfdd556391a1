/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/bucket.h"

static uint64_t time_of(const struct mrl_bucket_rule *rule, uint64_t amount)
{
    return amount * rule->per_ns / rule->rate;
}

/* How far the bucket would be below empty. */
static uint64_t debt(const struct mrl_bucket_rule *rule, uint64_t full_ns, uint64_t now_ns)
{
    uint64_t missing = full_ns - now_ns;

    return missing > rule->full_after_ns ? missing - rule->full_after_ns : 0;
}

static uint64_t after(const struct mrl_bucket *b, const struct mrl_bucket_rule *rule,
                      uint64_t amount, uint64_t now_ns)
{
    return (b->full_ns > now_ns ? b->full_ns : now_ns) + time_of(rule, amount);
}

uint64_t mrl_bucket_take(struct mrl_bucket *b, const struct mrl_bucket_rule *rule, uint64_t amount,
                         uint64_t now_ns)
{
    uint64_t full_ns = after(b, rule, amount, now_ns);
    uint64_t wait = debt(rule, full_ns, now_ns);

    if (wait == 0)
        b->full_ns = full_ns;
    return wait;
}

uint64_t mrl_bucket_charge(struct mrl_bucket *b, const struct mrl_bucket_rule *rule,
                           uint64_t amount, uint64_t now_ns)
{
    uint64_t most = now_ns + rule->full_after_ns + MRL_BUCKET_DEBT_MAX_NS;

    b->full_ns = after(b, rule, amount, now_ns);
    if (b->full_ns > most)
        b->full_ns = most;
    return debt(rule, b->full_ns, now_ns);
}

void mrl_bucket_give_back(struct mrl_bucket *b, const struct mrl_bucket_rule *rule, uint64_t amount)
{
    uint64_t back = time_of(rule, amount);

    b->full_ns = b->full_ns > back ? b->full_ns - back : 0;
}

bool mrl_bucket_is_full(const struct mrl_bucket *b, uint64_t now_ns)
{
    return b->full_ns <= now_ns;
}
