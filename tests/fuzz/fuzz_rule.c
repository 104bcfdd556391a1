/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "access/attributes.h"
#include "access/explain.h"
#include "tests/unit/access/slow_policy.h"
#include "wire/mqtt_topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Only what can be in the store; the rest of the input is used as it is. */
static struct mrl_subject subject(mrl_bytes id, mrl_bytes group, mrl_bytes set)
{
    return (struct mrl_subject){MRL_PRINCIPAL_DEVICE, mrl_name_valid(id) ? id : MRL_BYTES_NONE,
                                mrl_name_valid(group) ? group : MRL_BYTES_NONE,
                                mrl_attributes_valid(set) ? set : MRL_BYTES_NONE};
}

static void check_written(const struct mrl_rule *rule)
{
    char text[MRL_RULE_TEXT_MAX];
    struct mrl_rule again;

    if (mrl_rule_read(mrl_str(mrl_rule_text(rule, text)), &again, NULL) != MRL_OK ||
        again.actions != rule->actions || again.withheld != rule->withheld ||
        !mrl_bytes_eq(again.filter, rule->filter))
        abort();
}

static void check_explained(const struct mrl_policy *p, const struct mrl_subject *who,
                            enum mrl_topic_action action, mrl_bytes topic, bool allowed)
{
    const struct mrl_policy_question question = {.action = action, .topic = topic, .qos = 1};
    struct mrl_policy_reason reason;

    mrl_policy_explain(p, who, &question, &reason);
    if (reason.allowed != allowed || reason.text == NULL)
        abort();
}

/* Input: rule LF id LF group LF attribute LF topic or filter. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mrl_bytes parts[5], rest = mrl_bytes_of(data, size);
    struct mrl_rule rule;
    struct mrl_policy_role role = {MRL_LIT("r"), &rule, 1};
    struct mrl_policy *p;
    struct mrl_subject who;
    uint8_t qos = 1, needs = mrl_publish_needs(1, /*retain=*/false, /*empty=*/false);
    bool publish, subscribe;

    for (size_t i = 0; i < MRL_COUNT(parts); i++)
        (void)mrl_bytes_split(rest, '\n', &parts[i], &rest);
    if (mrl_rule_read(parts[0], &rule, NULL) != MRL_OK)
        return 0;
    check_written(&rule);
    who = subject(parts[1], parts[2], parts[3]);
    p = mrl_policy_compile(&role, 1);
    publish = mrl_policy_may_publish(p, &who, parts[4], needs);
    subscribe = mrl_policy_may_subscribe(p, &who, parts[4], &qos);
    if (publish != slow_may_publish(&rule, 1, &who, parts[4], needs) || qos > 1)
        abort();
    /* to subscribe to one topic is to reach that topic */
    if (mrl_mqtt_topic_valid(parts[4]) && parts[4].data[0] != '$' &&
        subscribe !=
            ((rule.actions & MRL_ALLOW_SUBSCRIBE) != 0 && slow_rule_matches(&rule, &who, parts[4])))
        abort();
    check_explained(p, &who, MRL_ALLOW_PUBLISH, parts[4], publish);
    check_explained(p, &who, MRL_ALLOW_SUBSCRIBE, parts[4], subscribe);
    mrl_policy_unref(p);
    return 0;
}
