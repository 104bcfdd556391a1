/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <string.h>

#include "base/bytes.h"
#include "base/secret_pool.h"
#include "tests/unit/unit.h"

enum { SIZE = 184, MANY = 1000 };

static void secrets_are_zeroed_aligned_and_apart(void **state)
{
    MRL_AUTO(mrl_secret_pool) p = mrl_secret_pool_new(SIZE);
    static uint8_t *taken[MANY];
    static const uint8_t zero[SIZE];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        taken[i] = mrl_secret_pool_take(p);
        assert_int_equal((uintptr_t)taken[i] % _Alignof(max_align_t), 0);
        assert_memory_equal(taken[i], zero, SIZE);
        memset(taken[i], i % 251, SIZE);
    }
    for (int i = 0; i < MANY; i++)
        for (int at = 0; at < SIZE; at++)
            assert_int_equal(taken[i][at], i % 251);
}

static void what_is_given_back_is_wiped_and_taken_again(void **state)
{
    MRL_AUTO(mrl_secret_pool) p = mrl_secret_pool_new(SIZE);
    static const uint8_t zero[SIZE];
    uint8_t *secret = mrl_secret_pool_take(p);

    (void)state;
    memset(secret, 0x5a, SIZE);
    mrl_secret_pool_give(p, secret);
    /* All but the link to the next spare one. */
    assert_memory_equal(&secret[sizeof(void *)], zero, SIZE - sizeof(void *));
    assert_ptr_equal(mrl_secret_pool_take(p), secret);
    assert_memory_equal(secret, zero, SIZE);
    mrl_secret_pool_give(p, NULL);
}

static void *take_and_give(void *pool)
{
    for (int i = 0; i < MANY; i++) {
        uint8_t *a = mrl_secret_pool_take(pool), *b = mrl_secret_pool_take(pool);

        memset(a, 1, SIZE);
        memset(b, 2, SIZE);
        if (a[0] != 1 || b[SIZE - 1] != 2)
            return pool;
        mrl_secret_pool_give(pool, a);
        mrl_secret_pool_give(pool, b);
    }
    return NULL;
}

static void threads_may_share_one(void **state)
{
    MRL_AUTO(mrl_secret_pool) p = mrl_secret_pool_new(SIZE);
    pthread_t other;
    void *failed;

    (void)state;
    assert_int_equal(pthread_create(&other, NULL, take_and_give, p), 0);
    assert_null(take_and_give(p));
    assert_int_equal(pthread_join(other, &failed), 0);
    assert_null(failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_zeroed_aligned_and_apart),
        cmocka_unit_test(what_is_given_back_is_wiped_and_taken_again),
        cmocka_unit_test(threads_may_share_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
