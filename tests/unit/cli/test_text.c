/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <locale.h>
#include <string.h>

#include "tests/unit/unit.h"

static void assert_escaped(mrl_bytes text, const char *wanted)
{
    MRL_SCOPED(mrl_buf) out = {0};

    assert_ok(mrl_text_escape(text, &out));
    assert_bytes_equal(mrl_buf_bytes(&out), mrl_str(wanted));
}

static void plain_text_stays_as_it_is(void **state)
{
    (void)state;
    assert_escaped(MRL_LIT("devices/pump-7 \\ \"x\""), "devices/pump-7 \\ \"x\"");
    assert_escaped(MRL_LIT("Gr\xc3\xbc\xc3\x9f"
                           "e \xe6\xb0\xb4 \xf0\x9f\x8c\x8a"),
                   "Gr\xc3\xbc\xc3\x9f"
                   "e \xe6\xb0\xb4 \xf0\x9f\x8c\x8a");
    assert_escaped(MRL_BYTES_NONE, "");
}

static void what_moves_a_terminal_is_shown_instead(void **state)
{
    (void)state;
    assert_escaped(MRL_LIT("\x1b[2J\x1b]0;owned\x07"), "\\x1b[2J\\x1b]0;owned\\x07");
    assert_escaped(MRL_LIT("a\rb\nc\td\be\x7f"), "a\\rb\\nc\\td\\x08e\\x7f");
    assert_escaped(MRL_LIT("\0x"), "\\x00x");
    assert_escaped(MRL_LIT("\xc2\x9b"
                           "2J"),
                   "\\u{9b}2J"); /* CSI in one character */
    assert_escaped(MRL_LIT("\x9b"
                           "2J"),
                   "\\x9b2J"); /* and in one byte */
}

static void what_hides_or_turns_text_is_shown_instead(void **state)
{
    (void)state;
    assert_escaped(MRL_LIT("a\xe2\x80\xae"
                           "b"),
                   "a\\u{202e}b");
    assert_escaped(MRL_LIT("\xe2\x81\xa6\xe2\x80\x8b\xef\xbb\xbf\xc2\xad"),
                   "\\u{2066}\\u{200b}\\u{feff}\\u{ad}");
    assert_escaped(MRL_LIT("\xe2\x80\xa8"), "\\u{2028}");
    assert_escaped(MRL_LIT("\xf3\xa0\x80\xa1"), "\\u{e0021}");
}

static void bytes_that_are_not_utf8_are_shown_one_by_one(void **state)
{
    (void)state;
    assert_escaped(MRL_LIT("\xc3"), "\\xc3");
    assert_escaped(MRL_LIT("\xc3("), "\\xc3(");
    assert_escaped(MRL_LIT("\xc0\x9b"), "\\xc0\\x9b");          /* overlong */
    assert_escaped(MRL_LIT("\xed\xa0\x80"), "\\xed\\xa0\\x80"); /* surrogate */
    assert_escaped(MRL_LIT("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
    assert_escaped(MRL_LIT("\xe6\xb0"), "\\xe6\\xb0");
    assert_escaped(MRL_LIT("\xff\xfe"), "\\xff\\xfe");
}

static void without_a_locale_only_ascii_is_left(void **state)
{
    (void)state;
    assert_non_null(setlocale(LC_CTYPE, "C"));
    assert_escaped(MRL_LIT("Gr\xc3\xbcn"), "Gr\\u{fc}n");
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
}

static void width_counts_columns_not_bytes(void **state)
{
    (void)state;
    assert_int_equal(mrl_text_width(MRL_LIT("abc")), 3);
    assert_int_equal(mrl_text_width(MRL_LIT("\xc3\xbc")), 1);
    assert_int_equal(mrl_text_width(MRL_LIT("\xe6\xb0\xb4")), 2);
    assert_int_equal(mrl_text_width(MRL_LIT("e\xcc\x81")), 1);
    assert_int_equal(mrl_text_width(MRL_BYTES_NONE), 0);
}

static void a_cut_never_splits_a_character(void **state)
{
    const mrl_bytes text = MRL_LIT("a\xe6\xb0\xb4"
                                   "b");

    (void)state;
    assert_int_equal(mrl_text_cut(text, 0).len, 0);
    assert_int_equal(mrl_text_cut(text, 1).len, 1);
    assert_int_equal(mrl_text_cut(text, 2).len, 1);
    assert_int_equal(mrl_text_cut(text, 3).len, 4);
    assert_int_equal(mrl_text_cut(text, 4).len, 5);
    assert_int_equal(mrl_text_cut(text, 99).len, 5);
}

static void json_loses_its_blanks_but_not_those_in_strings(void **state)
{
    MRL_SCOPED(mrl_buf) out = {0};

    (void)state;
    assert_ok(mrl_text_compact_json(
        MRL_LIT("{ \"a b\" : [ 1 ,\n\t2.50 ],\r\n \"q\\\" \\\\\" : \" x \" }"), &out));
    assert_bytes_equal(mrl_buf_bytes(&out), MRL_LIT("{\"a b\":[1,2.50],\"q\\\" \\\\\":\" x \"}"));
}

static void words_are_quoted_for_a_shell_when_needed(void **state)
{
    static const struct {
        const char *word, *quoted;
    } cases[] = {
        {"abc-1.2_/:@%+=,", "abc-1.2_/:@%+=,"},
        {"", "''"},
        {"a b", "'a b'"},
        {"$(rm -rf /)", "'$(rm -rf /)'"},
        {"it's", "'it'\\''s'"},
        {"a;b", "'a;b'"},
        {"#", "'#'"},
        {"~", "'~'"},
        {"a\nb", "'a\nb'"},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        MRL_SCOPED(mrl_buf) out = {0};

        assert_ok(mrl_text_shell_word(mrl_str(cases[i].word), &out));
        assert_bytes_equal(mrl_buf_bytes(&out), mrl_str(cases[i].quoted));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_stays_as_it_is),
        cmocka_unit_test(what_moves_a_terminal_is_shown_instead),
        cmocka_unit_test(what_hides_or_turns_text_is_shown_instead),
        cmocka_unit_test(bytes_that_are_not_utf8_are_shown_one_by_one),
        cmocka_unit_test(without_a_locale_only_ascii_is_left),
        cmocka_unit_test(width_counts_columns_not_bytes),
        cmocka_unit_test(a_cut_never_splits_a_character),
        cmocka_unit_test(json_loses_its_blanks_but_not_those_in_strings),
        cmocka_unit_test(words_are_quoted_for_a_shell_when_needed),
    };

    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
