/* SPDX-License-Identifier: Apache-2.0 */
/* Wills in the store: of sessions that are kept, and of those that end with their connection. */
#include "tests/unit/messages/keep_fixture.h"

static void attach_kept(struct fixture *f, struct door *d, uint32_t will_delay_s)
{
    const struct mrl_publication will = {
        .topic = MRL_LIT("t"), .payload = MRL_LIT("will"), .qos = 2};

    attach(f, "b", 60, d);
    d->session->will = (struct mrl_will){mrl_publication_new(&will), will_delay_s, 0};
    settle(f);
}

/* On one worker "a" is subscribed to "t", on the other one "b" has a will to it. Both are kept. */
static void attach_both(struct fixture *f, struct door *watcher, struct door *d,
                        uint32_t will_delay_s)
{
    attach(f, "a", 60, watcher);
    subscribe(watcher, "t", 2);
    attach_kept(f, d, will_delay_s);
}

static uint64_t jobs(const struct fixture *f)
{
    struct mrl_store_stats stats;

    mrl_store_stats(f->store, &stats);
    return stats.jobs;
}

/* Its receiver is on another worker: nothing of the session may come back when the will is written
 * after it. */
static void a_will_at_the_end_of_its_session_goes_with_it(void **state)
{
    struct fixture *f = *state;
    struct door watcher = {0}, d = {0};
    uint64_t before;

    attach_both(f, &watcher, &d, /*will_delay_s=*/600);
    mrl_session_detach(d.session, MRL_DETACH_WITH_WILL);
    settle(f);
    before = jobs(f);
    d.session->expires_at_ms = 1;
    d.session->timer.fire(&d.session->timer);
    settle(f);
    assert_int_equal(jobs(f), before + 1);
    assert_log(&watcher, "P2 1 will;");
    assert_rows(f, "1 1 1 1 0 0");
}

/* One of a session that goes on: how its connection ends. */
static void by_the_network(struct fixture *f, struct door *d)
{
    (void)f;
    mrl_session_detach(d->session, MRL_DETACH_WITH_WILL);
}

static void by_another_connection(struct fixture *f, struct door *d)
{
    attach(f, "b", 60, d);
}

static void by_the_last_connection(struct fixture *f, struct door *d)
{
    attach(f, "b", 0, d);
}

/* Its receiver is on another worker: no row without the will may be written before it. */
static void a_will_without_delay_goes_with_its_row(void **state)
{
    static const struct {
        void (*ends)(struct fixture *f, struct door *d);
        const char *rows;
    } ways[] = {{by_the_network, "2 1 1 1 0 0"},
                {by_another_connection, "2 1 2 2 0 0"},
                {by_the_last_connection, "1 1 3 3 0 0"}};
    struct fixture *f = *state;
    struct door watcher = {0}, d = {0};

    attach(f, "a", 60, &watcher);
    subscribe(&watcher, "t", 2);
    for (size_t i = 0; i < MRL_COUNT(ways); i++) {
        uint64_t before;

        attach_kept(f, &d, /*will_delay_s=*/0);
        before = jobs(f);
        ways[i].ends(f, &d);
        settle(f);
        assert_int_equal(jobs(f), before + 1);
        assert_rows(f, ways[i].rows);
    }
    assert_log(&watcher, "P2 1 will;P2 2 will;P2 3 will;");
    mrl_buf_done(&d.log);
}

/* MQTT 5.0 3.1.2.5: with the network connection the server's death ended the session. */
static void a_will_without_expiry_outlives_the_process_and_nothing_else_does(void **state)
{
    struct fixture *f = *state;
    struct door watcher = {0}, d = {0};

    attach(f, "a", 60, &watcher);
    subscribe(&watcher, "t", 1);
    attach_with_will(f, "b", &d);
    subscribe(&d, "x", 1);
    settle(f);
    assert_rows(f, "2 1 0 0 0 0");
    (void)restart(f);
    settle_timers(f);
    assert_rows(f, "1 1 1 1 0 0");
    watcher = (struct door){0};
    attach(f, "a", 60, &watcher);
    assert_log(&watcher, "P1 1 will;");
    (void)restart(f);
    settle_timers(f);
    assert_rows(f, "1 1 1 1 0 0"); /* once */
}

static void a_will_that_was_sent_or_dropped_is_in_the_store_no_more(void **state)
{
    struct fixture *f = *state;
    struct door watcher = {0}, sent = {0}, dropped_one = {0}, first = {0}, second = {0};

    attach(f, "a", 60, &watcher);
    subscribe(&watcher, "t", 1);
    attach_with_will(f, "b", &sent);
    attach_with_will(f, "c", &dropped_one);
    attach_with_will(f, "d", &first);
    settle(f);
    assert_rows(f, "4 1 0 0 0 0");
    mrl_session_detach(sent.session, MRL_DETACH_WITH_WILL);
    mrl_session_detach(dropped_one.session, MRL_DETACH_CLEAN);
    attach_with_will(f, "d", &second);
    settle(f);
    assert_rows(f, "2 1 2 2 0 0"); /* of b, and of the first d; the second d has its own */
    mrl_session_detach(second.session, MRL_DETACH_CLEAN);
    settle(f);
    assert_rows(f, "1 1 2 2 0 0");
    mrl_buf_done(&watcher.log);
    mrl_buf_done(&first.log);
}

/* The row of the session that was kept goes, the one for the will comes. */
static void a_kept_session_that_shall_end_with_its_connection_keeps_its_will(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    const struct mrl_publication will = {
        .topic = MRL_LIT("t"), .payload = MRL_LIT("will"), .qos = 1};
    const struct mrl_attach again = {.key = {KIND, MRL_LIT("owner"), MRL_LIT("b")},
                                     .receive_maximum = UINT16_MAX,
                                     .most_sessions = 10,
                                     .will = {mrl_publication_new(&will), 0},
                                     .sink = &sink,
                                     .door = &d};
    bool present;

    attach(f, "b", 60, &d);
    subscribe(&d, "x", 1);
    settle(f);
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    assert_ok(mrl_session_attach(f->hubs[home(&again.key, HUBS)], &again, &d.session, &present));
    assert_true(present);
    settle(f);
    assert_rows(f, "1 0 0 0 0 0");
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    settle(f);
    assert_rows(f, "0 0 0 0 0 0");
}

static void attach_with(struct fixture *f, struct door *d, uint32_t expiry_s, uint32_t will_delay_s,
                        uint64_t will_life_ms)
{
    const struct mrl_publication will = {.topic = MRL_LIT("t"), .payload = MRL_LIT("will")};
    const struct mrl_attach a = {
        .key = {KIND, MRL_LIT("owner"), MRL_LIT("b")},
        .expiry_s = expiry_s,
        .receive_maximum = UINT16_MAX,
        .most_sessions = 10,
        .will = {mrl_publication_new(&will), will_delay_s, will_life_ms},
        .sink = &sink,
        .door = d,
    };
    bool present;

    assert_ok(mrl_session_attach(f->hubs[1], &a, &d->session, &present));
    settle(f);
}

/* MQTT 5.0 3.1.2-7, 3.1.2.11.2: those of the last CONNECT count. */
static void the_will_and_the_expiry_of_the_last_connect_come_back(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    const struct mrl_session *s;
    struct mrl_map_node *n;

    attach_with(f, &d, 3000, /*will_delay_s=*/600, /*will_life_ms=*/9000);
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    attach_with(f, &d, 2000, /*will_delay_s=*/500, /*will_life_ms=*/8000);
    (void)restart(f);
    n = mrl_map_next(&f->hubs[1]->sessions, NULL);
    assert_non_null(n);
    s = MRL_CONTAINER(n, struct mrl_session, in_hub);
    assert_int_equal(s->expiry_s, 2000);
    assert_int_equal(s->will.delay_s, 500);
    assert_int_equal(s->will.life_ms, 8000);
}

/* The next row must not be written before what its former will brought. */
static void who_comes_back_at_once_does_not_overtake_the_will(void **state)
{
    struct fixture *f = *state;
    struct door watcher = {0}, d = {0};
    uint64_t before;

    attach_both(f, &watcher, &d, /*will_delay_s=*/0);
    before = jobs(f);
    mrl_session_detach(d.session, MRL_DETACH_WITH_WILL);
    attach(f, "b", 60, &d);
    settle(f);
    assert_int_equal(jobs(f), before + 1);
    assert_log(&watcher, "P2 1 will;");
    assert_rows(f, "2 1 1 1 0 0");
    (void)restart(f);
    settle_timers(f);
    assert_rows(f, "2 1 1 1 0 0"); /* it comes once */
}

/* It ends with nothing to leave, while what its will brought is on the way still. */
static void the_end_of_a_session_does_not_overtake_its_will(void **state)
{
    struct fixture *f = *state;
    struct door watcher = {0}, d = {0};
    uint64_t before;

    attach_both(f, &watcher, &d, /*will_delay_s=*/0);
    before = jobs(f);
    mrl_session_detach(d.session, MRL_DETACH_WITH_WILL);
    mrl_session_end(d.session);
    settle(f);
    assert_int_equal(jobs(f), before + 1);
    assert_log(&watcher, "P2 1 will;");
    assert_rows(f, "1 1 1 1 0 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_will_at_the_end_of_its_session_goes_with_it),
        CASE(a_will_without_delay_goes_with_its_row),
        CASE(who_comes_back_at_once_does_not_overtake_the_will),
        CASE(the_end_of_a_session_does_not_overtake_its_will),
        CASE(a_will_without_expiry_outlives_the_process_and_nothing_else_does),
        CASE(a_will_that_was_sent_or_dropped_is_in_the_store_no_more),
        CASE(a_kept_session_that_shall_end_with_its_connection_keeps_its_will),
        CASE(the_will_and_the_expiry_of_the_last_connect_come_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
