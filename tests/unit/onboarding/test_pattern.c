/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/pattern.h"

#include <string.h>

#include "tests/unit/unit.h"

static void a_value_matches_as_a_whole(void **state)
{
    static const struct {
        const char *pattern, *value;
        bool matches;
    } rows[] = {
        {"abc", "abc", true},
        {"abc", "ab", false},
        {"abc", "abcd", false},
        {"*", "", true},
        {"*", "anything", true},
        {"?", "", false},
        {"?", "x", true},
        {"a*c", "ac", true},
        {"a*c", "abbbc", true},
        {"a*c", "abcb", false},
        {"*ab*ab", "aabab", true},
        {"*ab*ab", "abxaab", true},
        {"a**b", "ab", true},
        {"[0-9A-F]", "7", true},
        {"[0-9A-F]", "F", true},
        {"[0-9A-F]", "G", false},
        {"[!0-9]", "x", true},
        {"[!0-9]", "5", false},
        {"[]x]", "]", true},
        {"[!]x]", "]", false},
        {"[-a]", "-", true},
        {"[a-]", "-", true},
        {"[a-]", "b", false},
        {"[*]", "*", true},
        {"[*]", "x", false},
        {"SN-[0-9][0-9]*", "SN-12", true},
        {"SN-[0-9][0-9]*", "SN-1", false},
        {"SN-[0-9][0-9]*", "sn-12", false},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++)
        if (mrl_pattern_matches(mrl_str(rows[i].pattern), mrl_str(rows[i].value)) !=
            rows[i].matches)
            fail_msg("%s and %s", rows[i].pattern, rows[i].value);
}

static void what_is_no_pattern_is_refused(void **state)
{
    static const char *const wrong[] = {"", "[", "a[", "[]", "[!]", "[a", "ab[0-9"};
    char longest[MRL_PATTERN_MAX + 2];
    struct mrl_why why = {""};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(wrong); i++)
        assert_int_equal(mrl_pattern_check(mrl_str(wrong[i]), "it", &why), MRL_ERR_INVALID);
    memset(longest, 'a', sizeof(longest));
    assert_ok(mrl_pattern_check(mrl_bytes_of(longest, MRL_PATTERN_MAX), "it", &why));
    assert_int_equal(mrl_pattern_check(mrl_bytes_of(longest, MRL_PATTERN_MAX + 1), "it", &why),
                     MRL_ERR_INVALID);
}

/* What makes other matchers take for ever. */
static void many_stars_do_not_make_it_slow(void **state)
{
    char pattern[MRL_PATTERN_MAX], value[4096];

    (void)state;
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    memset(value, 'a', sizeof(value));
    value[sizeof(value) - 1] = 'b';
    assert_false(mrl_pattern_matches(mrl_bytes_of(pattern, sizeof(pattern)),
                                     mrl_bytes_of(value, sizeof(value))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_matches_as_a_whole),
        cmocka_unit_test(what_is_no_pattern_is_refused),
        cmocka_unit_test(many_stars_do_not_make_it_slow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
