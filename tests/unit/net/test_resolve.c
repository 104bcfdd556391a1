/* SPDX-License-Identifier: Apache-2.0 */
#include "net/resolve.h"

#include <pthread.h>

#include "base/clock.h"
#include "tests/unit/unit.h"

/* A resolver that answers when the test lets it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool held_up;
static unsigned asked, answered;

static mrl_err answer(mrl_bytes host, uint16_t port, struct mrl_address *out, struct mrl_why *why)
{
    pthread_mutex_lock(&lock);
    asked++;
    while (held_up)
        pthread_cond_wait(&changed, &lock);
    answered++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    if (mrl_bytes_eq(host, MRL_LIT("nobody.example")))
        return mrl_fail(why, MRL_ERR_NOT_FOUND, "unknown");
    return mrl_address_of_host(MRL_LIT("192.0.2.1"), port, out) ? MRL_OK : MRL_ERR_INVALID;
}

static void hold_up(bool on)
{
    pthread_mutex_lock(&lock);
    held_up = on;
    pthread_cond_broadcast(&changed);
    while (!on && answered < asked)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static mrl_err resolve(const char *host, uint64_t wait_ms, struct mrl_address *out,
                       struct mrl_why *why)
{
    return mrl_resolve_by(answer, mrl_str(host), 8883, mrl_monotonic_ms() + wait_ms, out, why);
}

static void a_name_has_the_address_that_was_found(void **state)
{
    struct mrl_address a;
    char text[MRL_ADDRESS_TEXT];

    (void)state;
    assert_ok(resolve("hook.example", 60000, &a, NULL));
    mrl_address_format(&a, text);
    assert_string_equal(text, "192.0.2.1:8883");
}

static void what_is_wrong_with_a_name_is_told(void **state)
{
    struct mrl_why why = {""};
    struct mrl_address a;

    (void)state;
    assert_int_equal(resolve("nobody.example", 60000, &a, &why), MRL_ERR_NOT_FOUND);
    assert_string_equal(why.text, "unknown");
}

static void a_resolver_that_does_not_answer_is_left_behind(void **state)
{
    struct mrl_why why = {""};
    struct mrl_address a;

    (void)state;
    hold_up(true);
    assert_int_equal(resolve("hook.example", 10, &a, &why), MRL_ERR_TIMEOUT);
    assert_string_equal(why.text, "hook.example: the name was not resolved in time");
    hold_up(false);
    assert_ok(resolve("hook.example", 60000, &a, NULL));
}

/* Those that were left behind end when the resolver answers, a moment later. */
static mrl_err resolve_soon(struct mrl_address *a)
{
    uint64_t until = mrl_monotonic_ms() + 60000;
    mrl_err err;

    do
        err = resolve("hook.example", 60000, a, NULL);
    while (err == MRL_ERR_BUSY && mrl_monotonic_ms() < until);
    return err;
}

static void as_many_are_under_way_as_the_limit_says_and_not_one_more(void **state)
{
    struct mrl_address a;

    (void)state;
    assert_ok(resolve_soon(&a));
    hold_up(true);
    for (unsigned i = 0; i < MRL_RESOLVE_MAX; i++)
        assert_int_equal(resolve("hook.example", 1, &a, NULL), MRL_ERR_TIMEOUT);
    assert_int_equal(resolve("hook.example", 1, &a, NULL), MRL_ERR_BUSY);
    hold_up(false);
    assert_ok(resolve_soon(&a));
}

static void an_ip_address_needs_nobody(void **state)
{
    struct mrl_address a;

    (void)state;
    assert_ok(mrl_resolve(MRL_LIT("2001:db8::1"), 443, /*deadline_ms=*/0, &a, NULL));
    assert_int_equal(mrl_address_port(&a), 443);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_has_the_address_that_was_found),
        cmocka_unit_test(what_is_wrong_with_a_name_is_told),
        cmocka_unit_test(a_resolver_that_does_not_answer_is_left_behind),
        cmocka_unit_test(as_many_are_under_way_as_the_limit_says_and_not_one_more),
        cmocka_unit_test(an_ip_address_needs_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
