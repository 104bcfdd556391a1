/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/err.h"
#include "base/secret.h"
#include "tests/unit/unit.h"

static void a_copy_is_equal_and_a_changed_one_is_not(void **state)
{
    MRL_AUTO(mrl_secret) a = mrl_secret_copy(MRL_LIT("correct horse"));
    MRL_AUTO(mrl_secret) b = mrl_secret_copy(mrl_secret_bytes(a));

    (void)state;
    assert_true(mrl_secret_eq(mrl_secret_bytes(a), mrl_secret_bytes(b)));
    mrl_secret_data(b)[12] ^= 1;
    assert_false(mrl_secret_eq(mrl_secret_bytes(a), mrl_secret_bytes(b)));
    assert_false(mrl_secret_eq(mrl_secret_bytes(a), MRL_LIT("correct")));
    assert_true(mrl_secret_eq(MRL_BYTES_NONE, MRL_BYTES_NONE));
}

static void wiping_leaves_zeros(void **state)
{
    char text[8] = "secret!";

    (void)state;
    mrl_wipe(text, sizeof(text));
    assert_memory_equal(text, "\0\0\0\0\0\0\0\0", 8);
    mrl_secret_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_copy_is_equal_and_a_changed_one_is_not),
                                       cmocka_unit_test(wiping_leaves_zeros)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
