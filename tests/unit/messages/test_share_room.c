/* SPDX-License-Identifier: Apache-2.0 */
/* A message of a share finds the member that has room, and is lost only when none has. */
#include <stdio.h>

#include "tests/unit/messages/keep_fixture.h"

enum { QUEUED = 2, HOLDS = 1 + QUEUED, MANY = 40, ASKED = 16 };

static const char share[] = "$share/g/t";

static int set_up_small(void **state)
{
    struct fixture *f;

    (void)set_up(state);
    f = *state;
    f->limits.in_flight = 1;
    f->limits.queued_messages = QUEUED;
    return 0;
}

static void join(struct fixture *f, const char *client, uint32_t expiry_s, struct door *d)
{
    attach(f, client, expiry_s, d);
    subscribe(d, share, 2);
}

static void leave(struct door *d)
{
    mrl_session_detach(d->session, MRL_DETACH_CLEAN);
    mrl_buf_done(&d->log);
}

static void publish_some(struct fixture *f, const struct mrl_publication *message, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        (void)publish(f, f->hubs[i % HUBS], message, NULL);
        settle(f);
    }
}

static unsigned held(const struct door *d)
{
    return d->session->flying_count + d->session->queued_count;
}

static void a_member_on_another_worker_has_room(void **state)
{
    struct fixture *f = *state;
    struct door full = {0}, idle = {0};
    uint16_t id = 1;

    join(f, "a", 0, &full);
    publish_some(f, &one, HOLDS);
    join(f, "b", 0, &idle);
    for (unsigned i = 0; i < 20; i++) {
        publish_some(f, &one, 1 + i % HUBS);
        while (mrl_session_puback(idle.session, id) == MRL_OK)
            id++;
    }
    assert_int_equal(id, 1 + 30);
    assert_int_equal(held(&full), HOLDS);
    leave(&full);
    leave(&idle);
}

static void it_is_lost_when_all_are_full_and_not_before(void **state)
{
    struct fixture *f = *state;
    struct door a = {0}, b = {0};

    join(f, "a", 0, &a);
    join(f, "b", 0, &b);
    publish_some(f, &one, 2 * HOLDS);
    assert_int_equal(held(&a), HOLDS);
    assert_int_equal(held(&b), HOLDS);
    publish_some(f, &one, 4);
    for (uint16_t id = 1; id <= 6; id++) {
        assert_ok(mrl_session_puback(a.session, id));
        publish_some(f, &one, 1);
        assert_int_equal(held(&a), HOLDS);
    }
    assert_int_equal(held(&b), HOLDS);
    leave(&a);
    leave(&b);
}

static const struct mrl_publication to_all = {.topic = MRL_LIT_INIT("all"), .qos = 1};
static const struct mrl_publication large = {
    .topic = MRL_LIT_INIT("t"),
    .payload = MRL_LIT_INIT("much larger than the others"),
    .qos = 1,
};

/* On the first worker, each of another owner; they get what is sent to all of them, too. */
static void join_many(struct fixture *f, struct door *doors, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char owner[8];
        struct mrl_attach a = {
            .receive_maximum = UINT16_MAX, .most_sessions = 1, .sink = &sink, .door = &doors[i]};
        bool present;

        (void)snprintf(owner, sizeof(owner), "o%u", i);
        a.key = (struct mrl_session_key){KIND, mrl_str(owner), MRL_LIT("a")};
        assert_ok(mrl_session_attach(f->hubs[0], &a, &doors[i].session, &present));
        mrl_session_start(doors[i].session);
        subscribe(&doors[i], "all", 1);
        subscribe(&doors[i], share, 1);
    }
}

/* None of those was passed over yet. */
static void however_many_are_full_the_one_with_room_is_found(void **state)
{
    struct fixture *f = *state;
    struct door full[MANY] = {0}, idle = {0};

    join_many(f, full, MANY);
    publish_some(f, &to_all, HOLDS);
    join(f, "b", 0, &idle);
    publish_some(f, &one, HOLDS);
    assert_int_equal(held(&idle), HOLDS);
    for (unsigned i = 0; i < MANY; i++)
        leave(&full[i]);
    leave(&idle);
}

/* Of ASKED + 1 that have no room for a large message the one with this number has room for a small
 * one. Those that were asked for the large one are asked last the next time. */
static bool finds(struct fixture *f, unsigned number)
{
    const struct mrl_publication small = {.topic = MRL_LIT("t"), .qos = 1};
    struct door members[ASKED + 1] = {0};
    unsigned before, after;

    f->limits.queued_bytes = 2 * mrl_publication_size(&to_all);
    join_many(f, members, ASKED + 1);
    publish_some(f, &to_all, HOLDS - 1);
    assert_ok(mrl_session_unsubscribe(members[number].session, MRL_LIT("all")));
    publish_some(f, &to_all, 1);
    publish_some(f, &large, 1);
    before = held(&members[number]);
    publish_some(f, &small, 1);
    after = held(&members[number]);
    for (unsigned i = 0; i < ASKED + 1; i++)
        leave(&members[i]);
    return after > before;
}

static void where_all_are_full_the_sixteenth_is_asked(void **state)
{
    assert_true(finds(*state, ASKED - 2));
}

static void and_not_the_seventeenth(void **state)
{
    assert_false(finds(*state, ASKED - 1));
}

/* What is not queued needs no room, but somebody who is there. */
static void one_who_is_away_has_room_when_no_other_has(void **state)
{
    const struct mrl_publication zero = {.topic = MRL_LIT("t"), .payload = MRL_LIT("zero")};
    struct fixture *f = *state;
    struct door there = {0}, away = {0};

    join(f, "b", 60, &away);
    mrl_session_detach(away.session, MRL_DETACH_CLEAN);
    join(f, "a", 0, &there);
    publish_some(f, &one, HOLDS + QUEUED);
    assert_int_equal(held(&there), HOLDS);
    assert_int_equal(held(&away), QUEUED);
    publish_some(f, &one, 2);
    publish_some(f, &zero, 2);
    assert_log(&there, "P1 1 one;P0 0 zero;P0 0 zero;");
    assert_rows(f, "1 1 2 2 0 0");
    attach(f, "b", 60, &away);
    assert_ok(mrl_session_puback(away.session, 1));
    publish_some(f, &one, 1);
    assert_int_equal(held(&away), QUEUED);
    mrl_buf_done(&away.log);
}

static void more_room_counts_at_once(void **state)
{
    struct fixture *f = *state;
    struct door a = {0}, b = {0};

    join(f, "a", 0, &a);
    join(f, "b", 0, &b);
    publish_some(f, &one, 2 * HOLDS + 1);
    f->limits.queued_messages += 2;
    mrl_hub_rejudge(f->hubs[0], KIND, MRL_LIT("owner"));
    publish_some(f, &one, 2);
    assert_int_equal(held(&a), HOLDS + 2);
    assert_int_equal(held(&b), HOLDS);
    leave(&a);
    leave(&b);
}

/* Among those that are full by their bytes. */
static void a_small_message_fits_where_a_large_one_does_not(void **state)
{
    struct fixture *f = *state;
    struct door a = {0}, b = {0};

    f->limits.queued_messages = 100;
    f->limits.queued_bytes = mrl_publication_size(&one) + mrl_publication_size(&large) - 1;
    join(f, "a", 0, &a);
    join(f, "b", 0, &b);
    publish_some(f, &one, 2 * 2); /* one of each waits */
    publish_some(f, &large, 2);
    assert_int_equal(held(&a) + held(&b), 4);
    publish_some(f, &one, 1);
    assert_int_equal(held(&a) + held(&b), 5);
    leave(&a);
    leave(&b);
}

/* Nothing would ever leave its queue and bring it back. */
static void a_message_larger_than_its_whole_queue_sets_nobody_apart(void **state)
{
    struct fixture *f = *state;
    struct door a = {0}, c = {0};

    f->limits.in_flight = 10;
    f->limits.queued_bytes = mrl_publication_size(&large) - 1;
    join(f, "a", 0, &a);
    f->limits.queued_bytes++;
    join(f, "c", 0, &c);
    publish_some(f, &large, 2);
    assert_int_equal(held(&a), 0);
    assert_int_equal(held(&c), 2);
    publish_some(f, &one, 4);
    assert_int_equal(held(&a), 2);
    assert_int_equal(held(&c), 4);
    leave(&a);
    leave(&c);
}

/* Handed on from worker to worker it still is not acknowledged before it is in the store. */
static void what_is_passed_on_is_durable_when_it_is_answered(void **state)
{
    struct fixture *f = *state;
    struct door full = {0}, idle = {0}, by = {0};

    join(f, "b", 60, &full);
    publish_some(f, &one, HOLDS);
    attach(f, "a", 60, &by);
    join(f, "c", 60, &idle);
    mrl_session_detach(idle.session, MRL_DETACH_CLEAN);
    settle(f);
    f->answers = 0;
    for (unsigned i = 0; i < QUEUED; i++)
        assert_true(publish(f, f->hubs[1], i == 0 ? &one : &two, i == 0 ? NULL : by.session));
    settle(f);
    assert_int_equal(f->answers, QUEUED);
    assert_int_equal(f->answer, MRL_OK);
    (void)restart(f);
    assert_rows(f, "3 2 5 5 1 0");
    mrl_buf_done(&full.log);
    idle = (struct door){0};
    attach(f, "c", 60, &idle);
    assert_ok(mrl_session_puback(idle.session, 1));
    settle(f);
    assert_log(&idle, "P1 1 one;P2 2 two;");
}

/* Also where the first choice, alone on its worker, keeps nothing. */
static void what_comes_back_from_one_who_keeps_nothing_is_durable_too(void **state)
{
    static const bool companions[] = {false, true};
    struct fixture *f = *state;
    struct door full = {0}, away = {0}, by = {0};
    struct mrl_store_stats before, after;

    join(f, "b", 0, &full);
    publish_some(f, &one, HOLDS);
    attach(f, "a", 60, &by);
    join(f, "c", 60, &away);
    mrl_session_detach(away.session, MRL_DETACH_CLEAN);
    settle(f);
    for (size_t i = 0; i < MRL_COUNT(companions); i++) {
        struct mrl_subscription *m = MRL_CONTAINER(mrl_map_next(&full.session->subscriptions, NULL),
                                                   struct mrl_subscription, in_session);

        mrl_routes_set_full(&m->subscriber.entry, /*full=*/false);
        f->answers = 0;
        mrl_store_stats(f->store, &before);
        assert_true(publish(f, f->hubs[0], &two, companions[i] ? by.session : NULL));
        assert_int_equal(held(&away), i); /* it is on its way */
        assert_int_equal(f->answers, 0);
        settle(f);
        mrl_store_stats(f->store, &after);
        assert_int_equal(after.jobs, before.jobs + 1); /* with its packet id, too */
        assert_int_equal(f->answers, 1);
        assert_int_equal(held(&away), i + 1);
    }
    (void)restart(f);
    assert_rows(f, "2 1 2 2 1 0");
    mrl_buf_done(&full.log);
}

#define SMALL(name) cmocka_unit_test_setup_teardown(name, set_up_small, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SMALL(a_member_on_another_worker_has_room),
        SMALL(it_is_lost_when_all_are_full_and_not_before),
        SMALL(however_many_are_full_the_one_with_room_is_found),
        SMALL(where_all_are_full_the_sixteenth_is_asked),
        SMALL(and_not_the_seventeenth),
        SMALL(one_who_is_away_has_room_when_no_other_has),
        SMALL(more_room_counts_at_once),
        SMALL(a_small_message_fits_where_a_large_one_does_not),
        SMALL(a_message_larger_than_its_whole_queue_sets_nobody_apart),
        SMALL(what_is_passed_on_is_durable_when_it_is_answered),
        SMALL(what_comes_back_from_one_who_keeps_nothing_is_durable_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
