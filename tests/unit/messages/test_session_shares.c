/* SPDX-License-Identifier: Apache-2.0 */
/* Shared subscriptions: which member gets a message, and what becomes of it when that one goes. */
#include <string.h>

#include "tests/unit/messages/session_fixture.h"

static const char *const names[] = {"m0", "m1", "m2", "m3"};

static unsigned messages_of(struct door *d)
{
    unsigned messages = 0;

    for (size_t i = 0; i < d->log.len; i++)
        messages += d->log.data[i] == ';';
    mrl_buf_clear(&d->log);
    return messages;
}

/* n members of one share, alternately on the two workers, and an acknowledged subscription each. */
static void join_share(struct fixture *f, struct door *members, unsigned n, const char *filter)
{
    for (unsigned i = 0; i < n; i++) {
        attach(f->hubs[i % HUBS], &members[i],
               &(struct wish){.principal = names[i], .client = "c", .expiry_s = 60});
        subscribe(&members[i], filter, 1, 0);
    }
}

static void each_message_of_a_share_goes_to_one_member_in_turn(void **state)
{
    struct fixture *f = *state;
    struct door m[4] = {0};

    join_share(f, m, 4, "$share/g/t/#");
    for (int i = 0; i < 40; i++)
        publish(f->hubs[i % 2], "t/x", "x", 0);
    turn(f);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(messages_of(&m[i]), 10);
        done(&m[i]);
    }
}

static void members_that_are_connected_come_before_those_that_are_not(void **state)
{
    struct fixture *f = *state;
    struct door m[4] = {0};
    bool receivers;

    join_share(f, m, 4, "$share/g/t");
    for (int i = 0; i < 3; i++) {
        mrl_session_detach(m[i].session, MRL_DETACH_CLEAN);
        m[i].session = NULL;
    }
    for (int i = 0; i < 3; i++)
        publish(f->hubs[0], "t", "x", 1);
    turn(f);
    assert_int_equal(messages_of(&m[3]), 3);
    for (uint16_t id = 1; id <= 3; id++)
        assert_ok(mrl_session_puback(m[3].session, id));
    mrl_session_detach(m[3].session, MRL_DETACH_CLEAN);
    m[3].session = NULL;
    for (int i = 0; i < 8; i++) {
        assert_ok(publish_as(f->hubs[0], &(struct mrl_publication){.topic = MRL_LIT("t"), .qos = 1},
                             &receivers));
        assert_true(receivers);
    }
    turn(f);
    for (unsigned i = 0; i < 4; i++) { /* two wait for each */
        assert_true(attach(f->hubs[i % HUBS], &m[i],
                           &(struct wish){.principal = names[i], .client = "c", .expiry_s = 0}));
        assert_int_equal(messages_of(&m[i]), 2);
    }
    for (unsigned i = 0; i < 4; i++)
        done(&m[i]);
}

static void shares_with_other_names_and_ordinary_subscriptions_get_theirs(void **state)
{
    struct fixture *f = *state;
    struct door m[3] = {0};

    join_share(f, m, 2, "$share/one/+");
    attach(f->hubs[1], &m[2], &(struct wish){.principal = "m2", .client = "c"});
    subscribe(&m[2], "$share/two/t", 1, 7);
    subscribe(&m[2], "t", 0, 8);
    publish(f->hubs[0], "t", "x", 1);
    turn(f);
    assert_int_equal(messages_of(&m[0]) + messages_of(&m[1]), 1);
    assert_int_equal(m[2].log.len, strlen("P0-- 0 t x #8;P1-- 1 t x #7;"));
    for (int i = 0; i < 3; i++)
        done(&m[i]);
}

/* MQTT 5.0 4.8.2: QoS 1 should go on, QoS 2 that may have arrived must not. */
static void what_a_member_leaves_behind_goes_to_another_one(void **state)
{
    struct fixture *f = *state;
    struct door leaves = {0}, stays = {0};

    attach(f->hubs[0], &leaves, &(struct wish){.principal = "leaves", .client = "c"});
    subscribe(&leaves, "$share/g/t", 2, 0);
    publish(f->hubs[0], "t", "one", 1);
    publish(f->hubs[0], "t", "two", 2);
    publish(f->hubs[0], "t", "acknowledged", 1);
    publish(f->hubs[0], "t", "queued", 2);
    assert_ok(mrl_session_puback(leaves.session, 3));
    publish(f->hubs[0], "t", "last", 1);
    assert_saw(&leaves, "P1-- 1 t one;P2-- 2 t two;P1-- 3 t acknowledged;P2-- 4 t queued;");
    attach(f->hubs[1], &stays, &(struct wish){.principal = "stays", .client = "c"});
    subscribe(&stays, "$share/g/t", 1, 0);
    done(&leaves);
    turn(f);
    assert_saw(&stays, "P1-- 1 t one;P1-- 2 t last;");
    done(&stays);
}

static void a_member_whose_queue_is_full_is_passed_over(void **state)
{
    struct fixture *f = *state;
    struct door slow = {0}, fast = {0};

    attach(f->hubs[0], &slow,
           &(struct wish){.principal = "slow", .client = "c", .receive_maximum = 1});
    attach(f->hubs[0], &fast, &(struct wish){.principal = "fast", .client = "c"});
    subscribe(&slow, "$share/g/t", 1, 0);
    subscribe(&fast, "$share/g/t", 1, 0);
    for (int i = 0; i < 1 + QUEUED + IN_FLIGHT + QUEUED; i++)
        publish(f->hubs[0], "t", "x", 1);
    assert_int_equal(f->drops, 0);
    publish(f->hubs[0], "t", "x", 1); /* now nobody has room */
    assert_int_equal(f->drops, 1);
    done(&slow);
    f->drops = 0;
    done(&fast);
}

static void a_share_without_members_is_nobody(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    bool receivers;

    attach(f->hubs[1], &d, &(struct wish){.principal = "d", .client = "c"});
    subscribe(&d, "$share/g/t", 1, 0);
    assert_ok(mrl_session_unsubscribe(d.session, MRL_LIT("$share/g/t")));
    assert_ok(publish_as(f->hubs[0], &(struct mrl_publication){.topic = MRL_LIT("t")}, &receivers));
    assert_false(receivers);
    assert_int_equal(mrl_routes_count(f->routes), 0);
    done(&d);
}

/* The choice was made, and before it arrives the member is gone. */
static void a_choice_that_comes_too_late_is_made_anew(void **state)
{
    struct fixture *f = *state;
    struct door gone = {0}, here = {0};

    attach(f->hubs[1], &gone, &(struct wish){.principal = "gone", .client = "c"});
    subscribe(&gone, "$share/g/t", 0, 0);
    publish(f->hubs[0], "t", "x", 0);
    attach(f->hubs[0], &here, &(struct wish){.principal = "here", .client = "c"});
    subscribe(&here, "$share/g/t", 0, 0);
    done(&gone);
    turn(f);
    assert_saw(&here, "P0-- 0 t x;");
    done(&here);
}

static void a_share_sends_no_retained_messages(void **state)
{
    struct fixture *f = *state;
    const struct mrl_publication m = {
        .topic = MRL_LIT("r/1"), .payload = MRL_LIT("old"), .retain = true};
    struct door d = {0};

    assert_ok(publish_as(f->hubs[1], &m, NULL));
    attach(f->hubs[0], &d, &(struct wish){.principal = "d", .client = "c"});
    subscribe(&d, "$share/g/r/+", 1, 0);
    mrl_session_send_retained(d.session, MRL_LIT("$share/g/r/+"));
    assert_saw(&d, "");
    done(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_message_of_a_share_goes_to_one_member_in_turn),
        CASE(members_that_are_connected_come_before_those_that_are_not),
        CASE(shares_with_other_names_and_ordinary_subscriptions_get_theirs),
        CASE(what_a_member_leaves_behind_goes_to_another_one),
        CASE(a_member_whose_queue_is_full_is_passed_over),
        CASE(a_share_without_members_is_nobody),
        CASE(a_choice_that_comes_too_late_is_made_anew),
        CASE(a_share_sends_no_retained_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
