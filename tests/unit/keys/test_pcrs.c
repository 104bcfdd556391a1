/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/hardware/pcrs.h"

#include "tests/unit/unit.h"

static void a_choice_is_a_bank_and_numbers(void **state)
{
    struct mrl_pcrs p;

    (void)state;
    assert_ok(mrl_pcrs_read(MRL_LIT("sha256:7"), &p, NULL));
    assert_int_equal(p.bank, MRL_PCR_SHA256);
    assert_int_equal(p.mask, 1 << 7);
    assert_ok(mrl_pcrs_read(MRL_LIT("sha384:0,23"), &p, NULL));
    assert_int_equal(p.bank, MRL_PCR_SHA384);
    assert_int_equal(p.mask, 1 | 1 << 23);
    assert_ok(mrl_pcrs_read(MRL_BYTES_NONE, &p, NULL));
    assert_int_equal(p.bank, 0);
    assert_int_equal(p.mask, 0);
}

static void eight_at_most(void **state)
{
    struct mrl_pcrs p;

    (void)state;
    assert_ok(mrl_pcrs_read(MRL_LIT("sha256:0,1,2,3,4,5,6,7"), &p, NULL));
    assert_int_equal(mrl_pcrs_read(MRL_LIT("sha256:0,1,2,3,4,5,6,7,8"), &p, NULL), MRL_ERR_INVALID);
}

static void anything_else_is_refused(void **state)
{
    static const char *const texts[] = {"7",         "sha256",     "sha256:",     "sha1:7",
                                        "sha256:24", "sha256:7,7", "sha256:7,",   "sha256: 7",
                                        "SHA256:7",  "sha256:x",   "sha256:7+11", ":7"};
    struct mrl_pcrs p;

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(texts); i++)
        assert_int_equal(mrl_pcrs_read(mrl_str(texts[i]), &p, NULL), MRL_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_choice_is_a_bank_and_numbers),
        cmocka_unit_test(eight_at_most),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
