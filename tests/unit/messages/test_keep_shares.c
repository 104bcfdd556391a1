/* SPDX-License-Identifier: Apache-2.0 */
/* Members of shares whose sessions end: what others get is in the store together with that they are
 * gone. */
#include "tests/unit/messages/keep_fixture.h"

static const char share[] = "$share/g/s";
static const struct mrl_publication shared = {
    .topic = MRL_LIT_INIT("s"), .payload = MRL_LIT_INIT("shared"), .qos = 2};

static struct mrl_will will_to(mrl_bytes topic)
{
    const struct mrl_publication p = {.topic = topic, .payload = MRL_LIT("will"), .qos = 2};

    return (struct mrl_will){mrl_publication_new(&p), 0, 0};
}

static uint64_t jobs_of(const struct fixture *f)
{
    struct mrl_store_stats stats;

    mrl_store_stats(f->store, &stats);
    return stats.jobs;
}

/* Its client takes no more than `window` at once. */
static void attach_member(struct fixture *f, const char *client, unsigned window, struct door *d)
{
    attach(f, client, 60, d);
    d->session->window = window;
    subscribe(d, share, 2);
    settle(f);
}

/* The session of client "b" ends, whoever is there. */
static void end_the_member(struct fixture *f)
{
    struct mrl_session *found = NULL;

    for (struct mrl_map_node *n = NULL; (n = mrl_map_next(&f->hubs[1]->sessions, n)) != NULL;) {
        struct mrl_session *s = MRL_CONTAINER(n, struct mrl_session, in_hub);

        if (mrl_bytes_eq(s->key.client_id, MRL_LIT("b")))
            found = s;
    }
    assert_non_null(found);
    mrl_session_end(found);
}

static mrl_err nothing(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)tx;
    (void)w;
    return MRL_OK;
}

/* What can be, without waiting for another worker. */
static void flush(const struct fixture *f)
{
    struct mrl_write after = {.run = nothing};

    mrl_hub_flush(f->hubs[1]);
    assert_ok(mrl_store_write(f->store, &after));
}

/* The will waits for its receiver's worker still: with it waits the end. */
static void a_session_that_ends_while_its_will_is_under_way_goes_in_the_same_commit(void **state)
{
    struct fixture *f = *state;
    struct door watcher = {0}, member = {0}, other = {0};
    uint64_t before;

    attach(f, "a", 60, &watcher);
    subscribe(&watcher, "t", 2);
    attach_member(f, "b", 0, &member);
    assert_true(publish(f, f->hubs[1], &shared, NULL));
    attach_member(f, "c", 10, &other);
    member.session->will = will_to(MRL_LIT("t"));
    before = jobs_of(f);
    mrl_session_detach(member.session, MRL_DETACH_WITH_WILL);
    mrl_session_end(member.session);
    settle(f);
    assert_int_equal(jobs_of(f), before + 1);
    assert_log(&watcher, "P2 1 will;");
    assert_log(&other, "P2 1 shared;");
    assert_rows(f, "2 2 2 2 0 0");
}

/* The row without the second will waits for what the first one brings to another worker. */
static void a_will_whose_row_waits_waits_with_it(void **state)
{
    struct fixture *f = *state;
    struct door far = {0}, near = {0}, leaver = {0};
    uint64_t before;

    attach(f, "a", 60, &far);
    subscribe(&far, "t", 2);
    attach(f, "d", 60, &near);
    subscribe(&near, "u", 2);
    attach(f, "b", 60, &leaver);
    settle(f);
    leaver.session->will = will_to(MRL_LIT("t"));
    before = jobs_of(f);
    mrl_session_detach(leaver.session, MRL_DETACH_WITH_WILL);
    attach(f, "b", 60, &leaver);
    leaver.session->will = will_to(MRL_LIT("u"));
    mrl_session_detach(leaver.session, MRL_DETACH_WITH_WILL);
    settle(f);
    assert_int_equal(jobs_of(f), before + 1);
    assert_log(&far, "P2 1 will;");
    assert_log(&near, "P2 1 will;");
    assert_rows(f, "3 2 2 2 0 0");
}

/* [MQTT-4.8.2-5] counts for what left before the server died, and for nothing else. */
static void after_a_kill_others_get_what_never_left(void **state)
{
    struct fixture *f = *state;
    struct door member = {0}, other = {0};

    attach_member(f, "b", 1, &member);
    for (unsigned i = 0; i < 3; i++)
        assert_true(publish(f, f->hubs[1], &shared, NULL));
    settle(f);
    assert_log(&member, "P2 1 shared;");
    (void)restart(f);
    attach_member(f, "c", 10, &other);
    end_the_member(f);
    settle(f);
    assert_log(&other, "P2 1 shared;P2 2 shared;");
    assert_rows(f, "1 1 2 2 0 0");
}

static void what_waited_for_the_window_leaves_when_the_store_knows(void **state)
{
    struct fixture *f = *state;
    struct door member = {0}, other = {0};

    attach_member(f, "b", 1, &member);
    assert_true(publish(f, f->hubs[1], &shared, NULL));
    assert_true(publish(f, f->hubs[1], &shared, NULL));
    settle(f);
    assert_log(&member, "P2 1 shared;");
    assert_ok(mrl_session_pubrec(member.session, 1, /*failed=*/false));
    settle(f);
    assert_log(&member, "R 1;");
    assert_ok(mrl_session_pubcomp(member.session, 1));
    assert_log(&member, "");
    settle(f);
    assert_log(&member, "P2 2 shared;");
    (void)restart(f);
    attach_member(f, "c", 10, &other);
    end_the_member(f);
    settle(f);
    assert_log(&other, "");
    assert_rows(f, "1 1 0 0 0 0");
}

/* Its client may be gone for good: there is nothing to wait for then. */
static void what_is_to_leave_may_be_given_on_before_the_store_knows(void **state)
{
    struct fixture *f = *state;
    struct door member = {0}, other = {0};

    attach_member(f, "b", 0, &member);
    assert_true(publish(f, f->hubs[1], &shared, NULL));
    attach_member(f, "c", 10, &other);
    attach(f, "b", 60, &member);
    end_the_member(f);
    settle(f);
    assert_log(&member, "E 0;");
    assert_log(&other, "P2 1 shared;");
    assert_rows(f, "1 1 1 1 0 0");
}

/* It left, and was not acknowledged; nothing waits. [MQTT-4.8.2-6] */
static void what_was_in_flight_is_given_on_in_the_commit_of_the_end(void **state)
{
    const struct mrl_publication message = {
        .topic = MRL_LIT("s"), .payload = MRL_LIT("shared"), .qos = 1};
    struct fixture *f = *state;
    struct door member = {0}, other = {0};
    uint64_t before;

    attach_member(f, "b", 10, &member);
    assert_true(publish(f, f->hubs[1], &message, NULL));
    settle(f);
    assert_log(&member, "P1 1 shared;");
    attach_member(f, "c", 10, &other);
    before = jobs_of(f);
    end_the_member(f);
    settle(f);
    assert_int_equal(jobs_of(f), before + 1);
    assert_log(&other, "P1 1 shared;");
    assert_rows(f, "1 1 1 1 0 0");
    mrl_buf_done(&member.log);
}

/* A member that ends with its connection has no rows to mark. */
static void of_a_member_that_is_not_kept_nothing_is_written(void **state)
{
    struct fixture *f = *state;
    struct door member = {0};
    uint64_t before = jobs_of(f);

    attach(f, "b", 0, &member);
    member.session->window = 1;
    subscribe(&member, share, 2);
    assert_false(publish(f, f->hubs[1], &shared, NULL));
    assert_false(publish(f, f->hubs[1], &shared, NULL));
    assert_log(&member, "P2 1 shared;");
    assert_ok(mrl_session_pubrec(member.session, 1, /*failed=*/true));
    assert_log(&member, "P2 2 shared;");
    settle(f);
    assert_int_equal(jobs_of(f), before);
}

/* The store fails: nobody has it, and the publisher is told. */
static void who_published_waits_for_the_member_that_gets_it_in_the_end(void **state)
{
    struct fixture *f = *state;
    struct door member = {0}, other = {0};

    attach_member(f, "b", 0, &member);
    hide_table(f, "mqtt_messages");
    assert_true(publish(f, f->hubs[1], &shared, NULL));
    attach(f, "c", 60, &other);
    subscribe(&other, share, 2);
    end_the_member(f);
    settle(f);
    assert_int_equal(f->answers, 1);
    assert_int_not_equal(f->answer, MRL_OK);
    assert_log(&other, "");
    show_table(f, "mqtt_messages");
}

/* Its packet id is in the store, and answered: it must not be there alone. */
static void of_a_qos2_publisher_nothing_is_lost_when_the_member_ends_at_once(void **state)
{
    struct fixture *f = *state;
    struct door member = {0}, other = {0}, publisher = {0};

    attach_member(f, "b", 0, &member);
    attach(f, "d", 60, &publisher);
    attach(f, "c", 60, &other);
    settle(f);
    assert_true(publish(f, f->hubs[1], &shared, publisher.session));
    subscribe(&other, share, 2);
    end_the_member(f);
    flush(f);
    (void)restart(f);
    assert_rows(f, "3 1 1 1 1 0");
}

/* The server dies before the end, which waits for the other worker, is durable: a message that its
 * last other receiver acknowledged meanwhile is there still. */
static void a_message_is_removed_no_sooner_than_the_session_that_has_it(void **state)
{
    struct fixture *f = *state;
    struct door member = {0}, plain = {0}, other = {0};

    attach_member(f, "b", 0, &member);
    attach(f, "d", 60, &plain);
    subscribe(&plain, "s", 1);
    assert_true(publish(f, f->hubs[1], &shared, NULL));
    settle(f);
    assert_log(&plain, "P1 1 shared;");
    attach_member(f, "c", 10, &other);
    end_the_member(f);
    assert_ok(mrl_session_puback(plain.session, 1));
    flush(f);
    (void)restart(f);
    assert_rows(f, "3 3 1 1 0 0");
    end_the_member(f);
    settle(f);
    attach(f, "c", 60, &other);
    settle(f);
    assert_log(&other, "P2 1 shared;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_session_that_ends_while_its_will_is_under_way_goes_in_the_same_commit),
        CASE(a_will_whose_row_waits_waits_with_it),
        CASE(after_a_kill_others_get_what_never_left),
        CASE(what_waited_for_the_window_leaves_when_the_store_knows),
        CASE(what_is_to_leave_may_be_given_on_before_the_store_knows),
        CASE(who_published_waits_for_the_member_that_gets_it_in_the_end),
        CASE(of_a_qos2_publisher_nothing_is_lost_when_the_member_ends_at_once),
        CASE(a_message_is_removed_no_sooner_than_the_session_that_has_it),
        CASE(what_was_in_flight_is_given_on_in_the_commit_of_the_end),
        CASE(of_a_member_that_is_not_kept_nothing_is_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
