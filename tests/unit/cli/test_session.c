/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session.h"

#include "tests/unit/unit.h"

static void assert_judged(unsigned status, const char *body, mrl_exit wanted, const char *why)
{
    MRL_SCOPED(mrl_http_result) answer = {.status = status};
    struct mrl_cli cli = {0};

    assert_ok(mrl_buf_append(&answer.body, mrl_str(body)));
    assert_int_equal(mrl_cli_judge(&cli, &answer), wanted);
    assert_string_equal(cli.why.text, why);
}

static void a_status_gives_the_documented_exit_code(void **state)
{
    (void)state;
    assert_judged(200, "", MRL_EXIT_OK, "");
    assert_judged(201, "{}", MRL_EXIT_OK, "");
    assert_judged(204, "", MRL_EXIT_OK, "");
    assert_judged(401, "{\"detail\":\"who?\"}", MRL_EXIT_DENIED, "who?");
    assert_judged(403, "{\"detail\":\"no\"}", MRL_EXIT_DENIED, "no");
    assert_judged(404, "{\"detail\":\"no device x\"}", MRL_EXIT_REFUSED, "no device x");
    assert_judged(503, "{\"detail\":\"busy\"}", MRL_EXIT_REFUSED, "busy");
    assert_judged(302, "{\"detail\":\"moved\"}", MRL_EXIT_REFUSED, "moved");
}

static void a_problem_without_detail_still_gives_a_sentence(void **state)
{
    (void)state;
    assert_judged(409, "{\"title\":\"Exists already\"}", MRL_EXIT_REFUSED, "Exists already");
    assert_judged(409, "{\"title\":\"T\",\"detail\":\"\"}", MRL_EXIT_REFUSED, "T");
    assert_judged(409, "{}", MRL_EXIT_REFUSED, "the server refused");
    assert_judged(500, "[1]", MRL_EXIT_REFUSED, "the server refused");
    assert_judged(500, "<html>", MRL_EXIT_REFUSED, "the server answered with status 500");
    assert_judged(502, "", MRL_EXIT_REFUSED, "the server answered with status 502");
    assert_judged(500, "{\"detail\":7,\"title\":\"T\"}", MRL_EXIT_REFUSED, "T");
}

static void a_line_of_text_is_told_with_its_status(void **state)
{
    MRL_SCOPED(mrl_http_result) answer = {.status = 400};
    struct mrl_cli cli = {0};

    (void)state;
    assert_ok(mrl_buf_append(&answer.head, MRL_LIT("Content-Type: text/plain; charset=utf-8\r\n")));
    assert_ok(mrl_buf_append(&answer.body, MRL_LIT("path is not well encoded\n")));
    assert_int_equal(mrl_cli_judge(&cli, &answer), MRL_EXIT_REFUSED);
    assert_string_equal(cli.why.text,
                        "the server answered with status 400: path is not well encoded");
    mrl_buf_clear(&answer.body);
    assert_int_equal(mrl_cli_judge(&cli, &answer), MRL_EXIT_REFUSED);
    assert_string_equal(cli.why.text, "the server answered with status 400");
}

static void what_no_path_can_hold_is_a_wrong_command_line(void **state)
{
    static const char *const names[] = {"%2F", "x%2Fy", "%5C", "", "..", "%0A"};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(names); i++) {
        MRL_SCOPED(mrl_cli_answer) answer = {0};
        MRL_SCOPED(mrl_buf) target = {0};
        MRL_SCOPED(mrl_buf) wanted = {0};
        struct mrl_cli cli = {.server = "unix:/nonexistent/api.sock"};

        assert_ok(mrl_buf_printf(&target, "/v1/approvals/%s/approve", names[i]));
        assert_ok(
            mrl_buf_printf(&wanted, "%.*s cannot be asked for: ", MRL_FMT(mrl_buf_bytes(&target))));
        assert_int_equal(mrl_cli_get(&cli, mrl_buf_bytes(&target), &answer), MRL_EXIT_USAGE);
        assert_true(mrl_bytes_starts(mrl_str(cli.why.text), mrl_buf_bytes(&wanted)));
    }
}

static void ask(const char *server, mrl_exit wanted, const char *why)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    struct mrl_cli cli = {.server = server};

    assert_int_equal(mrl_cli_get(&cli, MRL_LIT("/v1/status"), &answer), wanted);
    if (why != NULL)
        assert_string_equal(cli.why.text, why);
    assert_int_not_equal(cli.why.text[0], '\0');
    mrl_cli_session_close(&cli);
}

static void a_server_that_is_no_address_is_a_wrong_command_line(void **state)
{
    (void)state;
    ask("broker.example", MRL_EXIT_USAGE,
        "broker.example: the server is unix:/path or https://host:port");
    ask("http://broker.example:80", MRL_EXIT_USAGE,
        "http://broker.example:80: the server is unix:/path or https://host:port");
    ask("https://broker.example:8443", MRL_EXIT_USAGE, "https://broker.example:8443 needs --root");
    ask("unix:", MRL_EXIT_USAGE, NULL);
}

static void a_server_that_is_not_there_is_unreachable(void **state)
{
    (void)state;
    ask("unix:/nonexistent/api.sock", MRL_EXIT_UNREACHABLE, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_gives_the_documented_exit_code),
        cmocka_unit_test(a_problem_without_detail_still_gives_a_sentence),
        cmocka_unit_test(a_line_of_text_is_told_with_its_status),
        cmocka_unit_test(what_no_path_can_hold_is_a_wrong_command_line),
        cmocka_unit_test(a_server_that_is_no_address_is_a_wrong_command_line),
        cmocka_unit_test(a_server_that_is_not_there_is_unreachable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
