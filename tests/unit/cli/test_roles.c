/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/roles.h"

#include "tests/unit/unit.h"

#define RULES(out, cli, ...)                                                      \
    read_rules((int)MRL_COUNT(((char *const[]){"merlon", "grant", __VA_ARGS__})), \
               (char *const[]){"merlon", "grant", __VA_ARGS__, NULL}, (cli), (out))

static mrl_exit read_rules(int argc, char *const *argv, struct mrl_cli *cli, json_t **out)
{
    struct mrl_cli_arguments a;

    assert_int_equal(mrl_cli_arguments_read(argc, argv, &a, &cli->why), MRL_EXIT_OK);
    return mrl_roles_rules(cli, &a, out);
}

static void assert_rules(const json_t *rules, const char *wanted)
{
    MRL_SCOPED(mrl_buf) text = {0};

    assert_ok(mrl_json_write(rules, &text));
    assert_bytes_equal(mrl_buf_bytes(&text), mrl_str(wanted));
}

static void one_filter_is_one_rule_whatever_the_order(void **state)
{
    static const char wanted[] = "[{\"filter\":\"a/#\",\"publish\":true,\"subscribe\":true},"
                                 "{\"filter\":\"b\",\"publish\":false,\"subscribe\":true},"
                                 "{\"filter\":\"c\",\"publish\":true,\"subscribe\":false}]";
    MRL_AUTO(json_t) one = NULL;
    MRL_AUTO(json_t) other = NULL;
    struct mrl_cli cli = {0};

    (void)state;
    assert_int_equal(RULES(&one, &cli, "--publish=c", "--subscribe=b", "--publish=a/#",
                           "--subscribe=a/#", "--publish=c"),
                     MRL_EXIT_OK);
    assert_rules(one, wanted);
    assert_int_equal(
        RULES(&other, &cli, "--subscribe=a/#", "--publish=a/#", "--publish=c", "--subscribe=b"),
        MRL_EXIT_OK);
    assert_rules(other, wanted);
    assert_true(mrl_roles_same(one, other));
}

static void a_line_is_a_rule_with_its_limits(void **state)
{
    MRL_AUTO(json_t) rules = NULL;
    MRL_SCOPED(mrl_buf) text = {0};
    struct mrl_cli cli = {0};

    (void)state;
    assert_int_equal(RULES(&rules, &cli, "--rule=publish+no-retain+no-clear+max-qos=0 b c",
                           "--publish=z", "--rule", "subscribe,max-qos=1 a/#"),
                     MRL_EXIT_OK);
    assert_rules(rules, "[{\"filter\":\"z\",\"publish\":true,\"subscribe\":false},"
                        "{\"clear\":false,\"filter\":\"b c\",\"max_qos\":0,\"publish\":true,"
                        "\"retain\":false,\"subscribe\":false},"
                        "{\"filter\":\"a/#\",\"max_qos\":1,\"publish\":false,\"subscribe\":true}]");
    assert_ok(mrl_roles_format_rule(json_array_get(rules, 1), &text));
    assert_bytes_equal(mrl_buf_bytes(&text), MRL_LIT("publish+no-retain+no-clear+max-qos=0 b c"));
}

static void no_rule_or_no_utf8_is_a_wrong_command_line(void **state)
{
    MRL_AUTO(json_t) rules = NULL;
    struct mrl_cli cli = {0};

    (void)state;
    assert_int_equal(RULES(&rules, &cli, "--device=x"), MRL_EXIT_USAGE);
    assert_int_equal(RULES(&rules, &cli, "--publish=\xff"), MRL_EXIT_USAGE);
    assert_int_equal(RULES(&rules, &cli, "--rule=a/#"), MRL_EXIT_USAGE);
    assert_int_equal(RULES(&rules, &cli, "--rule=publish a+"), MRL_EXIT_USAGE);
    assert_null(rules);
}

static void rules_are_the_same_in_any_order_only(void **state)
{
    MRL_AUTO(json_t) a = json_pack("[{s:s},{s:s}]", "filter", "x", "filter", "y");
    MRL_AUTO(json_t) b = json_pack("[{s:s},{s:s}]", "filter", "y", "filter", "x");
    MRL_AUTO(json_t) fewer = json_pack("[{s:s}]", "filter", "x");
    MRL_AUTO(json_t) other = json_pack("[{s:s},{s:s}]", "filter", "x", "filter", "#");

    (void)state;
    assert_true(mrl_roles_same(a, b));
    assert_false(mrl_roles_same(a, fewer));
    assert_false(mrl_roles_same(fewer, a));
    assert_false(mrl_roles_same(a, other));
    assert_false(mrl_roles_same(a, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_filter_is_one_rule_whatever_the_order),
        cmocka_unit_test(a_line_is_a_rule_with_its_limits),
        cmocka_unit_test(no_rule_or_no_utf8_is_a_wrong_command_line),
        cmocka_unit_test(rules_are_the_same_in_any_order_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
