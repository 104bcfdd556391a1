/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/table.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/unit.h"

enum { PLACES = 512 };
static const uint64_t now = UINT64_C(1000) * MRL_SECOND_NS;

static struct mrl_guard_key numbered(unsigned n)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "k%u", n);
    return mrl_guard_key_of(1, mrl_str(text));
}

/* Makes or finds the entry; says whether it had been seen before. */
static bool touch(struct mrl_guard_table *t, unsigned n, uint64_t at, uint64_t blocked_until)
{
    struct mrl_guard_key key = numbered(n);
    struct mrl_guard_entry *e = mrl_guard_table_lock(t, &key, /*make=*/true, at);
    bool seen;

    assert_non_null(e);
    seen = e->connects.full_ns != 0;
    e->connects.full_ns = at + MRL_MINUTE_NS;
    if (blocked_until > 0) {
        e->blocked_until_ns = blocked_until;
        e->strikes = 1;
        if (e->who == NULL && (e->who = malloc(sizeof(key))) != NULL)
            *e->who = key;
    }
    mrl_guard_table_unlock(t, &key);
    return seen;
}

static bool is_there(struct mrl_guard_table *t, unsigned n)
{
    struct mrl_guard_key key = numbered(n);
    bool there = mrl_guard_table_lock(t, &key, /*make=*/false, now) != NULL;

    mrl_guard_table_unlock(t, &key);
    return there;
}

static void a_key_is_found_again_and_others_are_not(void **state)
{
    struct mrl_guard_table *t = mrl_guard_table_new(PLACES, MRL_MINUTE_NS);
    struct mrl_guard_key other = mrl_guard_key_of(2, MRL_LIT("k1"));

    (void)state;
    assert_false(is_there(t, 1));
    assert_false(touch(t, 1, now, 0));
    assert_true(touch(t, 1, now, 0));
    assert_false(is_there(t, 2));
    assert_null(mrl_guard_table_lock(t, &other, /*make=*/false, now));
    mrl_guard_table_unlock(t, &other);
    mrl_guard_table_free(t);
    mrl_guard_table_free(NULL);
}

static void the_table_is_bounded_and_forgets_who_did_least(void **state)
{
    struct mrl_guard_table *t = mrl_guard_table_new(PLACES, MRL_MINUTE_NS);
    unsigned kept = 0;

    (void)state;
    assert_int_equal(mrl_guard_table_places(t), PLACES);
    for (unsigned i = 0; i < 100 * PLACES; i++)
        (void)touch(t, i, now + i, 0);
    for (unsigned i = 0; i < 100 * PLACES; i++)
        kept += is_there(t, i);
    assert_int_equal(kept, PLACES);
    for (unsigned i = 0; i < 50 * PLACES; i++)
        assert_false(is_there(t, i));
    mrl_guard_table_free(t);
}

static void who_is_blocked_outlives_a_flood_of_others(void **state)
{
    struct mrl_guard_table *t = mrl_guard_table_new(PLACES, MRL_MINUTE_NS);

    (void)state;
    (void)touch(t, 7, now, now + 100 * MRL_MINUTE_NS);
    for (unsigned i = 1000; i < 1000 + 100 * PLACES; i++)
        (void)touch(t, i, now + i, 0);
    assert_true(is_there(t, 7));
    mrl_guard_table_free(t);
}

static void what_says_nothing_any_more_makes_room(void **state)
{
    struct mrl_guard_table *t = mrl_guard_table_new(PLACES, MRL_MINUTE_NS);
    unsigned kept = 0;

    (void)state;
    for (unsigned i = 0; i < 20 * PLACES; i++)
        (void)touch(t, i, now, now + 1);
    for (unsigned i = 0; i < PLACES / 32; i++)
        (void)touch(t, 100000 + i, now + 2 * MRL_MINUTE_NS, 0);
    for (unsigned i = 0; i < PLACES / 32; i++)
        kept += is_there(t, 100000 + i);
    assert_int_equal(kept, PLACES / 32);
    mrl_guard_table_free(t);
}

static void on_blocked(void *context, const struct mrl_guard_entry *e,
                       const struct mrl_guard_key *who)
{
    assert_true(e->blocked_until_ns > now);
    assert_int_equal(who->hash, e->hash);
    ++*(unsigned *)context;
}

static void only_who_is_blocked_now_is_listed(void **state)
{
    struct mrl_guard_table *t = mrl_guard_table_new(PLACES, MRL_MINUTE_NS);
    unsigned count = 0;

    (void)state;
    for (unsigned i = 0; i < 9; i++)
        (void)touch(t, i, now, i < 4 ? now + 1 : 0);
    (void)touch(t, 100, now, now);
    mrl_guard_table_each_blocked(t, now, on_blocked, &count);
    assert_int_equal(count, 4);
    mrl_guard_table_free(t);
}

static void strikes_are_kept_for_the_rest_after_a_block(void **state)
{
    struct mrl_guard_table *t = mrl_guard_table_new(PLACES, 10 * MRL_MINUTE_NS);
    uint64_t ends = now + MRL_MINUTE_NS, later = ends + 5 * MRL_MINUTE_NS;
    unsigned kept = 0;

    (void)state;
    for (unsigned i = 0; i < 8; i++)
        (void)touch(t, i, now, ends);
    for (unsigned i = 1000; i < 1000 + PLACES / 16; i++)
        (void)touch(t, i, later, 0);
    for (unsigned i = 0; i < 8; i++)
        kept += is_there(t, i);
    assert_int_equal(kept, 8);
    mrl_guard_table_free(t);
}

static void a_long_key_is_cut(void **state)
{
    uint8_t bytes[MRL_GUARD_KEY_MAX + 1] = {0};
    struct mrl_guard_key key = mrl_guard_key_of(1, mrl_bytes_of(bytes, sizeof(bytes)));

    (void)state;
    assert_int_equal(key.len, MRL_GUARD_KEY_MAX);
    assert_true(key.hash != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_found_again_and_others_are_not),
        cmocka_unit_test(the_table_is_bounded_and_forgets_who_did_least),
        cmocka_unit_test(who_is_blocked_outlives_a_flood_of_others),
        cmocka_unit_test(what_says_nothing_any_more_makes_room),
        cmocka_unit_test(only_who_is_blocked_now_is_listed),
        cmocka_unit_test(strikes_are_kept_for_the_rest_after_a_block),
        cmocka_unit_test(a_long_key_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
