/* SPDX-License-Identifier: Apache-2.0 */
#include "access/attributes.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static void names_are_plain_words(void **state)
{
    static const char *const good[] = {"a", "site", "A9", "a.b-c_d", "_x", "9"},
                             *const bad[] = {"",   ".a", "-a", "a b",      "a=b", "a/b",
                                             "a+", "a#", "a}", "\xc3\xa4", "a\nb"};
    char name[MRL_ATTRIBUTE_NAME_MAX + 1];

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(good); i++)
        assert_true(mrl_attribute_name_valid(mrl_str(good[i])));
    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        assert_false(mrl_attribute_name_valid(mrl_str(bad[i])));
    memset(name, 'n', sizeof(name));
    assert_true(mrl_attribute_name_valid(mrl_bytes_of(name, MRL_ATTRIBUTE_NAME_MAX)));
    assert_false(mrl_attribute_name_valid(mrl_bytes_of(name, MRL_ATTRIBUTE_NAME_MAX + 1)));
}

static void values_can_stand_as_one_level(void **state)
{
    static const char *const good[] = {"b", "Berlin Mitte", "a=b", "$x", "\xc3\xa4", "*", "${id}"},
                             *const bad[] = {"",     "a/b",  "+",    "#",    "a+",          "a#",
                                             "a\nb", "a\tb", "\x7f", "\xff", "\xed\xa0\x80"};
    char value[MRL_ATTRIBUTE_VALUE_MAX + 1];

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(good); i++)
        assert_true(mrl_attribute_value_valid(mrl_str(good[i])));
    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        assert_false(mrl_attribute_value_valid(mrl_str(bad[i])));
    assert_false(mrl_attribute_value_valid(MRL_LIT("a\0b")));
    memset(value, 'v', sizeof(value));
    assert_true(mrl_attribute_value_valid(mrl_bytes_of(value, MRL_ATTRIBUTE_VALUE_MAX)));
    assert_false(mrl_attribute_value_valid(mrl_bytes_of(value, MRL_ATTRIBUTE_VALUE_MAX + 1)));
}

static void only_the_one_form_of_a_set_is_valid(void **state)
{
    static const char *const good[] = {"", "a=1", "a=1\nb=2", "A=1\na=1", "a=b=c"},
                             *const bad[] = {"\n",    "a",          "a=",       "=1",
                                             "a=1\n", "b=1\na=2",   "a=1\na=2", "a=1\n\nb=2",
                                             "a=+",   "a=1\nb=x/y", " a=1"};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(good); i++)
        assert_true(mrl_attributes_valid(mrl_str(good[i])));
    for (size_t i = 0; i < MRL_COUNT(bad); i++)
        if (mrl_attributes_valid(mrl_str(bad[i])))
            fail_msg("%s", bad[i]);
}

static void a_value_is_found_by_its_whole_name(void **state)
{
    mrl_bytes set = MRL_LIT("floor=2\nsite=berlin=x\nsites=3");

    (void)state;
    assert_bytes_equal(mrl_attributes_get(set, MRL_LIT("floor")), MRL_LIT("2"));
    assert_bytes_equal(mrl_attributes_get(set, MRL_LIT("site")), MRL_LIT("berlin=x"));
    assert_bytes_equal(mrl_attributes_get(set, MRL_LIT("sites")), MRL_LIT("3"));
    assert_int_equal(mrl_attributes_get(set, MRL_LIT("sit")).len, 0);
    assert_int_equal(mrl_attributes_get(set, MRL_LIT("Site")).len, 0);
    assert_int_equal(mrl_attributes_get(MRL_BYTES_NONE, MRL_LIT("a")).len, 0);
}

static void with(const char *set, const char *name, const char *value, const char *expected)
{
    MRL_SCOPED(mrl_buf) out = {0};

    assert_ok(mrl_attributes_with(mrl_str(set), mrl_str(name), mrl_str(value), &out, NULL));
    assert_bytes_equal(mrl_buf_bytes(&out), mrl_str(expected));
    assert_true(mrl_attributes_valid(mrl_buf_bytes(&out)));
}

static void a_set_changes_in_one_name(void **state)
{
    (void)state;
    with("", "a", "1", "a=1");
    with("b=2", "a", "1", "a=1\nb=2");
    with("a=1", "b", "2", "a=1\nb=2");
    with("a=1\nc=3", "b", "2", "a=1\nb=2\nc=3");
    with("a=1\nb=2", "b", "3", "a=1\nb=3");
    with("a=1\nb=2", "a", "", "b=2");
    with("a=1", "a", "", "");
    with("a=1", "b", "", "a=1");
}

static void what_is_no_attribute_is_refused(void **state)
{
    MRL_SCOPED(mrl_buf) out = {0};
    struct mrl_why why = {{0}};

    (void)state;
    assert_int_equal(mrl_attributes_with(MRL_LIT("a=1"), MRL_LIT("a/b"), MRL_LIT("1"), &out, &why),
                     MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "attribute name"));
    assert_int_equal(mrl_attributes_with(MRL_LIT("a=1"), MRL_LIT("site"), MRL_LIT("+"), &out, &why),
                     MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "attribute site"));
    assert_int_equal(mrl_buf_bytes(&out).len, 0);
}

static void a_device_has_at_most_16_attributes(void **state)
{
    struct mrl_buf sets[2] = {{0}, {0}};
    char name[8];

    (void)state;
    for (unsigned i = 0; i < MRL_ATTRIBUTES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "n%02u", i);
        mrl_buf_clear(&sets[1]);
        assert_ok(mrl_attributes_with(mrl_buf_bytes(&sets[0]), mrl_str(name), MRL_LIT("v"),
                                      &sets[1], NULL));
        mrl_buf_clear(&sets[0]);
        assert_ok(mrl_buf_append(&sets[0], mrl_buf_bytes(&sets[1])));
    }
    assert_true(mrl_attributes_valid(mrl_buf_bytes(&sets[0])));
    mrl_buf_clear(&sets[1]);
    assert_int_equal(mrl_attributes_with(mrl_buf_bytes(&sets[0]), MRL_LIT("one-more"), MRL_LIT("v"),
                                         &sets[1], NULL),
                     MRL_ERR_LIMIT);
    mrl_buf_clear(&sets[1]);
    assert_ok(mrl_attributes_with(mrl_buf_bytes(&sets[0]), MRL_LIT("n03"), MRL_LIT("w"), &sets[1],
                                  NULL)); /* a change of one is not one more */
    assert_ok(mrl_buf_append(&sets[0], MRL_LIT("\nz=1")));
    assert_false(mrl_attributes_valid(mrl_buf_bytes(&sets[0])));
    mrl_buf_done(&sets[0]);
    mrl_buf_done(&sets[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_plain_words),
        cmocka_unit_test(values_can_stand_as_one_level),
        cmocka_unit_test(only_the_one_form_of_a_set_is_valid),
        cmocka_unit_test(a_value_is_found_by_its_whole_name),
        cmocka_unit_test(a_set_changes_in_one_name),
        cmocka_unit_test(what_is_no_attribute_is_refused),
        cmocka_unit_test(a_device_has_at_most_16_attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
