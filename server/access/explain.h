/* SPDX-License-Identifier: Apache-2.0 */
/* Why a policy answers as it does: which rule allows, or which comes nearest and what differs.
 * Layer: access. Thread: any. */
#ifndef MRL_ACCESS_EXPLAIN_H
#define MRL_ACCESS_EXPLAIN_H

#include "access/policy.h"

enum { MRL_FILLED_MAX = MRL_RULE_FILTER_MAX + MRL_RULE_VARIABLES_MAX * MRL_NAME_MAX };

struct mrl_policy_question {
    enum mrl_topic_action action;
    mrl_bytes topic; /* or filter */
    uint8_t qos;
    bool retain; /* publish only */
    bool empty;  /* publish only: the payload, which with retain clears */
};

/* One rule seen from the question. Texts of the rule are views into the policy. */
struct mrl_rule_seen {
    mrl_bytes role;   /* empty: there is none */
    mrl_bytes filter; /* as written */
    size_t filled_len;
    char
        filled[MRL_FILLED_MAX]; /* with its variables filled in; those without a value as written */
};
static inline mrl_bytes mrl_rule_filled(const struct mrl_rule_seen *seen)
{
    return mrl_bytes_of(seen->filled, seen->filled_len);
}

struct mrl_policy_reason {
    bool allowed;
    uint8_t qos; /* of an allowed subscription: what would be granted */
    /* "allowed by rule", "no rule", "publishing to $-topics is for the server" and so on */
    const char *text;
    struct mrl_rule_seen rule;    /* that allowed */
    struct mrl_rule_seen nearest; /* denied: that comes nearest, if any comes near at all */
    struct mrl_why difference;    /* and what keeps it from allowing */
};
/* The answer is that of mrl_policy_may_publish or _may_subscribe. */
void mrl_policy_explain(const struct mrl_policy *p, const struct mrl_subject *who,
                        const struct mrl_policy_question *question, struct mrl_policy_reason *out);

#endif
