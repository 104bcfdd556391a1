/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"
#include "base/err.h"
#include "tests/unit/unit.h"

static void slices_never_leave_their_input(void **state)
{
    mrl_bytes b = MRL_LIT("merlon");

    (void)state;
    assert_bytes_equal(mrl_bytes_sub(b, 2, 3), MRL_LIT("rlo"));
    assert_bytes_equal(mrl_bytes_sub(b, 4, 100), MRL_LIT("on"));
    assert_int_equal(mrl_bytes_sub(b, 6, 1).len, 0);
    assert_int_equal(mrl_bytes_sub(b, SIZE_MAX, SIZE_MAX).len, 0);
    assert_int_equal(mrl_bytes_find(b, 'z', 0), b.len);
    assert_int_equal(mrl_bytes_find(b, 'n', 100), b.len);
}

static void split_and_trim(void **state)
{
    mrl_bytes head, tail;

    (void)state;
    assert_true(mrl_bytes_split(MRL_LIT("id:token:x"), ':', &head, &tail));
    assert_bytes_equal(head, MRL_LIT("id"));
    assert_bytes_equal(tail, MRL_LIT("token:x"));
    assert_false(mrl_bytes_split(MRL_LIT("id"), ':', &head, &tail));
    assert_int_equal(tail.len, 0);
    assert_bytes_equal(mrl_bytes_trim(MRL_LIT(" \t a b\r\n")), MRL_LIT("a b"));
}

static void numbers_have_limits(void **state)
{
    uint64_t n = 7;

    (void)state;
    assert_true(mrl_bytes_to_u64(MRL_LIT("18446744073709551615"), UINT64_MAX, &n));
    assert_true(n == UINT64_MAX);
    assert_false(mrl_bytes_to_u64(MRL_LIT("18446744073709551616"), UINT64_MAX, &n));
    assert_true(mrl_bytes_to_u64(MRL_LIT("100"), 100, &n));
    assert_false(mrl_bytes_to_u64(MRL_LIT("101"), 100, &n));
    assert_false(mrl_bytes_to_u64(MRL_LIT(""), 100, &n));
    assert_false(mrl_bytes_to_u64(MRL_LIT("+1"), 100, &n));
    assert_int_equal(n, 100);
}

static void c_strings_refuse_nul_and_overflow(void **state)
{
    char to[5];

    (void)state;
    assert_true(mrl_bytes_to_cstr(MRL_LIT("four"), to, sizeof(to)));
    assert_string_equal(to, "four");
    assert_false(mrl_bytes_to_cstr(MRL_LIT("fives"), to, sizeof(to)));
    assert_string_equal(to, "");
    assert_false(mrl_bytes_to_cstr(MRL_LIT("a\0b"), to, sizeof(to)));
}

static void order_and_case(void **state)
{
    (void)state;
    assert_true(mrl_bytes_cmp(MRL_LIT("a"), MRL_LIT("ab")) < 0);
    assert_true(mrl_bytes_cmp(MRL_LIT("b"), MRL_LIT("ab")) > 0);
    assert_int_equal(mrl_bytes_cmp(MRL_BYTES_NONE, MRL_BYTES_NONE), 0);
    assert_true(mrl_bytes_eq_nocase(MRL_LIT("Host"), MRL_LIT("hOST")));
    assert_false(mrl_bytes_eq(MRL_LIT("Host"), MRL_LIT("host")));
    assert_true(mrl_bytes_starts(MRL_LIT("Basic x"), MRL_LIT("Basic ")));
    assert_false(mrl_bytes_ends(MRL_LIT("x"), MRL_LIT("yx")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_never_leave_their_input),
        cmocka_unit_test(split_and_trim),
        cmocka_unit_test(numbers_have_limits),
        cmocka_unit_test(c_strings_refuse_nul_and_overflow),
        cmocka_unit_test(order_and_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
