/* SPDX-License-Identifier: Apache-2.0 */
#include "access/quota.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PACKET = 268435460 }; /* of the protocol. MQTT 5.0 2.1.4 */

const struct mrl_quota_rule mrl_quota_rules[MRL_QUOTA_COUNT_] = {
    [MRL_QUOTA_CONNECTS] = {"connects", "/min", false, 0, 1000000, 60},
    [MRL_QUOTA_MESSAGES] = {"messages", "/s", false, 0, 10000000, 100},
    [MRL_QUOTA_BYTES] = {"bytes", "/s", true, 0, UINT64_C(1) << 40, 1 << 20},
    [MRL_QUOTA_IN_FLIGHT] = {"in_flight", "", false, 1, 65535, 100},
    [MRL_QUOTA_QUEUE] = {"queue", "", false, 1, 10000000, 1000},
    [MRL_QUOTA_QUEUE_BYTES] = {"queue_bytes", "", true, 1024, UINT64_C(1) << 40, 1 << 20},
    [MRL_QUOTA_SUBSCRIPTIONS] = {"subscriptions", "", false, 1, 100000, 100},
    [MRL_QUOTA_RETAINED] = {"retained", "", false, 0, UINT64_C(1) << 32, 1000},
    [MRL_QUOTA_RETAINED_BYTES] = {"retained_bytes", "", true, 0, UINT64_C(1) << 40, 10 << 20},
    [MRL_QUOTA_PACKET] = {"packet", "", true, 128, MOST_PACKET, 256 << 10},
    [MRL_QUOTA_SESSIONS] = {"sessions", "", false, 1, 100000, 4},
};

bool mrl_quota_limit_find(mrl_bytes name, enum mrl_quota_limit *out)
{
    for (size_t i = 0; i < MRL_QUOTA_COUNT_; i++) {
        if (mrl_bytes_eq(name, mrl_str(mrl_quota_rules[i].name))) {
            *out = (enum mrl_quota_limit)i;
            return true;
        }
    }
    return false;
}

static bool is_rate(const struct mrl_quota_rule *rule)
{
    return rule->per[0] != '\0';
}

mrl_err mrl_quota_check(enum mrl_quota_limit limit, uint64_t value, struct mrl_why *why)
{
    const struct mrl_quota_rule *rule = &mrl_quota_rules[limit];

    if (value >= rule->least && value <= rule->most)
        return MRL_OK;
    return mrl_fail(why, MRL_ERR_INVALID, "%s: a number from %llu to %llu%s%s", rule->name,
                    (unsigned long long)rule->least, (unsigned long long)rule->most, rule->per,
                    is_rate(rule) ? ", 0 for no limit" : "");
}

/* The number before a unit of size; *shift says how far it moves. */
static mrl_bytes without_unit(mrl_bytes text, unsigned *shift)
{
    static const struct {
        mrl_bytes suffix;
        unsigned shift;
    } units[] = {{MRL_LIT_INIT("KiB"), 10}, {MRL_LIT_INIT("MiB"), 20}, {MRL_LIT_INIT("GiB"), 30}};

    *shift = 0;
    for (size_t i = 0; i < MRL_COUNT(units); i++) {
        if (!mrl_bytes_ends(text, units[i].suffix))
            continue;
        *shift = units[i].shift;
        return mrl_bytes_sub(text, 0, text.len - units[i].suffix.len);
    }
    return text;
}

mrl_err mrl_quota_parse(enum mrl_quota_limit limit, mrl_bytes text, uint64_t *out,
                        struct mrl_why *why)
{
    const struct mrl_quota_rule *rule = &mrl_quota_rules[limit];
    mrl_bytes per = mrl_str(rule->per);
    unsigned shift = 0;
    uint64_t value;

    if (is_rate(rule) && mrl_bytes_eq(text, MRL_LIT("unlimited"))) {
        *out = 0;
        return MRL_OK;
    }
    if (per.len > 0 && mrl_bytes_ends(text, per))
        text = mrl_bytes_sub(text, 0, text.len - per.len);
    if (rule->is_size)
        text = without_unit(text, &shift);
    if (!mrl_bytes_to_u64(text, UINT64_MAX >> shift, &value))
        return mrl_fail(why, MRL_ERR_INVALID, "%s: a number such as %s%s%s", rule->name,
                        rule->is_size ? "64KiB" : "100", rule->per,
                        is_rate(rule) ? ", or unlimited" : "");
    MRL_TRY(mrl_quota_check(limit, value << shift, why));
    *out = value << shift;
    return MRL_OK;
}

const struct mrl_quota *mrl_quota_new(const struct mrl_quota *base,
                                      const struct mrl_quota_override *over)
{
    struct mrl_quota *q = calloc(1, sizeof(*q));

    if (q == NULL)
        abort();
    atomic_init(&q->refs, 1);
    for (size_t i = 0; i < MRL_QUOTA_COUNT_; i++) {
        q->of[i] = base != NULL ? base->of[i] : mrl_quota_rules[i].fallback;
        if (over != NULL && mrl_quota_gives(over, (enum mrl_quota_limit)i))
            q->of[i] = over->of[i];
    }
    return q;
}

const struct mrl_quota *mrl_quota_ref(const struct mrl_quota *q)
{
    (void)atomic_fetch_add_explicit(&((struct mrl_quota *)q)->refs, 1, memory_order_relaxed);
    return q;
}

void mrl_quota_unref(const struct mrl_quota *q)
{
    struct mrl_quota *mine = (struct mrl_quota *)q;

    if (mine != NULL && atomic_fetch_sub_explicit(&mine->refs, 1, memory_order_acq_rel) == 1)
        free(mine);
}

bool mrl_quota_same(const struct mrl_quota *a, const struct mrl_quota *b)
{
    return a == b || memcmp(a->of, b->of, sizeof(a->of)) == 0;
}
