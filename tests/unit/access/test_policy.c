/* SPDX-License-Identifier: Apache-2.0 */
#include "access/policy.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define BOTH (MRL_ALLOW_PUBLISH | MRL_ALLOW_SUBSCRIBE)
#define PUB MRL_ALLOW_PUBLISH
#define SUB MRL_ALLOW_SUBSCRIBE
/* clang-format off */
#define RULE(actions, text) {(actions), MRL_LIT_INIT(text)}
/* clang-format on */

static struct mrl_subject device(const char *id, const char *group)
{
    return (struct mrl_subject){MRL_PRINCIPAL_DEVICE, mrl_str(id), mrl_str(group)};
}

static struct mrl_policy *policy_of(const struct mrl_rule *rules, size_t count)
{
    const struct mrl_policy_role role = {MRL_LIT_INIT("r"), rules, count};

    return mrl_policy_compile(&role, 1);
}

static bool may_publish(const struct mrl_policy *p, const struct mrl_subject *who, mrl_bytes topic)
{
    return mrl_policy_may_publish(p, who, topic, mrl_publish_needs(2, /*retain=*/true, false));
}

static bool may_subscribe(const struct mrl_policy *p, const struct mrl_subject *who,
                          mrl_bytes filter)
{
    uint8_t qos = 2;

    return mrl_policy_may_subscribe(p, who, filter, &qos) && qos == 2;
}

/* --- what a device with the default role reaches --- */

static const struct mrl_rule device_default[] = {RULE(BOTH, "devices/${id}/#")};

static const struct {
    const char *topic;
    bool allowed;
} topics[] = {
    {"devices/d1", true},
    {"devices/d1/", true},
    {"devices/d1/a", true},
    {"devices/d1/a/b/c", true},
    {"devices/d1//a", true},
    {"devices/d2", false},
    {"devices/d2/a", false},
    {"devices/d1x/a", false},
    {"devices/d/a", false},
    {"devices", false},
    {"devices/", false},
    {"devices//", false},
    {"devices//d1/a", false},
    {"/devices/d1/a", false},
    {"Devices/d1/a", false},
    {"devices/D1/a", false},
    {"x/devices/d1/a", false},
    {"devices/+/a", false},
    {"devices/d1/+", false},
    {"devices/d1/#", false},
    {"#", false},
    {"+", false},
    {"", false},
    {"$SYS/x", false},
    {"$devices/d1/a", false},
    {"devices/${id}/a", false},
    {"$share/g/devices/d1/a", false},
    {"$merlon/devices/d1", false},
    {"devices/d1\xc2\xa0/a", false},
};

static void a_device_publishes_to_its_own_topics_only(void **state)
{
    struct mrl_subject d1 = device("d1", "");
    struct mrl_policy *p = policy_of(device_default, 1);

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(topics); i++)
        if (may_publish(p, &d1, mrl_str(topics[i].topic)) != topics[i].allowed)
            fail_msg("%s", topics[i].topic);
    mrl_policy_unref(p);
}

static const struct {
    const char *filter;
    bool allowed;
} filters[] = {
    {"devices/d1", true},
    {"devices/d1/#", true},
    {"devices/d1/+", true},
    {"devices/d1/+/x/#", true},
    {"devices/d1/a", true},
    {"$share/g/devices/d1/#", true},
    {"#", false},
    {"+", false},
    {"+/#", false},
    {"+/d1/#", false},
    {"+/+/#", false},
    {"devices/#", false},
    {"devices/+", false},
    {"devices/+/#", false},
    {"devices/+/x", false},
    {"devices/d2/#", false},
    {"devices/d2", false},
    {"devices//#", false},
    {"devices//", false},
    {"devices/", false},
    {"devices", false},
    {"/devices/d1/#", false},
    {"/+/d1/#", false},
    {"devices/d1#", false},
    {"devices/d1+/x", false},
    {"devices/d1/#/x", false},
    {"devices/${id}/#", false},
    {"${id}", false},
    {"$share/x/#", false},
    {"$share/x/devices/+/x", false},
    {"$share/x/devices/d2/#", false},
    {"$share/devices/d1/#", false}, /* the group is "devices", the filter "d1/#" */
    {"$share/devices/d1", false},
    {"$share//devices/d1/#", false},
    {"$share/+/devices/d1/#", false},
    {"$share/g", false},
    {"$share/g/", false},
    {"$share", false},
    {"$share/g/$share/g/devices/d1/#", false},
    {"$share/g/$SYS/#", false},
    {"$SYS/#", false},
    {"$SYS", false},
    {"$merlon/#", false},
    {"$merlon/devices/d1/#", true},
    {"$merlon/devices/d1/renew", true},
    {"$merlon/devices/d1/+/x", true},
    {"$merlon/devices/d1", false},
    {"$merlon/devices/d1/", false},
    {"$merlon/devices/d1/#/x", false},
    {"$merlon/devices/d2/#", false},
    {"$merlon/devices/d/#", false},
    {"$merlon/devices/d11/#", false},
    {"$merlon/devices/+/#", false},
    {"$merlon/devices/+/renew", false},
    {"$merlon/devices/#", false},
    {"$merlon/+/d1/#", false},
    {"$share/g/$merlon/devices/d1/#", false},
    {"$queue/devices/d1/#", false},
    {"$devices/d1/#", false},
    {"", false},
};

static void a_device_subscribes_to_nothing_that_can_reach_another(void **state)
{
    struct mrl_subject d1 = device("d1", "");
    struct mrl_policy *p = policy_of(device_default, 1);

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(filters); i++)
        if (may_subscribe(p, &d1, mrl_str(filters[i].filter)) != filters[i].allowed)
            fail_msg("%s", filters[i].filter);
    mrl_policy_unref(p);
}

static void the_channel_of_a_device_is_closed_to_all_others_of_its_name(void **state)
{
    static const enum mrl_principal_kind kinds[] = {MRL_PRINCIPAL_APPLICATION,
                                                    MRL_PRINCIPAL_OPERATOR, MRL_PRINCIPAL_CLAIM};
    struct mrl_policy *p = policy_of(device_default, 1);
    struct mrl_subject who = device("d1", "");

    (void)state;
    assert_true(mrl_filter_is_own_channel(&who, MRL_LIT("$merlon/devices/d1/#")));
    assert_true(may_subscribe(p, &who, MRL_LIT("$merlon/devices/d1/#")));
    for (size_t i = 0; i < MRL_COUNT(kinds); i++) {
        who.kind = kinds[i];
        assert_false(mrl_filter_is_own_channel(&who, MRL_LIT("$merlon/devices/d1/#")));
        assert_false(may_subscribe(p, &who, MRL_LIT("$merlon/devices/d1/#")));
    }
    mrl_policy_unref(p);
}

/* --- variables --- */

static void an_id_that_could_widen_a_filter_gives_nothing(void **state)
{
    static const char *const ids[] = {"", "+", "#", "a/b", "a/#", "+/x", "$SYS", "d1/", "/d1"};
    struct mrl_policy *p = policy_of(device_default, 1);

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(ids); i++) {
        struct mrl_subject bad = device(ids[i], "");

        assert_false(may_publish(p, &bad, MRL_LIT("devices/d1/x")));
        assert_false(may_publish(p, &bad, MRL_LIT("devices/a/b/x")));
        assert_false(may_subscribe(p, &bad, MRL_LIT("devices/+/x")));
        assert_false(may_subscribe(p, &bad, MRL_LIT("devices/#")));
        assert_false(may_subscribe(p, &bad, MRL_LIT("devices/a/b/#")));
    }
    mrl_policy_unref(p);
}

static void the_group_is_a_variable_and_none_matches_nothing(void **state)
{
    static const struct mrl_rule rules[] = {RULE(SUB, "groups/${group}/news"),
                                            RULE(PUB, "groups/${group}/from/${id}")};
    struct mrl_subject in = device("d1", "north"), out = device("d1", "");
    struct mrl_policy *p = policy_of(rules, 2);

    (void)state;
    assert_true(may_subscribe(p, &in, MRL_LIT("groups/north/news")));
    assert_false(may_subscribe(p, &in, MRL_LIT("groups/south/news")));
    assert_false(may_subscribe(p, &in, MRL_LIT("groups/+/news")));
    assert_false(may_publish(p, &in, MRL_LIT("groups/north/news")));
    assert_true(may_publish(p, &in, MRL_LIT("groups/north/from/d1")));
    assert_false(may_publish(p, &in, MRL_LIT("groups/north/from/d2")));
    assert_false(may_subscribe(p, &out, MRL_LIT("groups/north/news")));
    assert_false(may_subscribe(p, &out, MRL_LIT("groups//news")));
    mrl_policy_unref(p);
}

static void the_longest_names_fit_into_the_longest_rule(void **state)
{
    static const struct mrl_rule rules[] = {RULE(PUB, "${id}/${group}/${id}/${group}")};
    char id[MRL_NAME_MAX + 1] = {0}, group[MRL_NAME_MAX + 1] = {0}, topic[4 * MRL_NAME_MAX + 4];
    struct mrl_policy *p = policy_of(rules, 1);
    struct mrl_subject who;

    (void)state;
    memset(id, 'i', MRL_NAME_MAX);
    memset(group, 'g', MRL_NAME_MAX);
    (void)snprintf(topic, sizeof(topic), "%s/%s/%s/%s", id, group, id, group);
    who = device(id, group);
    assert_true(may_publish(p, &who, mrl_str(topic)));
    topic[3] = 'x';
    assert_false(may_publish(p, &who, mrl_str(topic)));
    mrl_policy_unref(p);
}

/* --- rules and roles together --- */

static void publish_and_subscribe_are_separate(void **state)
{
    static const struct mrl_rule rules[] = {RULE(PUB, "in/#"), RULE(SUB, "out/+")};
    struct mrl_subject d1 = device("d1", "");
    struct mrl_policy *p = policy_of(rules, 2);

    (void)state;
    assert_true(may_publish(p, &d1, MRL_LIT("in")));
    assert_true(may_publish(p, &d1, MRL_LIT("in/a/b")));
    assert_false(may_subscribe(p, &d1, MRL_LIT("in/a")));
    assert_true(may_subscribe(p, &d1, MRL_LIT("out/+")));
    assert_true(may_subscribe(p, &d1, MRL_LIT("out/a")));
    assert_false(may_subscribe(p, &d1, MRL_LIT("out/#")));
    assert_false(may_publish(p, &d1, MRL_LIT("out/a")));
    mrl_policy_unref(p);
}

static void a_subscription_needs_one_rule_that_covers_it_whole(void **state)
{
    static const struct mrl_rule rules[] = {RULE(SUB, "a/b"), RULE(SUB, "a/+/c"), RULE(SUB, "x/#")};
    struct mrl_subject d1 = device("d1", "");
    struct mrl_policy *p = policy_of(rules, 3);

    (void)state;
    assert_false(may_subscribe(p, &d1, MRL_LIT("a/+")));
    assert_false(may_subscribe(p, &d1, MRL_LIT("a/#")));
    assert_true(may_subscribe(p, &d1, MRL_LIT("a/+/c")));
    assert_false(may_subscribe(p, &d1, MRL_LIT("a/+/+")));
    assert_true(may_subscribe(p, &d1, MRL_LIT("x")));
    assert_true(may_subscribe(p, &d1, MRL_LIT("x/+/#")));
    assert_false(may_subscribe(p, &d1, MRL_LIT("+/y")));
    mrl_policy_unref(p);
}

static void wildcard_rules_never_reach_server_topics(void **state)
{
    static const struct mrl_rule rules[] = {RULE(BOTH, "#"), RULE(BOTH, "+/#")};
    struct mrl_subject who[] = {{MRL_PRINCIPAL_DEVICE, MRL_LIT_INIT("x")},
                                {MRL_PRINCIPAL_APPLICATION, MRL_LIT_INIT("x")},
                                {MRL_PRINCIPAL_OPERATOR, MRL_LIT_INIT("x")}};
    struct mrl_policy *p = policy_of(rules, 2);

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(who); i++) {
        assert_true(may_publish(p, &who[i], MRL_LIT("any/thing")));
        assert_true(may_subscribe(p, &who[i], MRL_LIT("#")));
        assert_false(may_publish(p, &who[i], MRL_LIT("$SYS/x")));
        assert_false(may_subscribe(p, &who[i], MRL_LIT("$SYS/#")));
        assert_false(may_subscribe(p, &who[i], MRL_LIT("$SYS")));
        assert_false(may_subscribe(p, &who[i], MRL_LIT("$share/g/$SYS/#")));
    }
    mrl_policy_unref(p);
}

/* The role in the program names $SYS; the kind decides who it can serve. */
static void only_operators_see_the_state_of_the_server(void **state)
{
    static const struct mrl_rule rules[] = {RULE(BOTH, "$SYS/#")};
    struct mrl_subject an_operator = {MRL_PRINCIPAL_OPERATOR, MRL_LIT_INIT("o"), MRL_BYTES_NONE};
    struct mrl_subject application = {MRL_PRINCIPAL_APPLICATION, MRL_LIT_INIT("a"), MRL_BYTES_NONE};
    struct mrl_policy *p = policy_of(rules, 1);

    (void)state;
    assert_true(may_subscribe(p, &an_operator, MRL_LIT("$SYS/#")));
    assert_true(may_subscribe(p, &an_operator, MRL_LIT("$SYS/broker/uptime")));
    assert_false(may_subscribe(p, &an_operator, MRL_LIT("$SYSX/#")));
    assert_false(may_subscribe(p, &application, MRL_LIT("$SYS/#")));
    assert_false(may_publish(p, &an_operator, MRL_LIT("$SYS/x")));
    mrl_policy_unref(p);
}

static void no_policy_and_no_rules_deny(void **state)
{
    struct mrl_subject d1 = device("d1", "");
    struct mrl_policy *p = policy_of(NULL, 0);

    (void)state;
    assert_false(may_publish(NULL, &d1, MRL_LIT("a")));
    assert_false(may_subscribe(NULL, &d1, MRL_LIT("a")));
    assert_false(may_publish(p, &d1, MRL_LIT("a")));
    assert_false(may_subscribe(p, &d1, MRL_LIT("a")));
    mrl_policy_unref(p);
    mrl_policy_unref(NULL);
}

static void references_keep_a_policy(void **state)
{
    struct mrl_policy *p = policy_of(device_default, 1);
    struct mrl_subject d1 = device("d1", "");
    struct mrl_policy *again = mrl_policy_ref(p);

    (void)state;
    assert_true(mrl_policy_is_shared(p));
    mrl_policy_unref(p);
    assert_false(mrl_policy_is_shared(again));
    assert_true(may_publish(again, &d1, MRL_LIT("devices/d1/x")));
    mrl_policy_unref(again);
}

/* --- rights of a rule --- */

static void rights_are_those_of_one_rule(void **state)
{
    static const struct mrl_rule rules[] = {
        {PUB, MRL_LIT_INIT("a/#"), MRL_RIGHT_RETAIN | MRL_RIGHT_CLEAR},
        {PUB, MRL_LIT_INIT("a/b"), MRL_RIGHT_QOS1 | MRL_RIGHT_QOS2},
        {PUB, MRL_LIT_INIT("c"), MRL_RIGHT_CLEAR | MRL_RIGHT_QOS2},
    };
    static const struct {
        const char *topic;
        uint8_t qos;
        bool retain, empty, allowed;
    } rows[] = {
        {"a/x", 2, false, false, true}, {"a/x", 0, true, false, false},
        {"a/x", 0, true, true, false},  {"a/x", 0, false, true, true},
        {"a/b", 0, true, false, true},  {"a/b", 0, true, true, true},
        {"a/b", 2, false, false, true}, {"a/b", 1, true, false, false}, /* no rule gives both */
        {"c", 1, true, false, true},    {"c", 2, false, false, false},
        {"c", 0, true, true, false},    {"c", 0, false, true, true},
    };
    struct mrl_subject d1 = device("d1", "");
    struct mrl_policy *p = policy_of(rules, MRL_COUNT(rules));

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++)
        if (mrl_policy_may_publish(p, &d1, mrl_str(rows[i].topic),
                                   mrl_publish_needs(rows[i].qos, rows[i].retain, rows[i].empty)) !=
            rows[i].allowed)
            fail_msg("row %zu: %s", i, rows[i].topic);
    mrl_policy_unref(p);
}

static void a_subscription_gets_the_most_that_a_rule_gives(void **state)
{
    static const struct mrl_rule rules[] = {
        {SUB, MRL_LIT_INIT("a/#"), MRL_RIGHT_QOS1 | MRL_RIGHT_QOS2},
        {SUB, MRL_LIT_INIT("a/+"), MRL_RIGHT_QOS2},
        {SUB, MRL_LIT_INIT("a/b"), 0},
    };
    static const struct {
        const char *filter;
        uint8_t granted[3]; /* for 0, 1, 2 asked */
    } rows[] = {{"a/#", {0, 0, 0}}, {"a/+", {0, 1, 1}}, {"a/b", {0, 1, 2}}, {"a/b/c", {0, 0, 0}}};
    struct mrl_subject d1 = device("d1", "");
    struct mrl_policy *p = policy_of(rules, MRL_COUNT(rules));
    uint8_t qos = 2;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++)
        for (uint8_t asked = 0; asked <= 2; asked++) {
            qos = asked;
            assert_true(mrl_policy_may_subscribe(p, &d1, mrl_str(rows[i].filter), &qos));
            assert_int_equal(qos, rows[i].granted[asked]);
        }
    qos = 1;
    assert_false(mrl_policy_may_subscribe(p, &d1, MRL_LIT("b"), &qos));
    assert_int_equal(qos, 1);
    mrl_policy_unref(p);
}

/* --- attributes --- */

static void an_attribute_is_a_variable_and_none_matches_nothing(void **state)
{
    static const struct mrl_rule rules[] = {RULE(BOTH, "sites/${attr.site}/#"),
                                            RULE(PUB, "${attr.site}/${attr.floor}/${id}")};
    struct mrl_subject in = device("d1", ""), out = device("d1", "");
    struct mrl_policy *p = policy_of(rules, 2);

    (void)state;
    in.attributes = MRL_LIT("floor=2\nsite=Berlin \xc3\xa4");
    out.attributes = MRL_LIT("sites=x");
    assert_true(may_publish(p, &in, MRL_LIT("sites/Berlin \xc3\xa4/x")));
    assert_true(may_subscribe(p, &in, MRL_LIT("sites/Berlin \xc3\xa4/#")));
    assert_true(may_publish(p, &in, MRL_LIT("Berlin \xc3\xa4/2/d1")));
    assert_false(may_publish(p, &in, MRL_LIT("sites/Bonn/x")));
    assert_false(may_subscribe(p, &in, MRL_LIT("sites/+/#")));
    assert_false(may_subscribe(p, &in, MRL_LIT("sites/#")));
    assert_false(may_publish(p, &in, MRL_LIT("sites//x")));
    assert_false(may_publish(p, &out, MRL_LIT("sites//x")));
    assert_false(may_publish(p, &out, MRL_LIT("sites/x/x")));
    assert_false(may_subscribe(p, &out, MRL_LIT("sites/+/#")));
    assert_false(may_subscribe(p, &out, MRL_LIT("sites//#")));
    mrl_policy_unref(p);
}

static void a_rule_can_demand_a_key_in_hardware(void **state)
{
    static const struct mrl_rule rules[] = {{BOTH, MRL_LIT_INIT("firmware/#"), MRL_RIGHT_SOFT_KEY}};
    struct mrl_policy *p = policy_of(rules, MRL_COUNT(rules));
    struct mrl_subject who = device("d1", "");

    (void)state;
    assert_false(may_publish(p, &who, MRL_LIT("firmware/a")));
    assert_false(may_subscribe(p, &who, MRL_LIT("firmware/#")));
    who.hardware_held = true;
    assert_true(may_publish(p, &who, MRL_LIT("firmware/a")));
    assert_true(may_subscribe(p, &who, MRL_LIT("firmware/#")));
    mrl_policy_unref(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_publishes_to_its_own_topics_only),
        cmocka_unit_test(a_device_subscribes_to_nothing_that_can_reach_another),
        cmocka_unit_test(the_channel_of_a_device_is_closed_to_all_others_of_its_name),
        cmocka_unit_test(an_id_that_could_widen_a_filter_gives_nothing),
        cmocka_unit_test(the_group_is_a_variable_and_none_matches_nothing),
        cmocka_unit_test(the_longest_names_fit_into_the_longest_rule),
        cmocka_unit_test(publish_and_subscribe_are_separate),
        cmocka_unit_test(a_subscription_needs_one_rule_that_covers_it_whole),
        cmocka_unit_test(wildcard_rules_never_reach_server_topics),
        cmocka_unit_test(only_operators_see_the_state_of_the_server),
        cmocka_unit_test(no_policy_and_no_rules_deny),
        cmocka_unit_test(references_keep_a_policy),
        cmocka_unit_test(rights_are_those_of_one_rule),
        cmocka_unit_test(a_subscription_gets_the_most_that_a_rule_gives),
        cmocka_unit_test(an_attribute_is_a_variable_and_none_matches_nothing),
        cmocka_unit_test(a_rule_can_demand_a_key_in_hardware),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
