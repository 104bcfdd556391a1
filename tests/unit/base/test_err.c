/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <string.h>

#include "base/utf8.h"
#include "tests/unit/unit.h"

static void every_class_has_a_name(void **state)
{
    (void)state;
    for (int err = MRL_OK; err < MRL_ERR_COUNT_; err++)
        assert_string_not_equal(mrl_err_name((mrl_err)err), "unknown");
    assert_string_equal(mrl_err_name(MRL_ERR_COUNT_), "unknown");
}

static void a_failure_says_why_to_who_wants_to_know(void **state)
{
    struct mrl_why why = {""};

    (void)state;
    assert_int_equal(mrl_fail(&why, MRL_ERR_LIMIT, "over %d", 7), MRL_ERR_LIMIT);
    assert_string_equal(why.text, "over 7");
    assert_int_equal(mrl_fail(NULL, MRL_ERR_LIMIT, "over %d", 7), MRL_ERR_LIMIT);
}

static void whole_characters_stay(void **state)
{
    static const char text[] = "z\xc3\xbc \xe2\x82\xac \xf0\x9f\x94\x91";
    struct mrl_why why;

    (void)state;
    mrl_why_set(&why, "%s", text);
    assert_string_equal(why.text, text);
}

static void what_is_no_text_becomes_text(void **state)
{
    struct mrl_why why;

    (void)state;
    mrl_why_set(&why, "unknown member %.3s", "ab\xe2\x82\xac"); /* cut inside a character */
    assert_string_equal(why.text, "unknown member ab?");
    mrl_why_set(&why, "%s", "\xff\xc3.\xed\xa0\x80 \xc3\xbc");
    assert_string_equal(why.text, "??.\?\?\? \xc3\xbc");
}

/* The last character is whole or gone, wherever the sentence ends. */
static void a_long_sentence_is_cut_and_stays_text(void **state)
{
    struct mrl_why why;
    char text[2 * sizeof(why.text)];

    (void)state;
    for (size_t before = 0; before < 4; before++) {
        memset(text, 'a', sizeof(text));
        for (size_t at = before; at + 4 < sizeof(text); at += 4)
            memcpy(&text[at], "\xf0\x9f\x94\x91", 4);
        text[sizeof(text) - 1] = '\0';
        mrl_why_set(&why, "%s", text);
        assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
        assert_true(mrl_utf8_valid(mrl_str(why.text)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_has_a_name),
        cmocka_unit_test(a_failure_says_why_to_who_wants_to_know),
        cmocka_unit_test(whole_characters_stay),
        cmocka_unit_test(what_is_no_text_becomes_text),
        cmocka_unit_test(a_long_sentence_is_cut_and_stays_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
