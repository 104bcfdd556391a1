/* SPDX-License-Identifier: Apache-2.0 */
#include "access/rule.h"

#include <string.h>

#include "tests/unit/unit.h"

#define BOTH (MRL_ALLOW_PUBLISH | MRL_ALLOW_SUBSCRIBE)

static void good_rules_pass(void **state)
{
    static const char *const good[] = {"a",
                                       "#",
                                       "+",
                                       "+/#",
                                       "a/+/b/#",
                                       "/",
                                       "a//b",
                                       "${id}",
                                       "${id}/#",
                                       "x/${group}/${id}",
                                       "x/${attr.site}/${attr.a.b-c_D9}",
                                       "a$b/c",
                                       "a/$SYS",
                                       "a b/\xc3\xa4",
                                       "share/x",
                                       "a/{id}/}"};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(good); i++) {
        struct mrl_rule rule = {BOTH, mrl_str(good[i])};
        struct mrl_why why = {{0}};

        if (mrl_rule_check(&rule, &why) != MRL_OK)
            fail_msg("%s: %s", good[i], why.text);
    }
}

static void bad_rules_are_refused_with_a_sentence(void **state)
{
    static const char *const bad[] = {
        "",
        "a/#/b",
        "a+",
        "a/b#",
        "#/",
        "++",
        "$SYS/#",
        "$x",
        "$",
        "$share/g/a",
        "$merlon/#",
        "${ID}",
        "${client}",
        "a/${id}x",
        "x${id}",
        "${id",
        "a/${",
        "${id}${id}",
        "a/${group}-${id}",
        "${attr}",
        "${attr.}",
        "${attr.a/b}",
        "${attr.-a}",
        "${attr.a}x",
        "${attr.a}${attr.b}",
        "${attr.a}+",
        "\xff",
        "a/\xed\xa0\x80",
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_rule rule = {BOTH, mrl_str(bad[i])};
        struct mrl_why why = {{0}};

        if (mrl_rule_check(&rule, &why) != MRL_ERR_INVALID || why.text[0] == '\0')
            fail_msg("%s: %s", bad[i], why.text);
    }
    assert_int_equal(mrl_rule_check(&(struct mrl_rule){BOTH, MRL_LIT("a\0b")}, NULL),
                     MRL_ERR_INVALID);
}

static void actions_must_be_known(void **state)
{
    (void)state;
    for (unsigned actions = 0; actions < 256; actions++)
        assert_int_equal(mrl_rule_check(&(struct mrl_rule){(uint8_t)actions, MRL_LIT("a")}, NULL),
                         actions >= 1 && actions <= 3 ? MRL_OK : MRL_ERR_INVALID);
}

static void the_limits_of_a_rule_hold(void **state)
{
    char text[MRL_RULE_FILTER_MAX + 2];
    struct mrl_rule rule = {BOTH, {(const uint8_t *)text, MRL_RULE_FILTER_MAX}};
    size_t at_limit = 2 * MRL_RULE_LEVELS_MAX - 1;

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_ok(mrl_rule_check(&rule, NULL));
    rule.filter.len++;
    assert_int_equal(mrl_rule_check(&rule, NULL), MRL_ERR_INVALID);
    for (size_t i = 1; i < sizeof(text); i += 2)
        text[i] = '/';
    rule.filter.len = at_limit;
    assert_ok(mrl_rule_check(&rule, NULL));
    rule.filter.len = at_limit + 2;
    assert_int_equal(mrl_rule_check(&rule, NULL), MRL_ERR_INVALID);
    rule.filter = MRL_LIT("${id}/${id}/${group}/${id}");
    assert_ok(mrl_rule_check(&rule, NULL));
    rule.filter = MRL_LIT("${id}/${id}/${group}/${id}/${id}");
    assert_int_equal(mrl_rule_check(&rule, NULL), MRL_ERR_INVALID);
}

static void rights_are_withheld_where_they_can_be(void **state)
{
    const unsigned retaining = MRL_RIGHT_RETAIN | MRL_RIGHT_CLEAR;

    (void)state;
    for (unsigned withheld = 0; withheld < 256; withheld++) {
        bool known = withheld < 32 && (withheld & 12) != MRL_RIGHT_QOS1;
        struct mrl_rule rule = {BOTH, MRL_LIT("a"), (uint8_t)withheld};

        assert_int_equal(mrl_rule_check(&rule, NULL), known ? MRL_OK : MRL_ERR_INVALID);
        rule.actions = MRL_ALLOW_SUBSCRIBE;
        known = known && (withheld & retaining) == 0;
        assert_int_equal(mrl_rule_check(&rule, NULL), known ? MRL_OK : MRL_ERR_INVALID);
    }
}

static void a_publish_needs_what_it_does(void **state)
{
    (void)state;
    assert_int_equal(mrl_publish_needs(0, false, false), 0);
    assert_int_equal(mrl_publish_needs(0, false, true), 0);
    assert_int_equal(mrl_publish_needs(0, true, false), MRL_RIGHT_RETAIN);
    assert_int_equal(mrl_publish_needs(1, true, true), MRL_RIGHT_CLEAR | MRL_RIGHT_QOS1);
    assert_int_equal(mrl_publish_needs(2, false, true), MRL_RIGHT_QOS1 | MRL_RIGHT_QOS2);
    for (uint8_t qos = 0; qos <= 2; qos++)
        assert_int_equal(mrl_max_qos(mrl_withheld_above(qos)), qos);
}

static void a_rule_is_told_in_words(void **state)
{
    static const struct {
        struct mrl_rule rule;
        const char *text;
    } rows[] = {
        {{BOTH, MRL_LIT_INIT("a/#"), 0}, "publish,subscribe a/#"},
        {{MRL_ALLOW_SUBSCRIBE, MRL_LIT_INIT("a"), MRL_RIGHT_QOS2}, "subscribe,max-qos=1 a"},
        {{MRL_ALLOW_PUBLISH, MRL_LIT_INIT("a"), 15}, "publish,no-retain,no-clear,max-qos=0 a"},
        {{MRL_ALLOW_SUBSCRIBE, MRL_LIT_INIT("a"), 16}, "subscribe,hardware-held a"},
        {{MRL_ALLOW_PUBLISH, MRL_LIT_INIT("a"), MRL_RIGHT_CLEAR}, "publish,no-clear a"},
    };
    char text[MRL_RULE_TEXT_MAX];
    struct mrl_rule again;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++) {
        assert_string_equal(mrl_rule_text(&rows[i].rule, text), rows[i].text);
        assert_ok(mrl_rule_read(mrl_str(rows[i].text), &again, NULL));
        assert_int_equal(again.actions, rows[i].rule.actions);
        assert_int_equal(again.withheld, rows[i].rule.withheld);
        assert_bytes_equal(again.filter, rows[i].rule.filter);
    }
}

static void a_line_is_read_whole_or_not(void **state)
{
    static const char *const bad[] = {"",
                                      "publish",
                                      "publish ",
                                      " a",
                                      "Publish a",
                                      "a",
                                      "publish, a",
                                      "publish,,subscribe a",
                                      "no-retain a",
                                      "max-qos=3 a",
                                      "publish,max-qos=1x a",
                                      "publish a+",
                                      "subscribe,no-retain a"};
    struct mrl_rule rule;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_why why = {{0}};

        if (mrl_rule_read(mrl_str(bad[i]), &rule, &why) != MRL_ERR_INVALID || why.text[0] == '\0')
            fail_msg("%s", bad[i]);
    }
    assert_ok(mrl_rule_read(MRL_LIT("publish+subscribe+max-qos=2 a b/+"), &rule, NULL));
    assert_bytes_equal(rule.filter, MRL_LIT("a b/+"));
    assert_int_equal(rule.actions, BOTH);
    assert_int_equal(rule.withheld, 0);
    assert_ok(mrl_rule_read(MRL_LIT("publish  a"), &rule, NULL)); /* a level may start so */
    assert_bytes_equal(rule.filter, MRL_LIT(" a"));
}

static void the_longest_rule_fits_into_its_text(void **state)
{
    char filter[MRL_RULE_FILTER_MAX], text[MRL_RULE_TEXT_MAX];
    struct mrl_rule rule = {BOTH, mrl_bytes_of(filter, sizeof(filter)), 31};

    (void)state;
    memset(filter, 'x', sizeof(filter));
    assert_ok(mrl_rule_check(&rule, NULL));
    assert_true(mrl_bytes_ends(mrl_str(mrl_rule_text(&rule, text)), rule.filter));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_rules_pass),
        cmocka_unit_test(bad_rules_are_refused_with_a_sentence),
        cmocka_unit_test(actions_must_be_known),
        cmocka_unit_test(the_limits_of_a_rule_hold),
        cmocka_unit_test(rights_are_withheld_where_they_can_be),
        cmocka_unit_test(a_publish_needs_what_it_does),
        cmocka_unit_test(a_rule_is_told_in_words),
        cmocka_unit_test(a_line_is_read_whole_or_not),
        cmocka_unit_test(the_longest_rule_fits_into_its_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
