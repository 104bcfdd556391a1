/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/arguments.h"

#include <string.h>

#include "cli/commands.h"
#include "tests/unit/unit.h"

#define READ(out, why, ...)                                                          \
    mrl_cli_arguments_read((int)MRL_COUNT(((char *const[]){"merlon", __VA_ARGS__})), \
                           (char *const[]){"merlon", __VA_ARGS__, NULL}, (out), (why))

static void a_noun_a_verb_an_operand_and_options_are_found(void **state)
{
    struct mrl_cli_arguments a;
    struct mrl_why why;

    (void)state;
    assert_int_equal(READ(&a, &why, "device", "add", "pump-7", "--group", "pumps", "--note=a = b"),
                     MRL_EXIT_OK);
    assert_string_equal(a.command->noun, "device");
    assert_string_equal(a.command->verb, "add");
    assert_string_equal(mrl_cli_operand(&a, 0), "pump-7");
    assert_null(mrl_cli_operand(&a, 1));
    assert_string_equal(mrl_cli_value(&a, "group"), "pumps");
    assert_string_equal(mrl_cli_value(&a, "note"), "a = b");
    assert_null(mrl_cli_value(&a, "server"));
}

static void options_stand_anywhere_until_two_dashes(void **state)
{
    struct mrl_cli_arguments a;
    struct mrl_why why;

    (void)state;
    assert_int_equal(READ(&a, &why, "--server", "unix:/x", "device", "-ojson", "show", "--", "-h"),
                     MRL_EXIT_OK);
    assert_string_equal(mrl_cli_value(&a, "server"), "unix:/x");
    assert_string_equal(mrl_cli_value(&a, "output"), "json");
    assert_string_equal(mrl_cli_operand(&a, 0), "-h");
}

static void an_option_with_an_empty_value_does_not_eat_the_next_word(void **state)
{
    struct mrl_cli_arguments a;
    struct mrl_why why;

    (void)state;
    assert_int_equal(READ(&a, &why, "device", "edit", "--group=", "pump-7"), MRL_EXIT_OK);
    assert_string_equal(mrl_cli_value(&a, "group"), "");
    assert_string_equal(mrl_cli_operand(&a, 0), "pump-7");
}

static void an_option_that_may_be_repeated_gives_all_values(void **state)
{
    struct mrl_cli_arguments a;
    struct mrl_why why;
    size_t at = 0;

    (void)state;
    assert_int_equal(
        READ(&a, &why, "role", "create", "r", "--publish", "a/#", "--text", "t", "--publish", "b"),
        MRL_EXIT_OK);
    assert_string_equal(mrl_cli_next(&a, "publish", &at), "a/#");
    assert_string_equal(mrl_cli_next(&a, "publish", &at), "b");
    assert_null(mrl_cli_next(&a, "publish", &at));
}

static void what_is_wrong_is_refused_with_a_sentence(void **state)
{
    static const struct {
        char *words[6];
        const char *why;
    } wrong[] = {
        {{NULL}, "which command? merlon help lists all"},
        {{"frobnicate"}, "there is no command frobnicate; merlon help lists all"},
        {{"device"}, "device: a verb is missing; merlon help device"},
        {{"device", "frob"}, "device has no command frob"},
        {{"device", "show"}, "missing: ID"},
        {{"device", "show", ""}, "an argument is empty"},
        {{"device", "show", "a", "b"}, "too many arguments: b"},
        {{"device", "set", "a"}, "missing: ID FIELD=VALUE..."},
        {{"device", "list", "--frob"}, "unknown option --frob"},
        {{"device", "list", "--"}, ""},
        {{"device", "list", "-x"}, "unknown option -x"},
        {{"device", "list", "--group"}, "--group needs a value"},
        {{"device", "list", "--group", "a", "--group=b"}, "--group is given twice"},
        {{"device", "list", "--state", "sleepy"},
         "--state takes one of expected|active|quarantined|suspended|retired"},
        {{"device", "list", "--state", ""},
         "--state takes one of expected|active|quarantined|suspended|retired"},
        {{"device", "list", "-o", "xml"}, "--output takes one of table|json"},
        {{"ca", "show", "--pem=yes"}, "--pem takes no value"},
        {{"operator", "add", "alice"}, "--role is missing"},
        {{"--group", "a", "device", "list"}, "unknown option --group"},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(wrong); i++) {
        char *argv[8] = {"merlon"};
        struct mrl_why why = {""};
        struct mrl_cli_arguments a;
        int argc = 1;

        for (; wrong[i].words[argc - 1] != NULL; argc++)
            argv[argc] = wrong[i].words[argc - 1];
        assert_int_equal(mrl_cli_arguments_read(argc, argv, &a, &why),
                         wrong[i].why[0] == '\0' ? MRL_EXIT_OK : MRL_EXIT_USAGE);
        assert_string_equal(why.text, wrong[i].why);
    }
}

static void a_call_for_help_is_heard_on_a_wrong_line(void **state)
{
    struct mrl_cli_arguments a;
    struct mrl_why why;

    (void)state;
    assert_int_equal(READ(&a, &why, "device", "show", "--frob", "--help"), MRL_EXIT_OK);
    assert_true(mrl_cli_has(&a, "help"));
    assert_string_equal(a.command->verb, "show");
    assert_int_equal(READ(&a, &why, "device", "-h"), MRL_EXIT_OK);
    assert_null(a.command);
    assert_string_equal(a.noun, "device");
    assert_int_equal(READ(&a, &why, "--version"), MRL_EXIT_OK);
    assert_true(mrl_cli_has(&a, "version"));
}

static void options_are_limited_in_number(void **state)
{
    char *argv[2 * MRL_CLI_GIVEN_MAX + 8] = {"merlon", "role", "create", "r"};
    struct mrl_cli_arguments a;
    struct mrl_why why;
    int argc = 4;

    (void)state;
    for (int i = 0; i < MRL_CLI_GIVEN_MAX; i++) {
        argv[argc++] = "--publish";
        argv[argc++] = "x";
    }
    assert_int_equal(mrl_cli_arguments_read(argc, argv, &a, &why), MRL_EXIT_OK);
    argv[argc++] = "--publish=y";
    assert_int_equal(mrl_cli_arguments_read(argc, argv, &a, &why), MRL_EXIT_USAGE);
    assert_string_equal(why.text, "too many options");
}

static void a_last_operand_may_stand_as_often_as_there_is_room(void **state)
{
    char *argv[MRL_CLI_OPERANDS_MAX + 8] = {"merlon", "device", "set", "d"};
    struct mrl_cli_arguments a;
    struct mrl_why why;
    int argc = 4;

    (void)state;
    for (int i = 1; i < MRL_CLI_OPERANDS_MAX; i++)
        argv[argc++] = "note=x";
    assert_int_equal(mrl_cli_arguments_read(argc, argv, &a, &why), MRL_EXIT_OK);
    assert_int_equal(a.operand_count, MRL_CLI_OPERANDS_MAX);
    argv[argc++] = "note=y";
    assert_int_equal(mrl_cli_arguments_read(argc, argv, &a, &why), MRL_EXIT_USAGE);
    assert_string_equal(why.text, "too many arguments: note=y");
}

static void numbers_are_from_one_to_their_limit(void **state)
{
    static const struct {
        char *text;
        mrl_exit code;
    } cases[] = {{"1", MRL_EXIT_OK},     {"7", MRL_EXIT_OK},
                 {"8", MRL_EXIT_USAGE},  {"0", MRL_EXIT_USAGE},
                 {"-1", MRL_EXIT_USAGE}, {"", MRL_EXIT_USAGE},
                 {"1x", MRL_EXIT_USAGE}, {"99999999999999999999999", MRL_EXIT_USAGE}};
    struct mrl_cli_arguments a;
    struct mrl_cli cli = {0};
    uint64_t n = 42;

    (void)state;
    assert_int_equal(READ(&a, &cli.why, "watch"), MRL_EXIT_OK);
    assert_int_equal(mrl_cli_number(&cli, &a, "count", 7, &n), MRL_EXIT_OK);
    assert_int_equal(n, 42);
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        assert_int_equal(READ(&a, &cli.why, "watch", "--count", cases[i].text), MRL_EXIT_OK);
        assert_int_equal(mrl_cli_number(&cli, &a, "count", 7, &n), cases[i].code);
    }
}

/* What the reader of the table relies on. */
static void every_command_of_the_table_is_well_formed(void **state)
{
    const struct mrl_cli_command *c = NULL;
    size_t count = 0;

    (void)state;
    while ((c = mrl_cli_command_next(c)) != NULL) {
        const struct mrl_cli_option *o = c->options;

        assert_ptr_equal(mrl_cli_command_find(c->noun, c->verb), c);
        assert_non_null(c->run);
        assert_int_equal(c->help[strlen(c->help) - 1], '.');
        for (; o != NULL && o->name != NULL; o++) {
            assert_int_equal(o->help[0] >= 'A' ? 1 : 0, 1);
            for (size_t g = 0; mrl_cli_global_options[g].name != NULL; g++)
                assert_string_not_equal(mrl_cli_global_options[g].name, o->name);
        }
        /* "NOUN" is a command, or has verbs, never both */
        assert_true(c->verb == NULL || mrl_cli_command_find(c->noun, NULL) == NULL);
        count++;
    }
    assert_in_range(count, 40, 160);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_noun_a_verb_an_operand_and_options_are_found),
        cmocka_unit_test(options_stand_anywhere_until_two_dashes),
        cmocka_unit_test(an_option_with_an_empty_value_does_not_eat_the_next_word),
        cmocka_unit_test(an_option_that_may_be_repeated_gives_all_values),
        cmocka_unit_test(what_is_wrong_is_refused_with_a_sentence),
        cmocka_unit_test(a_call_for_help_is_heard_on_a_wrong_line),
        cmocka_unit_test(options_are_limited_in_number),
        cmocka_unit_test(a_last_operand_may_stand_as_often_as_there_is_room),
        cmocka_unit_test(numbers_are_from_one_to_their_limit),
        cmocka_unit_test(every_command_of_the_table_is_well_formed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
