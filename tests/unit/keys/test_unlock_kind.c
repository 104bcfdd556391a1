/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/unlock_kind.h"

#include "tests/unit/unit.h"

static const enum mrl_unlock_kind kinds[] = {MRL_UNLOCK_FILE, MRL_UNLOCK_PASSPHRASE,
                                             MRL_UNLOCK_CREDENTIAL, MRL_UNLOCK_TPM,
                                             MRL_UNLOCK_PKCS11};

static void every_kind_has_a_name_that_is_read_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(kinds); i++) {
        enum mrl_unlock_kind read;

        assert_true(mrl_unlock_kind_valid((uint8_t)kinds[i]));
        assert_ok(mrl_unlock_kind_read(mrl_unlock_kind_name(kinds[i]), &read));
        assert_int_equal(read, kinds[i]);
    }
}

static void what_is_no_kind_has_no_name_and_no_file(void **state)
{
    enum mrl_unlock_kind read;

    (void)state;
    assert_int_equal(mrl_unlock_kind_read("none", &read), MRL_ERR_INVALID);
    assert_int_equal(mrl_unlock_kind_read("", &read), MRL_ERR_INVALID);
    assert_false(mrl_unlock_kind_valid(MRL_UNLOCK_NONE));
    assert_string_equal(mrl_unlock_kind_name(MRL_UNLOCK_NONE), "none");
    assert_null(mrl_unlock_file(MRL_UNLOCK_NONE));
    assert_null(mrl_unlock_file(MRL_UNLOCK_PASSPHRASE));
    assert_false(mrl_unlock_is_hardware(MRL_UNLOCK_CREDENTIAL));
}

static void one_flipped_bit_makes_no_other_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < MRL_COUNT(kinds); i++)
        for (unsigned bit = 0; bit < 8; bit++)
            assert_false(mrl_unlock_kind_valid((uint8_t)(kinds[i] ^ 1U << bit)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_a_name_that_is_read_again),
        cmocka_unit_test(what_is_no_kind_has_no_name_and_no_file),
        cmocka_unit_test(one_flipped_bit_makes_no_other_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
