/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/wipe_table.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct mrl_fingerprint certificate(unsigned n)
{
    struct mrl_fingerprint f = {{0}};

    memcpy(f.bytes, &n, sizeof(n));
    return f;
}

static struct mrl_wipe_order order(unsigned n, int64_t until_s)
{
    struct mrl_wipe_order o = {.until_s = until_s, .spki_len = n % MRL_KEY_SPKI_MAX};

    (void)snprintf(o.order, sizeof(o.order), "%032u", n);
    memset(o.spki, (int)(n % 251), o.spki_len);
    memset(o.key, (int)(n % 241), sizeof(o.key));
    return o;
}

static void what_is_put_in_is_found_until_its_second(void **state)
{
    MRL_AUTO(mrl_wipe_table) t = mrl_wipe_table_new();
    const struct mrl_fingerprint f = certificate(1), other = certificate(2);
    const struct mrl_wipe_order put = order(91, 1000);
    struct mrl_wipe_order found;

    (void)state;
    assert_false(mrl_wipe_table_find(t, &f, 0, NULL));
    mrl_wipe_table_put(t, &f, &put);
    assert_true(mrl_wipe_table_find(t, &f, 999, &found));
    assert_string_equal(found.order, put.order);
    assert_int_equal(found.until_s, 1000);
    assert_memory_equal(found.key, put.key, sizeof(put.key));
    assert_int_equal(found.spki_len, put.spki_len);
    assert_memory_equal(found.spki, put.spki, put.spki_len);
    assert_true(mrl_wipe_table_find(t, &f, 999, NULL));
    assert_false(mrl_wipe_table_find(t, &f, 1000, &found));
    assert_false(mrl_wipe_table_find(t, &other, 999, NULL));
}

static void another_order_takes_the_place_of_the_first_and_may_be_dropped(void **state)
{
    MRL_AUTO(mrl_wipe_table) t = mrl_wipe_table_new();
    const struct mrl_fingerprint f = certificate(1);
    const struct mrl_wipe_order first = order(1, 1000), second = order(2, 2000);
    struct mrl_wipe_order found;

    (void)state;
    mrl_wipe_table_put(t, &f, &first);
    mrl_wipe_table_put(t, &f, &second);
    assert_true(mrl_wipe_table_find(t, &f, 1500, &found));
    assert_string_equal(found.order, second.order);
    mrl_wipe_table_drop(t, &f);
    mrl_wipe_table_drop(t, &f); /* twice is harmless */
    assert_false(mrl_wipe_table_find(t, &f, 0, NULL));
}

static void many_do_not_disturb_each_other(void **state)
{
    enum { MANY = 3000 };
    MRL_AUTO(mrl_wipe_table) t = mrl_wipe_table_new();

    (void)state;
    for (unsigned n = 0; n < MANY; n++) {
        const struct mrl_fingerprint f = certificate(n);
        const struct mrl_wipe_order o = order(n, 1000);

        mrl_wipe_table_put(t, &f, &o);
    }
    for (unsigned n = 0; n < MANY; n += 3) {
        const struct mrl_fingerprint f = certificate(n);

        mrl_wipe_table_drop(t, &f);
    }
    for (unsigned n = 0; n < MANY; n++) {
        const struct mrl_fingerprint f = certificate(n);
        const struct mrl_wipe_order o = order(n, 1000);
        struct mrl_wipe_order found;

        assert_int_equal(mrl_wipe_table_find(t, &f, 0, &found), n % 3 != 0);
        if (n % 3 != 0)
            assert_string_equal(found.order, o.order);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_in_is_found_until_its_second),
        cmocka_unit_test(another_order_takes_the_place_of_the_first_and_may_be_dropped),
        cmocka_unit_test(many_do_not_disturb_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
