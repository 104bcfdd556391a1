/* SPDX-License-Identifier: Apache-2.0 */
/* The compiled answer to "may X publish or subscribe here?". Layer: access. Thread: any; a policy
 * never changes, a change of a role makes a new one.
 *
 * A policy is the rules of one set of roles and is shared by all principals with that set.
 * Variables stand for whole levels and are compared while matching; nothing is filled in or
 * allocated. There are no deny rules: what no rule allows is denied.
 *
 * `$`-topics belong to the server: no role names one, no wildcard reaches one. Only operators may
 * subscribe to $SYS; nobody publishes to it. What the server has to say to a device is at
 * $merlon/devices/ID/...: that device may subscribe there, whatever its roles, and nobody else.
 * ($merlon/... is answered by the doors before they ask here.) */
#ifndef MRL_ACCESS_POLICY_H
#define MRL_ACCESS_POLICY_H

#include "access/name.h"
#include "access/rule.h"
#include "access/subject.h"

struct mrl_policy;
struct mrl_policy *mrl_policy_ref(const struct mrl_policy *p); /* any thread that may read p */
void mrl_policy_unref(const struct mrl_policy *p);             /* NULL is fine */
/* More than one reference. A holder that alone gives out new references may drop its own if not. */
bool mrl_policy_is_shared(const struct mrl_policy *p);

/* topic is a topic name the codec accepted; a name with a wildcard is denied. needs: of
 * mrl_publish_needs; one rule must give all of it. NULL policy: denied. */
bool mrl_policy_may_publish(const struct mrl_policy *p, const struct mrl_subject *who,
                            mrl_bytes topic, uint8_t needs);
/* filter as in SUBSCRIBE, "$share/name/filter" included: allowed only when one rule allows every
 * topic it can match. (Two rules that only together reach all of it do not.) *qos, which was asked
 * for, becomes what may be granted: the most that any such rule gives. MQTT 5.0 3.8.4-7 */
bool mrl_policy_may_subscribe(const struct mrl_policy *p, const struct mrl_subject *who,
                              mrl_bytes filter, uint8_t *qos);

/* Is it below $merlon/devices/ID/, ID being this device, and not shared? */
bool mrl_filter_is_own_channel(const struct mrl_subject *who, mrl_bytes filter);

/* What a policy is made of. Borrows all for the call; the rules have passed mrl_rule_check. Gives a
 * policy with one reference; aborts on exhaustion of memory. */
struct mrl_policy_role {
    mrl_bytes name;
    const struct mrl_rule *rules;
    size_t count;
};
struct mrl_policy *mrl_policy_compile(const struct mrl_policy_role *roles, size_t count);

#endif
