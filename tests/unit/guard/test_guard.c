/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/guard.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

enum {
    CONNECTS = 10,
    FAILURES = 5,
    TOKENS = 3,
    NETWORK = 25,
    BLOCK_MS = 10000,
    LONGEST_MS = 40000
};

static uint64_t clock_ms;

static uint64_t now_ms(void)
{
    return clock_ms;
}

static const struct mrl_guard_config config = {
    .source_connects = CONNECTS,
    .source_failures = FAILURES,
    .network_connects = NETWORK,
    .network_failures = 12,
    .token_failures = TOKENS,
    .source_ipv4_bits = 32,
    .source_ipv6_bits = 64,
    .network_ipv4_bits = 24,
    .network_ipv6_bits = 48,
    .block_ms = BLOCK_MS,
    .block_max_ms = LONGEST_MS,
    .sources = 4096,
    .principals = 4096,
    .now_ms = now_ms,
};

static int set_up(void **state)
{
    clock_ms = 1000000;
    *state = mrl_guard_new(&config);
    return 0;
}

static int tear_down(void **state)
{
    mrl_guard_free(*state);
    return 0;
}

static struct mrl_peer at(const char *host)
{
    struct mrl_peer p;

    assert_ok(mrl_network_parse_host(mrl_str(host), &p));
    return p;
}

static enum mrl_guard_verdict admit(struct mrl_guard *g, const char *host)
{
    struct mrl_peer p = at(host);

    return mrl_guard_admit(g, &p);
}

static unsigned admitted(struct mrl_guard *g, const char *host, unsigned tries)
{
    unsigned passed = 0;

    for (unsigned i = 0; i < tries; i++)
        passed += admit(g, host) == MRL_GUARD_PASS;
    return passed;
}

static void fail_from(struct mrl_guard *g, const char *host, unsigned times)
{
    struct mrl_peer p = at(host);

    while (times-- > 0)
        mrl_guard_failed(g, &p);
}

static struct mrl_guard_principal device(const char *id)
{
    return (struct mrl_guard_principal){MRL_GUARD_DEVICE, mrl_str(id), MRL_LIT("192.0.2.7:1")};
}

static unsigned connects(struct mrl_guard *g, const char *id, unsigned tries)
{
    struct mrl_guard_principal who = device(id);
    unsigned passed = 0;

    for (unsigned i = 0; i < tries; i++)
        passed += mrl_guard_connect(g, &who, CONNECTS) == MRL_GUARD_PASS;
    return passed;
}

/* --- sources --- */

static void a_source_may_connect_its_limit_and_not_once_more(void **state)
{
    struct mrl_guard *g = *state;

    assert_int_equal(admitted(g, "192.0.2.7", CONNECTS), CONNECTS);
    assert_int_equal(admit(g, "192.0.2.7"), MRL_GUARD_TOO_FAST);
    assert_int_equal(admit(g, "192.0.2.8"), MRL_GUARD_PASS);
    clock_ms += 60000 / CONNECTS;
    assert_int_equal(admit(g, "192.0.2.7"), MRL_GUARD_PASS);
    assert_int_equal(admit(g, "192.0.2.7"), MRL_GUARD_TOO_FAST);
}

static void a_network_may_connect_its_limit_and_not_once_more(void **state)
{
    struct mrl_guard *g = *state;
    char host[32];

    for (unsigned i = 0; i < NETWORK; i++) {
        (void)snprintf(host, sizeof(host), "192.0.2.%u", i);
        assert_int_equal(admit(g, host), MRL_GUARD_PASS);
    }
    assert_int_equal(admit(g, "192.0.2.200"), MRL_GUARD_TOO_FAST);
    assert_int_equal(admit(g, "192.0.3.200"), MRL_GUARD_PASS);
}

static void the_addresses_of_one_site_are_one_source(void **state)
{
    struct mrl_guard *g = *state;

    for (unsigned i = 0; i < CONNECTS; i++) {
        char host[32];

        (void)snprintf(host, sizeof(host), "2001:db8:0:1::%x", i + 1);
        assert_int_equal(admit(g, host), MRL_GUARD_PASS);
    }
    assert_int_equal(admit(g, "2001:db8:0:1::ffff"), MRL_GUARD_TOO_FAST);
    assert_int_equal(admit(g, "2001:db8:0:2::1"), MRL_GUARD_PASS);
}

static void the_sites_of_one_network_count_together(void **state)
{
    struct mrl_guard *g = *state;
    char host[32];

    for (unsigned i = 0; i < NETWORK; i++) {
        (void)snprintf(host, sizeof(host), "2001:db8:1:%x::1", i);
        assert_int_equal(admit(g, host), MRL_GUARD_PASS);
    }
    assert_int_equal(admit(g, "2001:db8:1:ffff::1"), MRL_GUARD_TOO_FAST);
    assert_int_equal(admit(g, "2001:db8:2::1"), MRL_GUARD_PASS);
}

static void who_is_refused_is_no_load_for_its_neighbours(void **state)
{
    struct mrl_guard *g = *state;

    assert_int_equal(admitted(g, "192.0.2.7", 10 * NETWORK), CONNECTS);
    assert_int_equal(admitted(g, "192.0.2.8", CONNECTS), CONNECTS);
}

static void a_connection_that_proves_good_does_not_count(void **state)
{
    struct mrl_guard *g = *state;
    struct mrl_peer p = at("192.0.2.7");

    for (unsigned i = 0; i < 10 * NETWORK; i++) {
        assert_int_equal(mrl_guard_admit(g, &p), MRL_GUARD_PASS);
        mrl_guard_proven(g, &p);
    }
    assert_int_equal(admitted(g, "192.0.2.7", CONNECTS + 1), CONNECTS);
}

static void one_failure_too_many_blocks_the_source_alone(void **state)
{
    struct mrl_guard *g = *state;

    fail_from(g, "192.0.2.7", FAILURES);
    assert_int_equal(admit(g, "192.0.2.7"), MRL_GUARD_PASS);
    fail_from(g, "192.0.2.7", 1);
    assert_int_equal(admit(g, "192.0.2.7"), MRL_GUARD_BLOCKED);
    assert_int_equal(admit(g, "192.0.2.8"), MRL_GUARD_PASS);
    assert_int_equal(mrl_guard_blocks(g, MRL_GUARD_FAILURES), 1);
    clock_ms += BLOCK_MS - 1;
    assert_int_equal(admit(g, "192.0.2.7"), MRL_GUARD_BLOCKED);
    clock_ms += 1;
    assert_int_equal(admit(g, "192.0.2.7"), MRL_GUARD_PASS);
}

static void failures_all_over_a_network_block_it(void **state)
{
    struct mrl_guard *g = *state;
    char host[32];

    for (unsigned i = 0; i < 13; i++) {
        (void)snprintf(host, sizeof(host), "192.0.2.%u", i);
        fail_from(g, host, 1);
    }
    assert_int_equal(admit(g, "192.0.2.99"), MRL_GUARD_BLOCKED);
    assert_int_equal(admit(g, "192.0.3.1"), MRL_GUARD_PASS);
}

/* How long the source is kept out after one failure too many. */
static uint64_t block_length(struct mrl_guard *g)
{
    uint64_t began = clock_ms;

    fail_from(g, "192.0.2.7", FAILURES + 1);
    while (admit(g, "192.0.2.7") == MRL_GUARD_BLOCKED)
        clock_ms += 1000;
    return clock_ms - began;
}

static void blocks_double_up_to_the_longest_and_are_forgotten(void **state)
{
    struct mrl_guard *g = *state;

    assert_int_equal(block_length(g), 10000);
    assert_int_equal(block_length(g), 20000);
    assert_int_equal(block_length(g), 40000);
    assert_int_equal(block_length(g), LONGEST_MS);
    clock_ms += LONGEST_MS;
    assert_int_equal(block_length(g), 10000);
}

static void failures_during_a_block_do_not_make_it_longer(void **state)
{
    struct mrl_guard *g = *state;

    fail_from(g, "192.0.2.7", FAILURES + 1);
    clock_ms += BLOCK_MS / 2;
    fail_from(g, "192.0.2.7", 100);
    clock_ms += BLOCK_MS / 2;
    assert_int_equal(admit(g, "192.0.2.7"), MRL_GUARD_PASS);
}

static void wrong_tokens_close_the_door_for_enrolments_only(void **state)
{
    struct mrl_guard *g = *state;
    struct mrl_peer p = at("192.0.2.7");

    for (unsigned i = 0; i < TOKENS; i++)
        mrl_guard_token_refused(g, &p);
    assert_int_equal(mrl_guard_enrol_wait_ms(g, &p), 0);
    mrl_guard_token_refused(g, &p);
    assert_int_equal(mrl_guard_enrol_wait_ms(g, &p), BLOCK_MS);
    assert_int_equal(mrl_guard_admit(g, &p), MRL_GUARD_PASS);
    clock_ms += BLOCK_MS;
    assert_int_equal(mrl_guard_enrol_wait_ms(g, &p), 0);
}

static void exempt_networks_and_local_peers_are_never_limited(void **state)
{
    struct mrl_guard_config open = config;
    struct mrl_peer local = {.kind = MRL_PEER_LOCAL}, p = at("127.0.0.1");
    struct mrl_network loopback;
    struct mrl_guard *g;

    (void)state;
    assert_ok(mrl_network_parse(MRL_LIT("127.0.0.0/8"), &loopback, NULL));
    open.exempt = &loopback;
    open.exempt_count = 1;
    g = mrl_guard_new(&open);
    fail_from(g, "127.0.0.1", 10 * FAILURES);
    for (unsigned i = 0; i < 10 * TOKENS; i++)
        mrl_guard_token_refused(g, &p);
    assert_int_equal(admitted(g, "127.0.0.1", 10 * CONNECTS), 10 * CONNECTS);
    assert_int_equal(mrl_guard_enrol_wait_ms(g, &p), 0);
    for (unsigned i = 0; i < 10 * CONNECTS; i++)
        assert_int_equal(mrl_guard_admit(g, &local), MRL_GUARD_PASS);
    assert_int_equal(admitted(g, "192.0.2.7", CONNECTS + 1), CONNECTS);
    mrl_guard_free(g);
}

static void a_limit_of_0_is_none(void **state)
{
    struct mrl_guard_config open = config;
    struct mrl_guard_principal who = device("pump-7");
    struct mrl_guard *g;

    (void)state;
    open.source_connects = open.source_failures = open.network_connects = open.network_failures =
        open.token_failures = 0;
    g = mrl_guard_new(&open);
    fail_from(g, "192.0.2.7", 1000);
    assert_int_equal(admitted(g, "192.0.2.7", 1000), 1000);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(mrl_guard_connect(g, &who, 0), MRL_GUARD_PASS);
    mrl_guard_free(g);
}

/* --- principals --- */

static void a_device_that_flaps_is_kept_out_for_a_growing_time(void **state)
{
    struct mrl_guard *g = *state;

    assert_int_equal(connects(g, "pump-7", CONNECTS), CONNECTS);
    assert_int_equal(connects(g, "pump-7", 1), 0);
    assert_int_equal(connects(g, "pump-8", 1), 1);
    clock_ms += BLOCK_MS - 1;
    assert_int_equal(connects(g, "pump-7", 100), 0);
    clock_ms += 1;
    assert_int_equal(connects(g, "pump-7", 100), 1); /* one came back in a tenth of a minute */
    clock_ms += BLOCK_MS;
    assert_int_equal(connects(g, "pump-7", 1), 0);
    clock_ms += BLOCK_MS;
    assert_int_equal(connects(g, "pump-7", 1), 1);
    assert_int_equal(mrl_guard_blocks(g, MRL_GUARD_FLAPPING), 2);
}

static void a_device_and_an_application_of_one_name_are_two(void **state)
{
    struct mrl_guard *g = *state;
    struct mrl_guard_principal app = {MRL_GUARD_APPLICATION, MRL_LIT("x"), MRL_BYTES_NONE};

    mrl_guard_flooded(g, &app);
    assert_int_equal(mrl_guard_connect(g, &app, 0), MRL_GUARD_BLOCKED);
    assert_int_equal(connects(g, "x", 1), 1);
    assert_int_equal(mrl_guard_blocks(g, MRL_GUARD_FLOODING), 1);
}

/* --- looking and lifting --- */

static void write_down(void *context, const struct mrl_guard_block *b)
{
    assert_ok(mrl_buf_printf(context, "%s %s %u;", b->text, mrl_guard_reason_name(b->reason),
                             (unsigned)b->left_ms));
}

static void blocks_are_listed_and_lifted(void **state)
{
    struct mrl_guard *g = *state;
    struct mrl_peer p = at("2001:db8::1");
    struct mrl_buf list = {0};

    (void)connects(g, "pump-7", CONNECTS + 1);
    fail_from(g, "192.0.2.7", FAILURES + 1);
    for (unsigned i = 0; i <= TOKENS; i++)
        mrl_guard_token_refused(g, &p);
    mrl_guard_list(g, MRL_BYTES_NONE, 100, write_down, &list);
    assert_ok(mrl_buf_append(&list, MRL_LIT("\0")));
    assert_non_null(strstr((char *)list.data, "device:pump-7 flapping 10000;"));
    assert_non_null(strstr((char *)list.data, "source:192.0.2.7 failures 10000;"));
    assert_non_null(strstr((char *)list.data, "enrolment:2001:db8:: tokens 10000;"));
    mrl_buf_done(&list);
    assert_ok(mrl_guard_lift(g, MRL_LIT("device:pump-7"), NULL));
    assert_ok(mrl_guard_lift(g, MRL_LIT("source:192.0.2.7"), NULL));
    assert_ok(mrl_guard_lift(g, MRL_LIT("enrolment:2001:db8::"), NULL));
    mrl_guard_list(g, MRL_BYTES_NONE, 100, write_down, &list);
    assert_int_equal(list.len, 0);
    assert_int_equal(connects(g, "pump-7", 1), 1);
    assert_int_equal(admit(g, "192.0.2.7"), MRL_GUARD_PASS);
    assert_int_equal(mrl_guard_enrol_wait_ms(g, &p), 0);
}

static void the_list_is_in_order_and_comes_in_pages(void **state)
{
    struct mrl_guard *g = *state;
    struct mrl_buf list = {0};

    for (char name[] = "b"; name[0] <= 'd'; name[0]++)
        (void)connects(g, name, CONNECTS + 1);
    fail_from(g, "192.0.2.7", FAILURES + 1);
    mrl_guard_list(g, MRL_LIT("device:b"), 2, write_down, &list);
    assert_bytes_equal(mrl_buf_bytes(&list),
                       MRL_LIT("device:c flapping 10000;device:d flapping 10000;"));
    mrl_buf_done(&list);
}

static void only_what_is_blocked_can_be_lifted(void **state)
{
    static const char *const none[] = {
        "", "pump-7", "device:", "role:x", "source:here", "network:", "source:192.0.2.7/32"};
    struct mrl_guard *g = *state;

    for (size_t i = 0; i < MRL_COUNT(none); i++)
        assert_int_equal(mrl_guard_lift(g, mrl_str(none[i]), NULL), MRL_ERR_INVALID);
    assert_int_equal(mrl_guard_lift(g, MRL_LIT("device:pump-7"), NULL), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_guard_lift(g, MRL_LIT("source:192.0.2.7"), NULL), MRL_ERR_NOT_FOUND);
}

/* --- all workers --- */

enum { THREADS = 4, EACH = 1000 };

static void *connect_much(void *context)
{
    uintptr_t passed = 0;
    struct mrl_peer p = at("192.0.2.7");

    for (unsigned i = 0; i < EACH; i++)
        passed += mrl_guard_admit(context, &p) == MRL_GUARD_PASS;
    return (void *)passed;
}

static void the_limit_holds_for_all_threads_together(void **state)
{
    pthread_t threads[THREADS];
    uintptr_t all = 0;

    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, connect_much, *state), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        void *passed;

        assert_int_equal(pthread_join(threads[i], &passed), 0);
        all += (uintptr_t)passed;
    }
    assert_int_equal(all, CONNECTS);
}

#define WITH_GUARD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_GUARD(a_source_may_connect_its_limit_and_not_once_more),
        WITH_GUARD(a_network_may_connect_its_limit_and_not_once_more),
        WITH_GUARD(the_addresses_of_one_site_are_one_source),
        WITH_GUARD(the_sites_of_one_network_count_together),
        WITH_GUARD(who_is_refused_is_no_load_for_its_neighbours),
        WITH_GUARD(a_connection_that_proves_good_does_not_count),
        WITH_GUARD(one_failure_too_many_blocks_the_source_alone),
        WITH_GUARD(failures_all_over_a_network_block_it),
        WITH_GUARD(blocks_double_up_to_the_longest_and_are_forgotten),
        WITH_GUARD(failures_during_a_block_do_not_make_it_longer),
        WITH_GUARD(wrong_tokens_close_the_door_for_enrolments_only),
        cmocka_unit_test(exempt_networks_and_local_peers_are_never_limited),
        cmocka_unit_test(a_limit_of_0_is_none),
        WITH_GUARD(a_device_that_flaps_is_kept_out_for_a_growing_time),
        WITH_GUARD(a_device_and_an_application_of_one_name_are_two),
        WITH_GUARD(blocks_are_listed_and_lifted),
        WITH_GUARD(the_list_is_in_order_and_comes_in_pages),
        WITH_GUARD(only_what_is_blocked_can_be_lifted),
        WITH_GUARD(the_limit_holds_for_all_threads_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
