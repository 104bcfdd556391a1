/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/hook.h"

#include <string.h>

#include "tests/unit/unit.h"

static mrl_err read(const char *body, struct mrl_hook_answer *out)
{
    struct mrl_why why = {""};
    mrl_err err = mrl_hook_read_answer(mrl_str(body), out, &why);

    assert_true(err == MRL_OK || why.text[0] != '\0'); /* every refusal has its sentence */
    return err;
}

static void a_clear_yes_is_a_yes(void **state)
{
    MRL_SCOPED(mrl_hook_answer) a = {0};

    (void)state;
    assert_ok(read("{\"allowProvisioning\":true,\"parameterOverrides\":{\"Site\":\"oslo\"},"
                   "\"more\":[1]}",
                   &a));
    assert_int_equal(a.count, 1);
    assert_bytes_equal(a.overrides[0].name, MRL_LIT("Site"));
    assert_bytes_equal(a.overrides[0].value, MRL_LIT("oslo"));
}

static void everything_else_is_none(void **state)
{
    static const char *const no[] = {
        "",
        "true",
        "[]",
        "{}",
        "{\"allowProvisioning\":\"true\"}",
        "{\"allowProvisioning\":1}",
        "{\"allowprovisioning\":true}",
        "{\"allowProvisioning\":true,\"parameterOverrides\":null}",
        "{\"allowProvisioning\":true,\"parameterOverrides\":{\"a\":1}}",
    };
    struct mrl_hook_answer a = {0};
    struct mrl_why why = {""};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(no); i++) {
        assert_true(read(no[i], &a) != MRL_OK);
        assert_null(a.json);
    }
    assert_int_equal(
        mrl_hook_read_answer(MRL_LIT("{\"allowProvisioning\":false,\"reason\":\"not ours\"}"), &a,
                             &why),
        MRL_ERR_DENIED);
    assert_string_equal(why.text, "not ours");
}

static mrl_err read_overrides(unsigned count)
{
    MRL_SCOPED(mrl_hook_answer) a = {0};
    MRL_SCOPED(mrl_buf) body = {0};

    assert_ok(mrl_buf_printf(&body, "{\"allowProvisioning\":true,\"parameterOverrides\":{"));
    for (unsigned i = 0; i < count; i++)
        assert_ok(mrl_buf_printf(&body, "%s\"n%u\":\"\"", i > 0 ? "," : "", i));
    assert_ok(mrl_buf_printf(&body, "}}"));
    return mrl_hook_read_answer(mrl_buf_bytes(&body), &a, NULL);
}

static void it_overrides_as_much_as_the_limit_allows_and_no_more(void **state)
{
    (void)state;
    assert_ok(read_overrides(MRL_TEMPLATE_PARAMETERS_MAX));
    assert_int_equal(read_overrides(MRL_TEMPLATE_PARAMETERS_MAX + 1), MRL_ERR_LIMIT);
}

static mrl_err check(const char *url)
{
    const struct mrl_template_hook h = {.url = mrl_str(url), .timeout_s = 1};
    struct mrl_why why = {""};
    mrl_err err = mrl_hook_check(&h, &why);

    assert_true(err == MRL_OK || why.text[0] != '\0');
    return err;
}

static void an_url_is_of_https_or_of_a_unix_socket(void **state)
{
    static const char *const wrong[] = {
        "http://a/",     "https://a/",   "https:///a", "https://a:0x/",  "https://a b/",
        "https://u@a/",  "https://a/#x", "ftp://a/",   "unix:a",         "unix:",
        "https://[::1/", "HTTPS://a/",   "https://",   "https://a\x7f/",
    };

    (void)state;
    assert_ok(check(""));
    assert_ok(check("unix:/run/hook.sock"));
    for (size_t i = 0; i < MRL_COUNT(wrong); i++) /* https alone: its CA is missing */
        assert_int_equal(check(wrong[i]), MRL_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clear_yes_is_a_yes),
        cmocka_unit_test(everything_else_is_none),
        cmocka_unit_test(it_overrides_as_much_as_the_limit_allows_and_no_more),
        cmocka_unit_test(an_url_is_of_https_or_of_a_unix_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
