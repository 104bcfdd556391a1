/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <string.h>

#include "base/random.h"
#include "net/tls_tickets.h"
#include "tests/unit/unit.h"

enum { NOW = 1000000, LIFETIME = 600, THREADS = 4, EACH = 3000 };

static struct mrl_tls_ticket ticket(uint8_t name, uint8_t shard)
{
    struct mrl_tls_ticket k = {.id_len = 4, .secret_len = 1, .created = NOW, .secret = {name}};

    k.id[0] = name;
    k.id[3] = shard;
    return k;
}

static mrl_bytes id_of(const struct mrl_tls_ticket *k)
{
    return mrl_bytes_of(k->id, k->id_len);
}

static void a_ticket_lives_for_its_lifetime_and_not_a_second_longer(void **state)
{
    struct mrl_tls_tickets *t = NULL;
    struct mrl_tls_ticket k = ticket('a', 1), out;

    (void)state;
    assert_ok(mrl_tls_tickets_new(64, LIFETIME, &t));
    assert_ok(mrl_tls_tickets_put(t, &k));
    assert_ok(mrl_tls_tickets_get(t, id_of(&k), NOW + LIFETIME - 1, &out));
    assert_int_equal(out.secret[0], 'a');
    assert_int_equal(mrl_tls_tickets_get(t, id_of(&k), NOW + LIFETIME, &out), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_tls_tickets_count(t), 0);
    mrl_tls_tickets_free(t);
}

static void the_oldest_goes_first_when_a_shard_is_full(void **state)
{
    struct mrl_tls_tickets *t = NULL;
    struct mrl_tls_ticket k, out;

    (void)state;
    assert_ok(mrl_tls_tickets_new((size_t)3 * MRL_TICKET_SHARDS, LIFETIME, &t));
    for (uint8_t name = 0; name < 4; name++) {
        k = ticket(name, 5);
        assert_ok(mrl_tls_tickets_put(t, &k));
    }
    assert_int_equal(mrl_tls_tickets_count(t), 3);
    for (uint8_t name = 0; name < 4; name++) {
        k = ticket(name, 5);
        assert_int_equal(mrl_tls_tickets_get(t, id_of(&k), NOW, &out),
                         name == 0 ? MRL_ERR_NOT_FOUND : MRL_OK);
    }
    mrl_tls_tickets_remove(t, id_of(&k));
    mrl_tls_tickets_remove(t, id_of(&k));
    assert_int_equal(mrl_tls_tickets_count(t), 2);
    mrl_tls_tickets_free(t);
}

static void impossible_lengths_are_refused(void **state)
{
    struct mrl_tls_tickets *t = NULL;
    struct mrl_tls_ticket k = ticket('a', 1), out;
    uint8_t long_id[MRL_TICKET_ID + 1] = {0};

    (void)state;
    assert_int_equal(mrl_tls_tickets_new(1, 604801, &t), MRL_ERR_INVALID);
    assert_ok(mrl_tls_tickets_new(1, 604800, &t));
    k.id_len = MRL_TICKET_ID + 1;
    assert_int_equal(mrl_tls_tickets_put(t, &k), MRL_ERR_INVALID);
    k.id_len = MRL_TICKET_ID;
    k.secret_len = MRL_TICKET_SECRET + 1;
    assert_int_equal(mrl_tls_tickets_put(t, &k), MRL_ERR_INVALID);
    k.secret_len = MRL_TICKET_SECRET;
    assert_ok(mrl_tls_tickets_put(t, &k));
    assert_int_equal(mrl_tls_tickets_get(t, MRL_BYTES_NONE, NOW, &out), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_tls_tickets_get(t, mrl_bytes_of(long_id, sizeof(long_id)), NOW, &out),
                     MRL_ERR_NOT_FOUND);
    mrl_tls_tickets_remove(t, MRL_BYTES_NONE);
    mrl_tls_tickets_free(t);
}

static bool is_not_b(void *context, const struct mrl_tls_ticket *k)
{
    ++*(unsigned *)context;
    return k->secret[0] != 'b';
}

static void a_sweep_takes_what_is_not_to_be_kept_from_every_shard(void **state)
{
    struct mrl_tls_tickets *t = NULL;
    struct mrl_tls_ticket k, out;
    unsigned asked = 0;

    (void)state;
    assert_ok(mrl_tls_tickets_new(64, LIFETIME, &t));
    for (unsigned i = 0; i < 3 * MRL_TICKET_SHARDS; i++) {
        k = ticket((uint8_t)('a' + i % 3), (uint8_t)(i / 3));
        assert_ok(mrl_tls_tickets_put(t, &k));
    }
    mrl_tls_tickets_sweep(t, is_not_b, &asked);
    assert_int_equal(asked, 3 * MRL_TICKET_SHARDS);
    assert_int_equal(mrl_tls_tickets_count(t), 2 * MRL_TICKET_SHARDS);
    k = ticket('b', 3);
    assert_int_equal(mrl_tls_tickets_get(t, id_of(&k), NOW, &out), MRL_ERR_NOT_FOUND);
    k = ticket('c', 3);
    assert_ok(mrl_tls_tickets_get(t, id_of(&k), NOW, &out));
    mrl_tls_tickets_free(t);
}

static void *use(void *argument)
{
    struct mrl_tls_tickets *t = argument;
    struct mrl_tls_ticket k = ticket(0, 0), out;

    for (unsigned i = 0; i < EACH; i++) {
        mrl_random(k.id, sizeof(k.id));
        k.id_len = MRL_TICKET_ID;
        (void)mrl_tls_tickets_put(t, &k);
        (void)mrl_tls_tickets_get(t, id_of(&k), NOW, &out);
        if (i % 3 == 0)
            mrl_tls_tickets_remove(t, id_of(&k));
    }
    return NULL;
}

static void threads_share_the_table(void **state)
{
    struct mrl_tls_tickets *t = NULL;
    pthread_t threads[THREADS];

    (void)state;
    assert_ok(mrl_tls_tickets_new(1000, LIFETIME, &t));
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use, t), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(mrl_tls_tickets_count(t) <= 1008);
    assert_true(mrl_tls_tickets_count(t) > 500);
    mrl_tls_tickets_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_lives_for_its_lifetime_and_not_a_second_longer),
        cmocka_unit_test(the_oldest_goes_first_when_a_shard_is_full),
        cmocka_unit_test(impossible_lengths_are_refused),
        cmocka_unit_test(a_sweep_takes_what_is_not_to_be_kept_from_every_shard),
        cmocka_unit_test(threads_share_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
