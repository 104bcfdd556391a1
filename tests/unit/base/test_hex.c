/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"
#include "tests/unit/unit.h"

static void vectors_of_rfc_4648(void **state)
{
    static const struct {
        const char *plain, *text;
    } vectors[] = {{"", ""},
                   {"f", "Zg=="},
                   {"fo", "Zm8="},
                   {"foo", "Zm9v"},
                   {"foob", "Zm9vYg=="},
                   {"fooba", "Zm9vYmE="},
                   {"foobar", "Zm9vYmFy"}};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(vectors); i++) {
        MRL_SCOPED(mrl_buf) text = {0};
        MRL_SCOPED(mrl_buf) plain = {0};

        assert_ok(mrl_base64_write(mrl_str(vectors[i].plain), 0, &text));
        assert_bytes_equal(mrl_buf_bytes(&text), mrl_str(vectors[i].text));
        assert_ok(mrl_base64_read(mrl_buf_bytes(&text), &plain));
        assert_bytes_equal(mrl_buf_bytes(&plain), mrl_str(vectors[i].plain));
    }
}

static void lines_are_wrapped_and_white_space_is_read(void **state)
{
    MRL_SCOPED(mrl_buf) text = {0};
    MRL_SCOPED(mrl_buf) plain = {0};

    (void)state;
    assert_ok(mrl_base64_write(MRL_LIT("foobarfoo"), 8, &text));
    assert_bytes_equal(mrl_buf_bytes(&text), MRL_LIT("Zm9vYmFy\nZm9v\n"));
    assert_ok(mrl_base64_read(MRL_LIT(" Zm9v\r\n\tYm Fy"), &plain)); /* RFC 8951 3.1 */
    assert_bytes_equal(mrl_buf_bytes(&plain), MRL_LIT("foobar"));
}

static void one_meaning_has_one_spelling(void **state)
{
    static const char *const bad[] = {"Zg=", "Zg",    "Zh==", "Zg==Zg==", "Zg=a",
                                      "Z",   "Zm9v!", "====", "Zm9v===="};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        MRL_SCOPED(mrl_buf) plain = {0};
        assert_int_equal(mrl_base64_read(mrl_str(bad[i]), &plain), MRL_ERR_MALFORMED);
    }
}

static void url_alphabet(void **state)
{
    MRL_SCOPED(mrl_buf) text = {0};
    MRL_SCOPED(mrl_buf) plain = {0};

    (void)state;
    assert_ok(mrl_base64url_write(MRL_LIT("\xfb\xff\xfe\x01"), &text));
    assert_bytes_equal(mrl_buf_bytes(&text), MRL_LIT("-__-AQ"));
    assert_ok(mrl_base64url_read(mrl_buf_bytes(&text), &plain));
    assert_bytes_equal(mrl_buf_bytes(&plain), MRL_LIT("\xfb\xff\xfe\x01"));
    assert_int_equal(mrl_base64url_read(MRL_LIT("AQ=="), &plain), MRL_ERR_MALFORMED);
}

static void hexadecimal(void **state)
{
    char text[9];
    uint8_t bytes[4];

    (void)state;
    mrl_hex(MRL_LIT("\x00\x7f\x80\xff"), text);
    assert_string_equal(text, "007f80ff");
    assert_ok(mrl_unhex(MRL_LIT("007F80fF"), bytes, 4));
    assert_memory_equal(bytes, "\x00\x7f\x80\xff", 4);
    assert_int_equal(mrl_unhex(MRL_LIT("007f80f"), bytes, 4), MRL_ERR_MALFORMED);
    assert_int_equal(mrl_unhex(MRL_LIT("007f80fg"), bytes, 4), MRL_ERR_MALFORMED);
}

static void a_digit_has_either_case_and_nothing_else_is_one(void **state)
{
    static const char digits[] = "0123456789abcdef", upper[] = "ABCDEF";
    unsigned good = 0;

    (void)state;
    for (int i = 0; i < 16; i++)
        assert_int_equal(mrl_hex_digit((uint8_t)digits[i]), i);
    for (int i = 0; i < 6; i++)
        assert_int_equal(mrl_hex_digit((uint8_t)upper[i]), 10 + i);
    for (unsigned c = 0; c <= UINT8_MAX; c++)
        good += mrl_hex_digit((uint8_t)c) >= 0;
    assert_int_equal(good, 22);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_digit_has_either_case_and_nothing_else_is_one),
        cmocka_unit_test(vectors_of_rfc_4648),
        cmocka_unit_test(lines_are_wrapped_and_white_space_is_read),
        cmocka_unit_test(one_meaning_has_one_spelling),
        cmocka_unit_test(url_alphabet),
        cmocka_unit_test(hexadecimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
