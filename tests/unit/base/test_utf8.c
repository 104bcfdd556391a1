/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/utf8.h"
#include "tests/unit/unit.h"

static void valid_text_passes(void **state)
{
    (void)state;
    assert_true(mrl_utf8_valid(MRL_LIT("")));
    assert_true(mrl_utf8_valid(MRL_LIT("a\xc2\x80\xdf\xbf")));
    assert_true(mrl_utf8_valid(MRL_LIT("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80")));
    assert_true(mrl_utf8_valid(MRL_LIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")));
}

static void broken_text_is_refused(void **state)
{
    static const mrl_bytes bad[] = {
        MRL_LIT_INIT("\x80"),
        MRL_LIT_INIT("\xc0\x80"),
        MRL_LIT_INIT("\xc1\xbf"),
        MRL_LIT_INIT("\xe0\x9f\xbf"),
        MRL_LIT_INIT("\xed\xa0\x80"),
        MRL_LIT_INIT("\xf0\x8f\xbf\xbf"),
        MRL_LIT_INIT("\xf4\x90\x80\x80"),
        MRL_LIT_INIT("\xf5\x80\x80\x80"),
        MRL_LIT_INIT("\xc2"),
        MRL_LIT_INIT("\xe1\x80"),
        MRL_LIT_INIT("\xf1\x80\x80"),
        MRL_LIT_INIT("a\xff"),
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        assert_false(mrl_utf8_valid(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(valid_text_passes),
                                       cmocka_unit_test(broken_text_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
