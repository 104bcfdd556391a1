/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule means, spelled out as slowly as one would explain it, for comparing with the compiled
 * policy: cut the filter at its slashes, put the values in, compare level by level. */
#ifndef MRL_TESTS_ACCESS_SLOW_POLICY_H
#define MRL_TESTS_ACCESS_SLOW_POLICY_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/policy.h"

struct slow_levels {
    mrl_bytes at[256];
    size_t count;
};

static inline struct slow_levels slow_cut(mrl_bytes text)
{
    struct slow_levels out = {.count = 0};
    size_t start = 0;

    for (size_t i = 0; i <= text.len && out.count < MRL_COUNT(out.at); i++)
        if (i == text.len || text.data[i] == '/') {
            out.at[out.count++] = mrl_bytes_sub(text, start, i - start);
            start = i + 1;
        }
    return out;
}

/* The value of "name=" in lines of name=value. */
static inline mrl_bytes slow_attribute(mrl_bytes set, mrl_bytes name)
{
    char wanted[64];
    size_t at = 0;

    (void)snprintf(wanted, sizeof(wanted), "%.*s=", MRL_FMT(name));
    while (at < set.len) {
        size_t end = mrl_bytes_find(set, '\n', at);
        mrl_bytes line = mrl_bytes_sub(set, at, end - at);

        if (mrl_bytes_starts(line, mrl_str(wanted)))
            return mrl_bytes_sub(line, strlen(wanted), SIZE_MAX);
        at = end + 1;
    }
    return MRL_BYTES_NONE;
}

/* false: a variable has no value that could stand as one level. */
static inline bool slow_fill(struct slow_levels *f, const struct mrl_subject *who)
{
    for (size_t i = 0; i < f->count; i++) {
        mrl_bytes level = f->at[i], value;

        if (!mrl_bytes_starts(level, MRL_LIT("${")))
            continue;
        if (mrl_bytes_eq(level, MRL_LIT("${id}")))
            value = who->id;
        else if (mrl_bytes_eq(level, MRL_LIT("${group}")))
            value = who->group;
        else
            value = slow_attribute(who->attributes, mrl_bytes_sub(level, 7, level.len - 8));
        if (value.len == 0 || mrl_bytes_find(value, '/', 0) < value.len ||
            mrl_bytes_find(value, '+', 0) < value.len || mrl_bytes_find(value, '#', 0) < value.len)
            return false;
        f->at[i] = value;
    }
    return true;
}

static inline bool slow_match(const struct slow_levels *f, size_t i, const struct slow_levels *t,
                              size_t j)
{
    if (i == f->count)
        return j == t->count;
    if (mrl_bytes_eq(f->at[i], MRL_LIT("#")))
        return true;
    if (j == t->count)
        return false;
    if (!mrl_bytes_eq(f->at[i], MRL_LIT("+")) && !mrl_bytes_eq(f->at[i], t->at[j]))
        return false;
    return slow_match(f, i + 1, t, j + 1);
}

/* topic: not empty, no wildcards, not of the server. */
static inline bool slow_rule_matches(const struct mrl_rule *rule, const struct mrl_subject *who,
                                     mrl_bytes topic)
{
    struct slow_levels f = slow_cut(rule->filter), t = slow_cut(topic);

    return slow_fill(&f, who) && slow_match(&f, 0, &t, 0);
}

static inline bool slow_may_publish(const struct mrl_rule *rules, size_t count,
                                    const struct mrl_subject *who, mrl_bytes topic, uint8_t needs)
{
    if (topic.len == 0 || topic.data[0] == '$' || mrl_bytes_find(topic, '+', 0) < topic.len ||
        mrl_bytes_find(topic, '#', 0) < topic.len)
        return false;
    for (size_t i = 0; i < count; i++)
        if ((rules[i].actions & MRL_ALLOW_PUBLISH) != 0 && (rules[i].withheld & needs) == 0 &&
            slow_rule_matches(&rules[i], who, topic))
            return true;
    return false;
}

#endif
