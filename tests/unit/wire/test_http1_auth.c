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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_of_rfc_7617),
        cmocka_unit_test(password_may_hold_colons_and_user_may_be_empty),
        cmocka_unit_test(bad_credentials_are_refused),
        cmocka_unit_test(size_limit_holds_exactly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
