/* SPDX-License-Identifier: Apache-2.0 */
#include "access/explain.h"

#include <string.h>

#include "tests/unit/unit.h"

#define PUB MRL_ALLOW_PUBLISH
#define SUB MRL_ALLOW_SUBSCRIBE
/* clang-format off */
#define RULE(actions, text) {(actions), MRL_LIT_INIT(text)}
/* clang-format on */

static const struct mrl_rule own[] = {RULE(PUB | SUB, "devices/${id}/#")};
static const struct mrl_rule site[] = {
    RULE(SUB, "news/+"),
    {PUB, MRL_LIT_INIT("sites/${attr.site}/${group}/state"), MRL_RIGHT_RETAIN | MRL_RIGHT_QOS2},
    {SUB, MRL_LIT_INIT("low/#"), MRL_RIGHT_QOS1 | MRL_RIGHT_QOS2},
    {SUB, MRL_LIT_INIT("low/+"), MRL_RIGHT_QOS2},
};
static const struct mrl_policy_role roles[] = {
    {MRL_LIT_INIT("device-default"), own, MRL_COUNT(own)},
    {MRL_LIT_INIT("site"), site, MRL_COUNT(site)},
};

static const struct mrl_subject pump = {MRL_PRINCIPAL_DEVICE, MRL_LIT_INIT("pump-7"),
                                        MRL_LIT_INIT("pumps"), MRL_LIT_INIT("site=berlin")};

static struct mrl_policy_reason ask(const struct mrl_subject *who, enum mrl_topic_action action,
                                    const char *topic, uint8_t qos, bool retain)
{
    const struct mrl_policy_question question = {
        .action = action, .topic = mrl_str(topic), .qos = qos, .retain = retain};
    struct mrl_policy *p = mrl_policy_compile(roles, MRL_COUNT(roles));
    struct mrl_policy_reason why;

    mrl_policy_explain(p, who, &question, &why);
    /* views into the policy: only their presence is looked at afterwards */
    why.rule.role =
        mrl_bytes_of(why.rule.role.len > 0 ? "role" : "", why.rule.role.len > 0 ? 4 : 0);
    mrl_policy_unref(p);
    return why;
}

static void an_allowed_question_names_role_rule_and_what_it_says_here(void **state)
{
    const struct mrl_policy_question question = {.action = SUB,
                                                 .topic = MRL_LIT_INIT("$share/g/news/+")},
                                     mine = {.action = PUB,
                                             .topic = MRL_LIT_INIT("devices/pump-7/x")};
    struct mrl_policy *p = mrl_policy_compile(roles, MRL_COUNT(roles));
    struct mrl_policy_reason why;

    (void)state;
    mrl_policy_explain(p, &pump, &question, &why);
    assert_true(why.allowed);
    assert_bytes_equal(why.rule.role, MRL_LIT("site"));
    assert_bytes_equal(why.rule.filter, MRL_LIT("news/+"));
    assert_string_equal(why.text, "allowed by rule");
    mrl_policy_explain(p, &pump, &mine, &why);
    assert_true(why.allowed);
    assert_bytes_equal(why.rule.role, MRL_LIT("device-default"));
    assert_bytes_equal(why.rule.filter, MRL_LIT("devices/${id}/#"));
    assert_bytes_equal(mrl_rule_filled(&why.rule), MRL_LIT("devices/pump-7/#"));
    mrl_policy_unref(p);
}

static void the_granted_qos_is_told(void **state)
{
    (void)state;
    assert_int_equal(ask(&pump, SUB, "low/a/b", 2, false).qos, 0);
    assert_int_equal(ask(&pump, SUB, "low/a", 2, false).qos, 1);
    assert_int_equal(ask(&pump, SUB, "news/a", 2, false).qos, 2);
    assert_int_equal(ask(&pump, SUB, "news/a", 1, false).qos, 1);
}

static void a_denial_names_the_nearest_rule_and_what_differs(void **state)
{
    static const struct mrl_subject bare = {MRL_PRINCIPAL_DEVICE, MRL_LIT_INIT("pump-7")};
    static const struct {
        const struct mrl_subject *who;
        enum mrl_topic_action action;
        const char *topic;
        uint8_t qos;
        bool retain;
        const char *filled, *difference;
    } rows[] = {
        {&pump, PUB, "devices/pump-8/x", 0, false, "devices/pump-7/#",
         "level 2 is `pump-8`, the rule wants `${id}` = `pump-7`"},
        {&pump, PUB, "Devices/pump-7/x", 0, false, "devices/pump-7/#",
         "level 1 is `Devices`, the rule wants `devices` (case counts)"},
        {&pump, PUB, "devices", 0, false, "devices/pump-7/#",
         "it ends after level 1, the rule goes on"},
        {&pump, SUB, "devices/+/x", 0, false, "devices/pump-7/#",
         "level 2 is `+`, the rule wants `${id}` = `pump-7`"},
        {&pump, SUB, "#", 0, false, "devices/pump-7/#", "level 1 is `#`, the rule wants `devices`"},
        {&pump, SUB, "news/#", 0, false, "news/+", "level 2 is `#`, the rule wants `+`"},
        {&pump, SUB, "news/a/b", 0, false, "news/+",
         "it goes on after level 2, the rule ends there"},
        {&pump, PUB, "news/a", 0, false, "news/+", "the rule allows to subscribe, not to publish"},
        {&pump, PUB, "sites/bonn/pumps/state", 0, false, "sites/berlin/pumps/state",
         "level 2 is `bonn`, the rule wants `${attr.site}` = `berlin`"},
        {&pump, PUB, "sites/berlin/pumps/state", 0, true, "sites/berlin/pumps/state",
         "the rule does not allow retained messages"},
        {&pump, PUB, "sites/berlin/pumps/state", 2, false, "sites/berlin/pumps/state",
         "the rule allows QoS 1 at most"},
        {&bare, PUB, "sites/berlin/pumps/state", 0, false, "sites/${attr.site}/${group}/state",
         "level 2 of the rule is `${attr.site}`, and there is no attribute site"},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++) {
        struct mrl_policy_reason why =
            ask(rows[i].who, rows[i].action, rows[i].topic, rows[i].qos, rows[i].retain);

        assert_false(why.allowed);
        assert_string_equal(why.text, "no rule");
        assert_bytes_equal(mrl_rule_filled(&why.nearest), mrl_str(rows[i].filled));
        assert_string_equal(why.difference.text, rows[i].difference);
    }
}

static void clearing_is_a_question_of_its_own(void **state)
{
    static const struct mrl_rule rules[] = {{PUB, MRL_LIT_INIT("a"), MRL_RIGHT_CLEAR}};
    const struct mrl_policy_role role = {MRL_LIT_INIT("r"), rules, 1};
    struct mrl_policy_question question = {
        .action = PUB, .topic = MRL_LIT_INIT("a"), .retain = true};
    struct mrl_policy *p = mrl_policy_compile(&role, 1);
    struct mrl_policy_reason why;

    (void)state;
    mrl_policy_explain(p, &pump, &question, &why);
    assert_true(why.allowed);
    question.empty = true;
    mrl_policy_explain(p, &pump, &question, &why);
    assert_false(why.allowed);
    assert_string_equal(why.difference.text, "the rule does not allow clearing retained messages");
    mrl_policy_unref(p);
}

static void what_no_rule_could_allow_is_told_as_such(void **state)
{
    struct mrl_policy_reason why;

    (void)state;
    assert_string_equal(ask(&pump, PUB, "$SYS/x", 0, false).text,
                        "publishing to $-topics is for the server");
    assert_string_equal(ask(&pump, SUB, "$SYS/x", 0, false).text, "$-topics are for operators");
    assert_string_equal(ask(&pump, SUB, "a/#/b", 0, false).text, "not a topic filter");
    assert_string_equal(ask(&pump, PUB, "a/+", 0, false).text, "not a topic name");
    mrl_policy_explain(NULL, &pump, &(struct mrl_policy_question){PUB, MRL_LIT("a")}, &why);
    assert_false(why.allowed);
    assert_string_equal(why.text, "no rule");
    assert_int_equal(why.nearest.role.len, 0);
}

/* A sentence is cut between characters, never inside one. */
static void a_long_level_is_quoted_in_part(void **state)
{
    struct mrl_policy_reason why;
    char topic[4000];

    (void)state;
    for (size_t i = 0; i + 1 < sizeof(topic); i++)
        topic[i] = i % 2 == 0 ? '\xc3' : '\xa4';
    topic[sizeof(topic) - 1] = '\0';
    topic[0] = topic[1] = 'x'; /* so that byte 40 is inside a character */
    topic[2] = 'x';
    topic[3] = '\xc3';
    for (size_t i = 4; i + 1 < sizeof(topic); i++)
        topic[i] = i % 2 == 0 ? '\xa4' : '\xc3';
    why = ask(&pump, PUB, topic, 0, false);
    assert_int_equal(strlen(why.difference.text),
                     strlen("level 1 is ``, the rule wants `devices`") + 39);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_allowed_question_names_role_rule_and_what_it_says_here),
        cmocka_unit_test(the_granted_qos_is_told),
        cmocka_unit_test(a_denial_names_the_nearest_rule_and_what_differs),
        cmocka_unit_test(clearing_is_a_question_of_its_own),
        cmocka_unit_test(what_no_rule_could_allow_is_told_as_such),
        cmocka_unit_test(a_long_level_is_quoted_in_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
