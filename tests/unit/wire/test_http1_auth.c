/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/unit.h"
#include "wire/http1_auth.h"

static void vector_of_rfc_7617(void **state)
{
    MRL_SCOPED(mrl_http_basic) b = {0};

    (void)state;
    assert_ok(mrl_http_basic_read(MRL_LIT("basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), &b, NULL));
    assert_bytes_equal(b.user, MRL_LIT("Aladdin"));
    assert_bytes_equal(b.password, MRL_LIT("open sesame"));
}

static void password_may_hold_colons_and_user_may_be_empty(void **state)
{
    MRL_SCOPED(mrl_buf) text = {0};
    MRL_SCOPED(mrl_http_basic) b = {0};

    (void)state;
    assert_ok(mrl_http_basic_write(MRL_BYTES_NONE, MRL_LIT("a:b"), &text));
    assert_ok(mrl_http_basic_read(mrl_buf_bytes(&text), &b, NULL));
    assert_int_equal(b.user.len, 0);
    assert_bytes_equal(b.password, MRL_LIT("a:b"));
    assert_int_equal(mrl_http_basic_write(MRL_LIT("a:"), MRL_LIT("b"), &text), MRL_ERR_INVALID);
    assert_int_equal(mrl_http_basic_write(MRL_LIT("a"), MRL_LIT("\n"), &text), MRL_ERR_INVALID);
}

static void bad_credentials_are_refused(void **state)
{
    static const struct {
        const char *value;
        mrl_err err;
    } bad[] = {
        {"Bearer abc", MRL_ERR_UNSUPPORTED}, {"Basic", MRL_ERR_UNSUPPORTED},
        {"BasicQTpi", MRL_ERR_UNSUPPORTED},  {"Basic ", MRL_ERR_MALFORMED},
        {"Basic QTp", MRL_ERR_MALFORMED},    {"Basic QT pi", MRL_ERR_MALFORMED},
        {"Basic QUI=", MRL_ERR_MALFORMED}, /* no colon */
        {"Basic QToA", MRL_ERR_MALFORMED}, /* NUL */
        {"Basic QTr/", MRL_ERR_MALFORMED}, /* not UTF-8 */
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        MRL_SCOPED(mrl_http_basic) b = {0};

        assert_int_equal(mrl_http_basic_read(mrl_str(bad[i].value), &b, NULL), bad[i].err);
        assert_null(b.text);
    }
}

static void size_limit_holds_exactly(void **state)
{
    MRL_SCOPED(mrl_buf) value = {0};
    MRL_SCOPED(mrl_http_basic) b = {0};
    char password[768];

    (void)state;
    memset(password, 'x', sizeof(password));
    assert_ok(mrl_http_basic_write(MRL_LIT("u"), mrl_bytes_of(password, 765), &value));
    assert_ok(mrl_http_basic_read(mrl_buf_bytes(&value), &b, NULL)); /* 767 bytes: 1024 of base64 */
    mrl_buf_clear(&value);
    assert_int_equal(mrl_http_basic_write(MRL_LIT("u"), mrl_bytes_of(password, 768), &value),
                     MRL_ERR_LIMIT);
    assert_ok(mrl_buf_append(&value, MRL_LIT("Basic ")));
    for (int i = 0; i < 1025; i++)
        assert_ok(mrl_buf_append(&value, MRL_LIT("A")));
    mrl_http_basic_done(&b);
    assert_int_equal(mrl_http_basic_read(mrl_buf_bytes(&value), &b, NULL), MRL_ERR_LIMIT);
}

/* RFC 6750 2.1 */
static void a_bearer_token_is_taken_as_it_stands(void **state)
{
    mrl_bytes token = {0};

    (void)state;
    assert_ok(mrl_http_bearer_read(MRL_LIT("Bearer mF_9.B5f-4.1JqM"), &token, NULL));
    assert_bytes_equal(token, MRL_LIT("mF_9.B5f-4.1JqM"));
    assert_ok(mrl_http_bearer_read(MRL_LIT("bearer   a~+/=="), &token, NULL));
    assert_bytes_equal(token, MRL_LIT("a~+/=="));
}

static void what_is_no_bearer_token_is_refused(void **state)
{
    static const struct {
        const char *value;
        mrl_err err;
    } bad[] = {
        {"Basic QQ==", MRL_ERR_UNSUPPORTED}, {"Bearer", MRL_ERR_UNSUPPORTED},
        {"Bearer ", MRL_ERR_MALFORMED},      {"Bearer a b", MRL_ERR_MALFORMED},
        {"Bearer =", MRL_ERR_MALFORMED},     {"Bearer a=b", MRL_ERR_MALFORMED},
        {"Bearer a,b", MRL_ERR_MALFORMED},   {"Bearer \"a\"", MRL_ERR_MALFORMED},
    };
    mrl_bytes token;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        assert_int_equal(mrl_http_bearer_read(mrl_str(bad[i].value), &token, NULL), bad[i].err);
}

static void a_bearer_token_has_1024_bytes_and_not_1025(void **state)
{
    char value[sizeof("Bearer ") - 1 + 1025] = "Bearer ";
    mrl_bytes token;

    (void)state;
    memset(value + 7, 'x', 1025);
    assert_ok(mrl_http_bearer_read(mrl_bytes_of(value, 7 + 1024), &token, NULL));
    assert_int_equal(mrl_http_bearer_read(mrl_bytes_of(value, 7 + 1025), &token, NULL),
                     MRL_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_of_rfc_7617),
        cmocka_unit_test(password_may_hold_colons_and_user_may_be_empty),
        cmocka_unit_test(bad_credentials_are_refused),
        cmocka_unit_test(size_limit_holds_exactly),
        cmocka_unit_test(a_bearer_token_is_taken_as_it_stands),
        cmocka_unit_test(what_is_no_bearer_token_is_refused),
        cmocka_unit_test(a_bearer_token_has_1024_bytes_and_not_1025),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
