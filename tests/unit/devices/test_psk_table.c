/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/psk_table.h"

#include <pthread.h>
#include <string.h>

#include "base/rcu.h"
#include "devices/psk.h"
#include "tests/unit/unit.h"

enum { ROUNDS = 2000 };

static const struct mrl_fingerprint one = {{1}}, other = {{2}};

static mrl_bytes opened(const struct mrl_psk_table *t, const struct mrl_fingerprint *f,
                        struct mrl_secret **key)
{
    mrl_rcu_read_begin();
    assert_ok(mrl_psk_table_open(t, f, key));
    mrl_rcu_read_end();
    return mrl_secret_bytes(*key);
}

static void expect(const struct mrl_psk_table *t, const struct mrl_fingerprint *f, mrl_bytes text)
{
    MRL_AUTO(mrl_secret) key = NULL;

    assert_bytes_equal(opened(t, f, &key), text);
}

static void a_key_opens_until_it_is_dropped(void **state)
{
    MRL_AUTO(mrl_psk_table) t = NULL;
    MRL_AUTO(mrl_secret) gone = NULL;

    (void)state;
    mrl_rcu_register();
    assert_ok(mrl_psk_table_new(&t));
    assert_ok(mrl_psk_table_put(t, &one, MRL_LIT("one"), MRL_LIT("first")));
    assert_ok(mrl_psk_table_put(t, &other, MRL_LIT("other"), MRL_LIT("second")));
    expect(t, &one, MRL_LIT("first"));
    assert_ok(mrl_psk_table_put(t, &one, MRL_LIT("one"), MRL_LIT("again")));
    expect(t, &one, MRL_LIT("again"));
    mrl_psk_table_drop(t, &one);
    mrl_psk_table_drop(t, &one);
    assert_int_equal(opened(t, &one, &gone).len, MRL_PSK_MADE);
    expect(t, &other, MRL_LIT("second"));
    mrl_rcu_read_begin();
    assert_bytes_equal(mrl_psk_table_identity(t, &one), MRL_LIT("one")); /* for the record */
    mrl_rcu_read_end();
}

static void who_is_not_known_gets_a_key_that_nobody_knows(void **state)
{
    MRL_AUTO(mrl_psk_table) first = NULL;
    MRL_AUTO(mrl_psk_table) second = NULL;
    MRL_AUTO(mrl_secret) a = NULL;
    MRL_AUTO(mrl_secret) b = NULL;
    static const uint8_t zero[MRL_PSK_MADE];

    (void)state;
    mrl_rcu_register();
    assert_ok(mrl_psk_table_new(&first));
    assert_ok(mrl_psk_table_new(&second));
    assert_int_equal(opened(first, &one, &a).len, MRL_PSK_MADE);
    assert_int_equal(opened(second, &one, &b).len, MRL_PSK_MADE);
    assert_false(mrl_secret_eq(mrl_secret_bytes(a), mrl_secret_bytes(b))); /* of each start */
    assert_false(mrl_secret_eq(mrl_secret_bytes(a), mrl_bytes_of(zero, sizeof(zero))));
    mrl_psk_table_drop(first, &one); /* nothing */
    mrl_rcu_read_begin();
    assert_int_equal(mrl_psk_table_identity(first, &one).len, 0);
    mrl_rcu_read_end();
}

static void sizes_hold_at_the_limit_and_not_one_above(void **state)
{
    static const uint8_t key[MRL_PSK_MAX + 1], identity[MRL_PSK_IDENTITY_MAX + 1] = "x";
    MRL_AUTO(mrl_psk_table) t = NULL;

    (void)state;
    mrl_rcu_register();
    assert_ok(mrl_psk_table_new(&t));
    assert_ok(mrl_psk_table_put(t, &one, mrl_bytes_of(identity, MRL_PSK_IDENTITY_MAX),
                                mrl_bytes_of(key, MRL_PSK_MAX)));
    expect(t, &one, mrl_bytes_of(key, MRL_PSK_MAX));
    assert_int_equal(mrl_psk_table_put(t, &other, MRL_LIT("x"), mrl_bytes_of(key, sizeof(key))),
                     MRL_ERR_INVALID);
    assert_int_equal(
        mrl_psk_table_put(t, &other, mrl_bytes_of(identity, sizeof(identity)), MRL_LIT("key")),
        MRL_ERR_INVALID);
    assert_int_equal(mrl_psk_table_put(t, &other, MRL_BYTES_NONE, MRL_LIT("key")), MRL_ERR_INVALID);
}

static void *read_always(void *argument)
{
    const struct mrl_psk_table *t = argument;

    mrl_rcu_register();
    for (unsigned i = 0; i < ROUNDS; i++) {
        MRL_AUTO(mrl_secret) key = NULL;
        mrl_bytes text = opened(t, &one, &key);

        if (!mrl_bytes_eq(text, MRL_LIT("key")) && text.len != MRL_PSK_MADE)
            abort();
    }
    return NULL;
}

static void handshakes_see_a_whole_key_or_none_while_it_changes(void **state)
{
    MRL_AUTO(mrl_psk_table) t = NULL;
    pthread_t reader;

    (void)state;
    mrl_rcu_register();
    assert_ok(mrl_psk_table_new(&t));
    assert_int_equal(pthread_create(&reader, NULL, read_always, t), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        assert_ok(mrl_psk_table_put(t, &one, MRL_LIT("one"), MRL_LIT("key")));
        mrl_psk_table_drop(t, &one);
    }
    assert_int_equal(pthread_join(reader, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_opens_until_it_is_dropped),
        cmocka_unit_test(who_is_not_known_gets_a_key_that_nobody_knows),
        cmocka_unit_test(sizes_hold_at_the_limit_and_not_one_above),
        cmocka_unit_test(handshakes_see_a_whole_key_or_none_while_it_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
