/* SPDX-License-Identifier: Apache-2.0 */
#include "access/name.h"

#include <string.h>

#include "tests/unit/unit.h"

static void ordinary_names_are_accepted(void **state)
{
    static const char *const good[] = {"a",  "pump-7", "PLANT:3.line_2", "0",
                                       "_x", ":",      "a..b",           "A-"};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(good); i++)
        assert_true(mrl_name_valid(mrl_str(good[i])));
}

static void a_name_can_never_be_two_levels_a_wildcard_or_a_variable(void **state)
{
    static const char *const bad[] = {"",     "a/b",      "+",     "#",   "$SYS", "${id}", ".",
                                      "..",   ".a",       "-a",    "a b", "a\n",  "a\"b",  "a%2fb",
                                      "a\\b", "\xc3\xa4", "a\x7f", "a,b", "a+",   "#a",    "a;b"};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_why why = {{0}};

        assert_false(mrl_name_valid(mrl_str(bad[i])));
        assert_int_equal(mrl_name_check(mrl_str(bad[i]), "device id", &why), MRL_ERR_INVALID);
        assert_memory_equal(why.text, "device id: ", 11);
    }
    assert_false(mrl_name_valid(MRL_LIT("a\0b")));
}

static void every_byte_is_judged(void **state)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";

    (void)state;
    for (int c = 0; c < 256; c++) {
        uint8_t name[2] = {'a', (uint8_t)c};
        bool expected = c != 0 && strchr(allowed, c) != NULL;

        assert_int_equal(mrl_name_valid(mrl_bytes_of(name, 2)), expected);
    }
}

static void a_name_has_at_most_what_a_common_name_holds(void **state)
{
    char long_name[MRL_NAME_MAX + 2];
    struct mrl_name kept;

    (void)state;
    assert_int_equal(MRL_NAME_MAX, 64); /* RFC 5280 A.1, ub-common-name */
    memset(long_name, 'x', sizeof(long_name));
    assert_true(mrl_name_set(&kept, mrl_bytes_of(long_name, MRL_NAME_MAX)));
    assert_bytes_equal(mrl_name_bytes(&kept), mrl_bytes_of(long_name, MRL_NAME_MAX));
    assert_int_equal(strlen(kept.text), MRL_NAME_MAX);
    assert_int_equal(mrl_name_check(mrl_bytes_of(long_name, MRL_NAME_MAX + 1), "x", NULL),
                     MRL_ERR_INVALID);
    assert_false(mrl_name_set(&kept, mrl_bytes_of(long_name, MRL_NAME_MAX + 1)));
    assert_int_equal(kept.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_names_are_accepted),
        cmocka_unit_test(a_name_can_never_be_two_levels_a_wildcard_or_a_variable),
        cmocka_unit_test(every_byte_is_judged),
        cmocka_unit_test(a_name_has_at_most_what_a_common_name_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
