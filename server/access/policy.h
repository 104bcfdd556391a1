/* SPDX-License-Identifier: Apache-2.0 */
/* The compiled answer to "may X publish or subscribe here?". Layer: access. Thread: any; a policy
 * never changes, a change of a role makes a new one.
 *
 * A policy is the rules of one set of roles and is shared by all principals with that set.
 * Variables stand for whole levels and are filled in while matching, on the stack. There are no
 * deny rules: what no rule allows is denied.
 *
 * `$`-topics belong to the server: no role names one, no wildcard reaches one. Only operators may
 * subscribe to $SYS; nobody publishes to it. ($merlon/... is answered by the doors before they ask
 * here.) */
#ifndef MRL_ACCESS_POLICY_H
#define MRL_ACCESS_POLICY_H

#include "access/name.h"
#include "base/bytes.h"
#include "base/err.h"

/* Stored: a value never changes its meaning. */
enum mrl_principal_kind {
    MRL_PRINCIPAL_DEVICE = 1,
    MRL_PRINCIPAL_APPLICATION = 2,
    MRL_PRINCIPAL_OPERATOR = 3,
};
const char *mrl_principal_kind_name(enum mrl_principal_kind k); /* "device"; never NULL */

/* Who asks. Views; group is empty when there is none. */
struct mrl_subject {
    enum mrl_principal_kind kind;
    mrl_bytes id;
    mrl_bytes group;
};

/* Stored: a value never changes its meaning. */
enum mrl_topic_action { MRL_ALLOW_PUBLISH = 1, MRL_ALLOW_SUBSCRIBE = 2 };

enum {
    MRL_RULE_FILTER_MAX = 256, /* bytes of a rule's filter as written, variables not filled in */
    MRL_RULE_LEVELS_MAX = 32,
    MRL_RULE_VARIABLES_MAX = 4,
    MRL_ROLE_RULES_MAX = 256,
};

/* One rule as written: the actions (a sum of bits) on a topic filter in which a level may be
 * ${id} or ${group}. */
struct mrl_rule {
    uint8_t actions;
    mrl_bytes filter;
};
/* MRL_ERR_INVALID with a sentence: an unknown action or none; longer or deeper than the limits; not
 * a topic filter of MQTT 5.0 4.7 once the variables are filled in; a variable that is unknown or
 * only part of a level; first byte '$' (literally: "${id}/x" is fine); "$share". */
mrl_err mrl_rule_check(const struct mrl_rule *rule, struct mrl_why *why);

struct mrl_policy;
struct mrl_policy *mrl_policy_ref(const struct mrl_policy *p); /* any thread that may read p */
void mrl_policy_unref(const struct mrl_policy *p);             /* NULL is fine */
/* More than one reference. A holder that alone gives out new references may drop its own if not. */
bool mrl_policy_is_shared(const struct mrl_policy *p);

/* topic is a topic name the codec accepted; a name with a wildcard is denied. NULL policy: denied.
 */
bool mrl_policy_may_publish(const struct mrl_policy *p, const struct mrl_subject *who,
                            mrl_bytes topic);
/* filter as in SUBSCRIBE, "$share/name/filter" included: allowed only when one rule allows every
 * topic it can match. (Two rules that only together reach all of it do not.) */
bool mrl_policy_may_subscribe(const struct mrl_policy *p, const struct mrl_subject *who,
                              mrl_bytes filter);

/* Why: for `merlon explain` and the audit entry of a denial. Views into the policy. */
struct mrl_policy_reason {
    bool allowed;
    mrl_bytes role;   /* the role that allowed, or empty */
    mrl_bytes filter; /* its rule as written, or empty */
    const char *text; /* "allowed by rule", "no rule", "publishing to $-topics is for the server" */
};
void mrl_policy_explain(const struct mrl_policy *p, const struct mrl_subject *who,
                        enum mrl_topic_action action, mrl_bytes topic,
                        struct mrl_policy_reason *out);

/* What a policy is made of. Borrows all for the call; the rules have passed mrl_rule_check. Gives a
 * policy with one reference; aborts on exhaustion of memory. */
struct mrl_policy_role {
    mrl_bytes name;
    const struct mrl_rule *rules;
    size_t count;
};
struct mrl_policy *mrl_policy_compile(const struct mrl_policy_role *roles, size_t count);

#endif
