/* SPDX-License-Identifier: Apache-2.0 */
#include "main/witness_url.h"

#include <string.h>

#include "tests/unit/unit.h"

static void a_url_names_server_and_target(void **state)
{
    static const struct {
        const char *url, *server, *target;
        bool tls;
    } cases[] = {
        {"https://w.example", "w.example:443", "/add-checkpoint", true},
        {"https://w.example/", "w.example:443", "/add-checkpoint", true},
        {"https://w.example:7380/log/a//", "w.example:7380", "/log/a/add-checkpoint", true},
        {"https://[2001:db8::1]", "[2001:db8::1]:443", "/add-checkpoint", true},
        {"https://[2001:db8::1]:7380/x", "[2001:db8::1]:7380", "/x/add-checkpoint", true},
        {"unix:/run/w/socket", "unix:/run/w/socket", "/add-checkpoint", false},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        struct mrl_witness_url url;

        assert_int_equal(mrl_witness_url_parse(mrl_str(cases[i].url), &url, NULL), MRL_OK);
        assert_string_equal(url.server, cases[i].server);
        assert_string_equal(url.target, cases[i].target);
        assert_int_equal(url.tls, cases[i].tls);
    }
}

static void what_is_none_is_refused_with_a_sentence(void **state)
{
    static const char *const bad[] = {"",
                                      "w.example",
                                      "http://w.example",
                                      "https://",
                                      "https:///x",
                                      "https://u@w.example",
                                      "https://w.example/?a",
                                      "https://w.example/#a",
                                      "https://w.example/a b",
                                      "https://w.example/\r\nX: y",
                                      "unix:relative"};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_witness_url url;
        struct mrl_why why = {""};

        assert_int_equal(mrl_witness_url_parse(mrl_str(bad[i]), &url, &why), MRL_ERR_INVALID);
        assert_true(strlen(why.text) > 0);
    }
}

static void a_target_has_at_most_255_bytes(void **state)
{
    char text[600] = "https://w/";
    struct mrl_witness_url url;
    size_t head = strlen(text), most = MRL_WITNESS_TARGET - 1 - strlen("/add-checkpoint") - 1;

    (void)state;
    memset(text + head, 'a', most);
    assert_int_equal(mrl_witness_url_parse(mrl_str(text), &url, NULL), MRL_OK);
    text[head + most] = 'a';
    assert_int_equal(mrl_witness_url_parse(mrl_str(text), &url, NULL), MRL_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_names_server_and_target),
        cmocka_unit_test(what_is_none_is_refused_with_a_sentence),
        cmocka_unit_test(a_target_has_at_most_255_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
