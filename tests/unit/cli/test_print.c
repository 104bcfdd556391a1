/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/print.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/unit.h"

struct printed {
    struct mrl_cli cli;
    char *text;
    size_t len;
};

static void start(struct printed *p)
{
    *p = (struct printed){0};
    p->cli.out = open_memstream(&p->text, &p->len);
    assert_non_null(p->cli.out);
}

static void assert_printed(struct printed *p, const char *wanted)
{
    assert_int_equal(fclose(p->cli.out), 0);
    assert_string_equal(p->text, wanted);
    free(p->text);
}

static json_t *parse(const char *text)
{
    json_t *json = NULL;

    assert_ok(mrl_json_read(mrl_str(text), &MRL_JSON_LIMITS_DEFAULT, &json, NULL));
    return json;
}

static const struct mrl_cli_column columns[] = {
    {"ID", "id"}, {"WHEN", "when"}, {"ACTOR", "actor.id"}, {"ROLES", "roles"}, {NULL},
};

static void columns_stand_below_each_other(void **state)
{
    MRL_AUTO(json_t)
    items =
        parse("[{\"id\":\"pump-7\",\"when\":\"2026-11-23T22:14:38.123Z\",\"roles\":[\"a\",\"b\"]},"
              "{\"id\":\"\\u6c34\",\"actor\":{\"id\":\"alice\"}}]");
    struct printed p;

    (void)state;
    start(&p);
    mrl_cli_print_table(&p.cli, columns, items, "things");
    assert_printed(&p, "ID      WHEN                 ACTOR  ROLES\n"
                       "pump-7  2026-11-23 22:14:38         a, b\n"
                       "\xe6\xb0\xb4                           alice  \n");
}

static void bytes_of_a_device_never_reach_the_terminal(void **state)
{
    MRL_AUTO(json_t)
    items = parse("[{\"id\":\"\\u001b[31mred\\u001b[0m\",\"actor\":{\"id\":"
                  "\"a\\nb\\u009b2J\"},\"roles\":[\"\\r\",{\"\\u001b\":\"\\u0007\"}]}]");
    struct printed p;

    (void)state;
    for (int terminal = 0; terminal < 2; terminal++) {
        start(&p);
        p.cli.terminal = terminal != 0;
        mrl_cli_print_table(&p.cli, columns, items, "things");
        mrl_cli_print_record(&p.cli, columns, json_array_get(items, 0));
        mrl_cli_say(&p.cli, "about %s", "\x1b[2J");
        assert_int_equal(fflush(p.cli.out), 0);
        assert_null(strchr(p.text, 0x1b));
        assert_null(strchr(p.text, '\r'));
        assert_null(strchr(p.text, 0x07));
        assert_null(strstr(p.text, "\xc2\x9b"));
        assert_non_null(strstr(p.text, "\\x1b[31mred"));
        assert_non_null(strstr(p.text, "a\\nb\\u{9b}2J"));
        assert_int_equal(fclose(p.cli.out), 0);
        free(p.text);
    }
}

static void json_on_a_terminal_holds_no_control_either(void **state)
{
    MRL_AUTO(json_t) item = parse("{\"id\":\"\\u001b\\u009b\"}");
    struct printed p;

    (void)state;
    start(&p);
    p.cli.terminal = true;
    mrl_cli_print_json(&p.cli, item);
    assert_printed(&p, "{\n  \"id\": \"\\u001B\\u009B\"\n}\n");
}

static void json_for_programs_is_one_line_in_the_order_of_the_api(void **state)
{
    MRL_AUTO(json_t) item = parse("{\"z\":1,\"a\":[true,null,\"\\u00fc\"]}");
    struct printed p;

    (void)state;
    start(&p);
    mrl_cli_print_json(&p.cli, item);
    assert_printed(&p, "{\"z\":1,\"a\":[true,null,\"\xc3\xbc\"]}\n");
}

static void texts_of_the_server_are_escaped_on_a_terminal_only(void **state)
{
    struct printed p;

    (void)state;
    start(&p);
    mrl_cli_print_text(&p.cli, MRL_LIT("a \x1b[1m\nb\n"));
    assert_printed(&p, "a \x1b[1m\nb\n");
    start(&p);
    p.cli.terminal = true;
    mrl_cli_print_text(&p.cli, MRL_LIT("a \x1b[1m\nb"));
    assert_printed(&p, "a \\x1b[1m\nb\n");
}

static void colour_is_for_terminals(void **state)
{
    MRL_AUTO(json_t) items = parse("[{\"id\":\"x\"}]");
    static const struct mrl_cli_column one[] = {{"ID", "id"}, {NULL}};
    struct printed p;

    (void)state;
    start(&p);
    mrl_cli_print_table(&p.cli, one, items, "things");
    assert_printed(&p, "ID\nx\n");
    start(&p);
    p.cli.terminal = p.cli.colour = true;
    mrl_cli_print_table(&p.cli, one, items, "things");
    assert_printed(&p, "\x1b[1mID\n\x1b[0mx\n");
}

static void an_empty_list_says_so_to_people(void **state)
{
    MRL_AUTO(json_t) none = parse("[]");
    static const struct mrl_cli_column two[] = {{"ID", "id"}, {"STATE", "state"}, {NULL}};
    struct printed p;

    (void)state;
    start(&p);
    mrl_cli_print_table(&p.cli, two, none, "devices");
    assert_printed(&p, "ID  STATE\n");
    start(&p);
    p.cli.terminal = true;
    mrl_cli_print_table(&p.cli, two, none, "devices");
    assert_printed(&p, "no devices\n");
}

static void a_record_leaves_out_what_is_absent(void **state)
{
    static const struct mrl_cli_column record[] = {
        {"Id", "id"}, {"Group", "group"}, {"Changed", "ms", mrl_cli_format_ms},
        {"On", "on"}, {"Count", "count"}, {NULL},
    };
    MRL_AUTO(json_t) item = parse("{\"id\":\"x\",\"ms\":1795472078123,\"on\":false,\"count\":0}");
    struct printed p;

    (void)state;
    start(&p);
    mrl_cli_print_record(&p.cli, record, item);
    assert_printed(&p, "Id:       x\nChanged:  2026-11-23 22:14:38\nOn:       no\nCount:    0\n");
}

static void sentences_for_people_are_not_for_programs(void **state)
{
    struct printed p;

    (void)state;
    start(&p);
    p.cli.json = true;
    mrl_cli_say(&p.cli, "done");
    assert_printed(&p, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_stand_below_each_other),
        cmocka_unit_test(bytes_of_a_device_never_reach_the_terminal),
        cmocka_unit_test(json_on_a_terminal_holds_no_control_either),
        cmocka_unit_test(json_for_programs_is_one_line_in_the_order_of_the_api),
        cmocka_unit_test(texts_of_the_server_are_escaped_on_a_terminal_only),
        cmocka_unit_test(colour_is_for_terminals),
        cmocka_unit_test(an_empty_list_says_so_to_people),
        cmocka_unit_test(a_record_leaves_out_what_is_absent),
        cmocka_unit_test(sentences_for_people_are_not_for_programs),
    };

    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL || setenv("TZ", "UTC", 1) != 0)
        return 1;
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
