/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"
#include "wire/http1_uri.h"

static void path_is_decoded_and_query_kept(void **state)
{
    MRL_SCOPED(mrl_arena) a = {0};
    struct mrl_http_target t;

    (void)state;
    assert_ok(mrl_http_target_read(MRL_LIT("/a%20b/%c3%bc/?q=%2F?x"), &a, &t, NULL));
    assert_bytes_equal(t.path, MRL_LIT("/a b/\xc3\xbc/"));
    assert_bytes_equal(t.query, MRL_LIT("q=%2F?x"));
    assert_ok(mrl_http_target_read(MRL_LIT("/"), &a, &t, NULL));
    assert_bytes_equal(t.path, MRL_LIT("/"));
    assert_ok(mrl_http_target_read(MRL_LIT("/a+b/...;v=1"), &a, &t, NULL));
    assert_bytes_equal(t.path, MRL_LIT("/a+b/...;v=1"));
    assert_ok(mrl_http_target_read(MRL_LIT("*"), &a, &t, NULL));
}

static void ways_around_a_path_rule_are_refused(void **state)
{
    static const char *const bad[] = {
        "",         "a",      "?a",      "//a",     "/a//b",  "/a//",     "/.",    "/..",
        "/a/../b",  "/a/./b", "/%2e%2e", "/a/.%2E", "/a%2fb", "/a%5c",    "/a\\b", "/a%00b",
        "/a%0d%0a", "/a%7f",  "/a%",     "/a%2",    "/a%zz",  "/a%u0041", "/a#b",  "/%ff",
        "/%c0%ae",  "/a?b#c", "/a b",    "/a\"b",   "/<a>",   "/{a}",     "/a|b",  "/[a]"};
    MRL_SCOPED(mrl_arena) a = {0};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_http_target t;

        if (mrl_http_target_read(mrl_str(bad[i]), &a, &t, NULL) != MRL_ERR_MALFORMED)
            fail_msg("%s", bad[i]);
    }
}

static void query_parameters_are_found(void **state)
{
    MRL_SCOPED(mrl_arena) a = {0};
    mrl_bytes query = MRL_LIT("a=1&b+c=%26+x&&flag&a%3D==&d=1&d=2"), v;

    (void)state;
    assert_ok(mrl_http_query_get(query, "a", &a, &v, NULL));
    assert_bytes_equal(v, MRL_LIT("1"));
    assert_ok(mrl_http_query_get(query, "b c", &a, &v, NULL));
    assert_bytes_equal(v, MRL_LIT("& x"));
    assert_ok(mrl_http_query_get(query, "flag", &a, &v, NULL));
    assert_int_equal(v.len, 0);
    assert_ok(mrl_http_query_get(query, "a=", &a, &v, NULL));
    assert_bytes_equal(v, MRL_LIT("="));
    assert_int_equal(mrl_http_query_get(query, "d", &a, &v, NULL), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_http_query_get(query, "A", &a, &v, NULL), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_http_query_get(MRL_BYTES_NONE, "a", &a, &v, NULL), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_http_query_get(MRL_LIT("a=1&b=%00"), "a", &a, &v, NULL),
                     MRL_ERR_MALFORMED);
    assert_int_equal(mrl_http_query_get(MRL_LIT("a=%0A"), "a", &a, &v, NULL), MRL_ERR_MALFORMED);
}

static void encoding_comes_back_the_same(void **state)
{
    MRL_SCOPED(mrl_arena) a = {0};
    MRL_SCOPED(mrl_buf) text = {0};
    MRL_SCOPED(mrl_buf) small = {.limit = 4};
    mrl_bytes v;

    (void)state;
    assert_ok(mrl_buf_append(&text, MRL_LIT("k=")));
    assert_ok(mrl_http_percent_write(MRL_LIT("a/&=+ \xc3\xbc~"), &text));
    assert_bytes_equal(mrl_buf_bytes(&text), MRL_LIT("k=a%2F%26%3D%2B%20%C3%BC~"));
    assert_ok(mrl_http_query_get(mrl_buf_bytes(&text), "k", &a, &v, NULL));
    assert_bytes_equal(v, MRL_LIT("a/&=+ \xc3\xbc~"));
    assert_int_equal(mrl_http_percent_write(MRL_LIT("//"), &small), MRL_ERR_LIMIT);
    assert_int_equal(small.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_is_decoded_and_query_kept),
        cmocka_unit_test(ways_around_a_path_rule_are_refused),
        cmocka_unit_test(query_parameters_are_found),
        cmocka_unit_test(encoding_comes_back_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
