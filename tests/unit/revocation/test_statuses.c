/* SPDX-License-Identifier: Apache-2.0 */
#include "revocation/statuses.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/rcu.h"
#include "tests/unit/unit.h"

enum { EXPIRES = 3600 * 1000 };

static void serial_of(uint32_t n, uint8_t to[static MRL_STATUS_SERIAL])
{
    uint64_t mixed = (n + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);

    for (unsigned i = 0; i < MRL_STATUS_SERIAL; i++)
        to[i] = (uint8_t)(mixed >> (8 * (i % 8)) ^ n >> (i % 4));
    to[0] |= 1; /* a magnitude has no leading zeros */
}

static mrl_err put(struct mrl_statuses *s, uint32_t n, struct mrl_status status)
{
    uint8_t serial[MRL_STATUS_SERIAL];

    serial_of(n, serial);
    return mrl_statuses_put(s, mrl_bytes_of(serial, sizeof(serial)), &status);
}

static bool get(struct mrl_statuses *s, uint32_t n, struct mrl_status *out)
{
    uint8_t serial[MRL_STATUS_SERIAL];
    bool found;

    serial_of(n, serial);
    mrl_rcu_read_begin();
    found = mrl_statuses_get(s, mrl_bytes_of(serial, sizeof(serial)), out);
    mrl_rcu_read_end();
    return found;
}

static void what_was_put_is_found_and_nothing_else(void **state)
{
    struct mrl_statuses *s = mrl_statuses_new();
    struct mrl_status found;

    (void)state;
    for (uint32_t n = 0; n < 20000; n++)
        assert_ok(put(s, n,
                      (struct mrl_status){.expires = EXPIRES,
                                          .revoked = n % 3 == 0 ? 1000 + n : 0,
                                          .reason = n % 3 == 0 ? MRL_CRL_SUPERSEDED : 0}));
    assert_int_equal(mrl_statuses_count(s), 20000);
    for (uint32_t n = 0; n < 20000; n++) {
        assert_true(get(s, n, &found));
        assert_int_equal(found.revoked, n % 3 == 0 ? 1000 + n : 0);
        assert_int_equal(found.reason, n % 3 == 0 ? MRL_CRL_SUPERSEDED : MRL_CRL_UNSPECIFIED);
        assert_true(found.expires >= EXPIRES && found.expires <= EXPIRES + 3600);
        assert_false(found.in_base);
    }
    for (uint32_t n = 20000; n < 40000; n++)
        assert_false(get(s, n, &found));
    mrl_statuses_free(s);
}

static void a_status_is_replaced_whole(void **state)
{
    struct mrl_statuses *s = mrl_statuses_new();
    struct mrl_status found;

    (void)state;
    assert_ok(put(s, 1, (struct mrl_status){.expires = EXPIRES}));
    assert_ok(put(s, 1,
                  (struct mrl_status){.expires = EXPIRES,
                                      .revoked = UINT32_MAX,
                                      .in_base = true,
                                      .reason = MRL_CRL_PRIVILEGE_WITHDRAWN}));
    assert_int_equal(mrl_statuses_count(s), 1);
    assert_true(get(s, 1, &found));
    assert_int_equal(found.revoked, UINT32_MAX);
    assert_int_equal(found.reason, MRL_CRL_PRIVILEGE_WITHDRAWN);
    assert_true(found.in_base);
    mrl_statuses_free(s);
}

static void short_serials_are_numbers_of_their_own(void **state)
{
    struct mrl_statuses *s = mrl_statuses_new();
    const struct mrl_status status = {.expires = EXPIRES};
    struct mrl_status found;
    mrl_bytes serial;
    size_t at = 0;

    (void)state;
    assert_ok(mrl_statuses_put(s, MRL_LIT("\x07"), &status));
    mrl_rcu_read_begin();
    assert_true(mrl_statuses_get(s, MRL_LIT("\x07"), &found));
    assert_false(mrl_statuses_get(s, MRL_LIT("\x07\x00"), &found));
    assert_false(mrl_statuses_get(s, MRL_BYTES_NONE, &found));
    assert_false(mrl_statuses_get(s, MRL_LIT("12345678901234567"), &found));
    mrl_rcu_read_end();
    assert_true(mrl_statuses_next(s, &at, &serial, &found));
    assert_bytes_equal(serial, MRL_LIT("\x07"));
    assert_false(mrl_statuses_next(s, &at, &serial, &found));
    mrl_statuses_free(s);
}

static void serials_and_times_have_limits(void **state)
{
    struct mrl_statuses *s = mrl_statuses_new();
    struct mrl_status status = {.expires = EXPIRES};

    (void)state;
    assert_ok(mrl_statuses_put(s, MRL_LIT("1234567890123456"), &status));
    assert_int_equal(mrl_statuses_put(s, MRL_LIT("12345678901234567"), &status), MRL_ERR_INVALID);
    assert_int_equal(mrl_statuses_put(s, MRL_BYTES_NONE, &status), MRL_ERR_INVALID);
    status.revoked = (int64_t)UINT32_MAX + 1;
    assert_int_equal(mrl_statuses_put(s, MRL_LIT("1"), &status), MRL_ERR_INVALID);
    status.revoked = -1;
    assert_int_equal(mrl_statuses_put(s, MRL_LIT("1"), &status), MRL_ERR_INVALID);
    status.revoked = 0;
    status.expires = INT64_MAX;
    assert_int_equal(mrl_statuses_put(s, MRL_LIT("1"), &status), MRL_ERR_INVALID);
    mrl_statuses_free(s);
}

static void what_expired_is_forgotten(void **state)
{
    struct mrl_statuses *s = mrl_statuses_new();
    struct mrl_status found;

    (void)state;
    for (uint32_t n = 0; n < 1000; n++)
        assert_ok(put(s, n, (struct mrl_status){.expires = n % 2 == 0 ? EXPIRES : 2 * EXPIRES}));
    mrl_statuses_purge(s, EXPIRES + 3600);
    assert_int_equal(mrl_statuses_count(s), 1000);
    mrl_statuses_purge(s, EXPIRES + 3601);
    assert_int_equal(mrl_statuses_count(s), 500);
    for (uint32_t n = 0; n < 1000; n++)
        assert_int_equal(get(s, n, &found), n % 2 == 1);
    mrl_statuses_free(s);
}

static void an_entry_takes_at_most_32_bytes(void **state)
{
    struct mrl_statuses *s = mrl_statuses_new();

    (void)state;
    for (uint32_t n = 0; n < 100000; n++) {
        assert_ok(put(s, n, (struct mrl_status){.expires = EXPIRES, .revoked = 1}));
        if (n >= 10000 && mrl_statuses_bytes(s) > (n + 1) * (size_t)32)
            fail_msg("%u entries take %zu bytes", n + 1, mrl_statuses_bytes(s));
    }
    mrl_statuses_free(s);
}

/* --- readers beside the owner --- */

static struct mrl_statuses *shared;
static atomic_bool over;
static atomic_uint wrong;

static void *read_all(void *nothing)
{
    struct mrl_status found;

    (void)nothing;
    mrl_rcu_register();
    while (!atomic_load(&over))
        for (uint32_t n = 0; n < 100; n++) /* these were there before this thread */
            if (!get(shared, n, &found) || (found.revoked != 0 && found.revoked != 7 + n))
                atomic_fetch_add(&wrong, 1);
    return NULL;
}

static void a_reader_finds_all_while_the_table_grows(void **state)
{
    pthread_t reader;

    (void)state;
    shared = mrl_statuses_new();
    for (uint32_t n = 0; n < 100; n++)
        assert_ok(put(shared, n, (struct mrl_status){.expires = EXPIRES}));
    assert_int_equal(pthread_create(&reader, NULL, read_all, NULL), 0);
    for (uint32_t n = 0; n < 50000; n++)
        assert_ok(put(shared, n, (struct mrl_status){.expires = EXPIRES, .revoked = 7 + n}));
    atomic_store(&over, true);
    assert_int_equal(pthread_join(reader, NULL), 0);
    assert_int_equal(atomic_load(&wrong), 0);
    mrl_rcu_barrier();
    mrl_statuses_free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_is_found_and_nothing_else),
        cmocka_unit_test(a_status_is_replaced_whole),
        cmocka_unit_test(short_serials_are_numbers_of_their_own),
        cmocka_unit_test(serials_and_times_have_limits),
        cmocka_unit_test(what_expired_is_forgotten),
        cmocka_unit_test(an_entry_takes_at_most_32_bytes),
        cmocka_unit_test(a_reader_finds_all_while_the_table_grows),
    };

    mrl_rcu_register();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
