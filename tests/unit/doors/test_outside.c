/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/http/outside.h"

#include "base/hex.h"
#include "tests/unit/unit.h"

static mrl_err read_text(mrl_bytes text, mrl_bytes wanted)
{
    MRL_SCOPED(mrl_buf) der = {.limit = MRL_OCSP_REQUEST_MAX};

    MRL_TRY(mrl_outside_read_path(text, &der));
    assert_bytes_equal(mrl_buf_bytes(&der), wanted);
    return MRL_OK;
}

static void base64_is_read_escaped_and_as_it_is(void **state)
{
    (void)state;
    assert_ok(read_text(MRL_LIT("+/8="), MRL_LIT("\xfb\xff")));
    assert_ok(read_text(MRL_LIT("%2B%2F8%3D"), MRL_LIT("\xfb\xff")));
    assert_ok(read_text(MRL_LIT("%2b%2f8%3d"), MRL_LIT("\xfb\xff")));
    assert_ok(read_text(MRL_LIT("////"), MRL_LIT("\xff\xff\xff")));
    assert_ok(read_text(MRL_BYTES_NONE, MRL_BYTES_NONE));
}

static void what_is_none_is_malformed(void **state)
{
    static const mrl_bytes bad[] = {
        MRL_LIT_INIT("%"),    MRL_LIT_INIT("%2"),   MRL_LIT_INIT("AA%zz"), MRL_LIT_INIT("A"),
        MRL_LIT_INIT("AA=A"), MRL_LIT_INIT("../x"), MRL_LIT_INIT("%00=="), MRL_LIT_INIT("-_8=")};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        assert_int_equal(read_text(bad[i], MRL_BYTES_NONE), MRL_ERR_MALFORMED);
}

static void a_request_has_4096_bytes_at_most(void **state)
{
    static uint8_t der[MRL_OCSP_REQUEST_MAX + 1];
    MRL_SCOPED(mrl_buf) fits = {0};
    MRL_SCOPED(mrl_buf) too_long = {0};

    (void)state;
    assert_ok(mrl_base64_write(mrl_bytes_of(der, MRL_OCSP_REQUEST_MAX), 0, &fits));
    assert_ok(read_text(mrl_buf_bytes(&fits), mrl_bytes_of(der, MRL_OCSP_REQUEST_MAX)));
    assert_ok(mrl_base64_write(mrl_bytes_of(der, sizeof(der)), 0, &too_long));
    assert_int_equal(read_text(mrl_buf_bytes(&too_long), MRL_BYTES_NONE), MRL_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_is_read_escaped_and_as_it_is),
        cmocka_unit_test(what_is_none_is_malformed),
        cmocka_unit_test(a_request_has_4096_bytes_at_most),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
