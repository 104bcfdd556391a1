/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/bech32.h"

#include <string.h>

#include "tests/unit/crypto/fixtures.h"

static const uint8_t key[MRL_BECH32_DATA] = {0x00, 0x44, 0xff, 0x81, [31] = 0xfe};

static void what_was_written_is_read(void **state)
{
    char text[MRL_BECH32_TEXT_MAX + 1];
    uint8_t back[MRL_BECH32_DATA];

    (void)state;
    assert_ok(mrl_bech32_write(MRL_LIT("age"), key, text));
    assert_int_equal(strlen(text), 62);
    assert_ok(mrl_bech32_read(mrl_str(text), MRL_LIT("age"), back));
    assert_memory_equal(back, key, sizeof(key));
}

static void any_changed_character_is_refused(void **state)
{
    char text[MRL_BECH32_TEXT_MAX + 1];
    uint8_t back[MRL_BECH32_DATA] = {7};

    (void)state;
    assert_ok(mrl_bech32_write(MRL_LIT("age"), key, text));
    for (size_t i = 0; text[i] != '\0'; i++) {
        char was = text[i];

        text[i] = was == 'q' ? 'p' : 'q';
        assert_int_equal(mrl_bech32_read(mrl_str(text), MRL_LIT("age"), back), MRL_ERR_MALFORMED);
        text[i] = (char)(was - 32); /* mixed case, or no letter of the alphabet */
        assert_int_equal(mrl_bech32_read(mrl_str(text), MRL_LIT("age"), back), MRL_ERR_MALFORMED);
        text[i] = was;
    }
    assert_int_equal(back[0], 7);
}

static void only_the_exact_length_is_read(void **state)
{
    char text[MRL_BECH32_TEXT_MAX + 1];
    uint8_t back[MRL_BECH32_DATA];

    (void)state;
    assert_ok(mrl_bech32_write(MRL_LIT("age"), key, text));
    for (size_t len = 0; len < 62; len++)
        assert_int_equal(mrl_bech32_read(mrl_bytes_of(text, len), MRL_LIT("age"), back),
                         MRL_ERR_MALFORMED);
    text[62] = 'q';
    assert_int_equal(mrl_bech32_read(mrl_bytes_of(text, 63), MRL_LIT("age"), back),
                     MRL_ERR_MALFORMED);
}

static void prefixes_have_a_limit(void **state)
{
    char text[MRL_BECH32_TEXT_MAX + 1];

    (void)state;
    assert_ok(mrl_bech32_write(MRL_LIT("abcdefghijklmnop"), key, text));
    assert_int_equal(strlen(text), MRL_BECH32_TEXT_MAX);
    assert_int_equal(mrl_bech32_write(MRL_LIT("abcdefghijklmnopq"), key, text), MRL_ERR_INVALID);
    assert_int_equal(mrl_bech32_write(MRL_LIT("Age"), key, text), MRL_ERR_INVALID);
    assert_int_equal(mrl_bech32_write(MRL_BYTES_NONE, key, text), MRL_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(any_changed_character_is_refused),
        cmocka_unit_test(only_the_exact_length_is_read),
        cmocka_unit_test(prefixes_have_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
