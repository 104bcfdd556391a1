/* SPDX-License-Identifier: Apache-2.0 */
/* A will that is to be retained, where all sessions together retain as much as they may. */
#include <stdio.h>

#include "tests/unit/messages/keep_fixture.h"

static void fill_retained(const struct fixture *f)
{
    char topic[16];
    mrl_err err = MRL_OK;

    for (unsigned i = 0; err == MRL_OK; i++) {
        struct mrl_publication p = {.payload = MRL_LIT("x"), .retain = true};
        struct mrl_publication *own;

        (void)snprintf(topic, sizeof(topic), "full/%u", i);
        p.topic = mrl_str(topic);
        own = mrl_publication_new(&p);
        err = mrl_retained_set(f->retained, own);
        mrl_publication_unref(own);
    }
    assert_int_equal(err, MRL_ERR_LIMIT);
}

static void attach_retaining(const struct fixture *f, struct door *d, uint32_t expiry_s)
{
    const struct mrl_publication will = {
        .topic = MRL_LIT("t"), .payload = MRL_LIT("will"), .qos = 1, .retain = true};
    const struct mrl_attach a = {.key = {KIND, MRL_LIT("owner"), MRL_LIT("b")},
                                 .expiry_s = expiry_s,
                                 .receive_maximum = UINT16_MAX,
                                 .most_sessions = 10,
                                 .will = {mrl_publication_new(&will), 0, 0},
                                 .sink = &sink,
                                 .door = d};
    bool present;

    assert_ok(mrl_session_attach(f->hubs[1], &a, &d->session, &present));
    mrl_session_start(d->session);
}

/* Its receiver, on another worker, and its row are one commit. */
static void it_goes_out_and_is_not_kept(void **state)
{
    static const uint32_t expiries[] = {0, 60};
    struct fixture *f = *state;
    struct door watcher = {0}, d = {0};
    struct mrl_store_stats before, after;

    attach(f, "a", 60, &watcher);
    subscribe(&watcher, "t", 1);
    fill_retained(f);
    for (size_t i = 0; i < MRL_COUNT(expiries); i++) {
        attach_retaining(f, &d, expiries[i]);
        settle(f);
        mrl_store_stats(f->store, &before);
        mrl_session_detach(d.session, MRL_DETACH_WITH_WILL);
        settle(f);
        mrl_store_stats(f->store, &after);
        assert_int_equal(after.jobs, before.jobs + 1);
        assert_rows(f, i == 0 ? "1 1 1 1 0 0" : "2 1 2 2 0 0");
    }
    assert_log(&watcher, "P1 1 will;P1 2 will;");
}

static void with_room_it_is_kept(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach_retaining(f, &d, 0);
    mrl_session_detach(d.session, MRL_DETACH_WITH_WILL);
    settle(f);
    assert_rows(f, "0 0 0 0 0 1");
}

static void a_topic_that_is_kept_already_is_replaced(void **state)
{
    const struct mrl_publication old = {
        .topic = MRL_LIT("t"), .payload = MRL_LIT("a value that is longer"), .retain = true};
    struct mrl_publication *p = mrl_publication_new(&old);
    struct fixture *f = *state;
    struct mrl_retained_one found;
    struct door d = {0};

    assert_ok(mrl_retained_set(f->retained, p));
    mrl_publication_unref(p);
    fill_retained(f);
    attach_retaining(f, &d, 0);
    mrl_session_detach(d.session, MRL_DETACH_WITH_WILL);
    assert_true(mrl_retained_find(f->retained, MRL_LIT("t"), &found));
    assert_bytes_equal(found.publication->payload, MRL_LIT("will"));
    mrl_publication_unref(found.publication);
    settle(f);
}

/* Of a process that was killed, once, however often it is. */
static void after_a_crash_it_goes_out_once(void **state)
{
    struct fixture *f = *state;
    struct door watcher = {0}, d = {0};

    attach(f, "a", 60, &watcher);
    subscribe(&watcher, "t", 1);
    attach_retaining(f, &d, 0);
    settle(f);
    for (unsigned i = 0; i < 2; i++) {
        (void)restart(f);
        fill_retained(f);
        settle_timers(f);
        assert_rows(f, "1 1 1 1 0 0");
    }
    watcher = (struct door){0};
    attach(f, "a", 60, &watcher);
    assert_log(&watcher, "P1 1 will;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(it_goes_out_and_is_not_kept),
        CASE(with_room_it_is_kept),
        CASE(a_topic_that_is_kept_already_is_replaced),
        CASE(after_a_crash_it_goes_out_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
