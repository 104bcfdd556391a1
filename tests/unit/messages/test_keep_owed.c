/* SPDX-License-Identifier: Apache-2.0 */
/* Retained messages that subscriptions have not got yet, in the store. */
#include <stdio.h>
#include <stdlib.h>

#include "messages/owed.h"
#include "tests/unit/messages/keep_fixture.h"

struct counting {
    const char *table;
    int64_t count;
};

static mrl_err count_rows(struct mrl_tx *tx, void *context)
{
    struct counting *c = context;
    char sql[64];
    MRL_AUTO(mrl_rows) rows = NULL;

    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", c->table);
    MRL_TRY(mrl_tx_query_one(tx, sql, MRL_NO_ARGS, &rows));
    c->count = mrl_row_int(rows, 0);
    return MRL_OK;
}

static void assert_count(const struct fixture *f, const char *table, int64_t wanted)
{
    struct counting c = {.table = table};

    assert_ok(mrl_store_read(f->store, count_rows, &c));
    assert_int_equal(c.count, wanted);
}

/* Subscriptions that have not got all their retained messages. */
static void assert_owed(const struct fixture *f, int64_t wanted)
{
    assert_count(f, "mqtt_owed", wanted);
}

enum { OWED = 600 };

static void retain_many(struct fixture *f)
{
    char topic[16], payload[16];

    for (int i = 0; i < OWED; i++) {
        (void)snprintf(topic, sizeof(topic), "r/%d", i);
        (void)snprintf(payload, sizeof(payload), "%d", i);
        (void)publish(
            f, f->hubs[0],
            &(struct mrl_publication){
                .topic = mrl_str(topic), .payload = mrl_str(payload), .qos = 1, .retain = true},
            NULL);
    }
    settle(f);
}

/* "P1 id payload;" or "P1d id payload;". */
static const char *read_one(const char *at, long *id, long *payload)
{
    char *end;

    *id = strtol(at + (at[2] == 'd' ? 3 : 2), &end, 10);
    *payload = strtol(end, &end, 10);
    assert_int_equal(*end, ';');
    return end + 1;
}

/* Counts what came, and acknowledges as long as more does. */
static void take_all(const struct fixture *f, struct door *d, unsigned times[OWED])
{
    while (d->log.len > 0) {
        MRL_SCOPED(mrl_buf) seen = d->log;
        long id, payload;

        d->log = (struct mrl_buf){0};
        assert_ok(mrl_buf_append(&seen, MRL_LIT("\0")));
        for (const char *at = (const char *)seen.data; *at != '\0';) {
            at = read_one(at, &id, &payload);
            assert_in_range(payload, 0, OWED - 1);
            times[payload]++;
            if (id != 0)
                assert_ok(mrl_session_puback(d->session, (uint16_t)id));
        }
        settle(f);
    }
}

static void subscribe_to_many(struct fixture *f, struct door *d)
{
    retain_many(f);
    attach(f, "a", 60, d);
    subscribe(d, "r/#", 1);
    mrl_session_send_retained(d->session, MRL_LIT("r/#"));
    settle(f);
    assert_owed(f, 1);
    mrl_buf_done(&d->log); /* a window full of them, lost with the connection */
}

static void what_a_subscription_is_owed_comes_back(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    unsigned times[OWED] = {0};

    subscribe_to_many(f, &d);
    (void)restart(f);
    attach(f, "a", 60, &d);
    take_all(f, &d, times);
    for (int i = 0; i < OWED; i++)
        assert_int_equal(times[i], 1);
    assert_owed(f, 0);
}

/* A newer message of its topic, not retained, took it along: it still stands when its turn comes.
 */
static void what_went_before_its_turn_does_not_come_again(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    unsigned times[OWED] = {0};

    subscribe_to_many(f, &d);
    (void)publish(
        f, f->hubs[0],
        &(struct mrl_publication){.topic = MRL_LIT("r/599"), .payload = MRL_LIT("599"), .qos = 1},
        NULL);
    settle(f);
    (void)restart(f);
    attach(f, "a", 60, &d);
    take_all(f, &d, times);
    for (int i = 0; i < OWED; i++)
        assert_int_equal(times[i], i == 599 ? 2 : 1);
    assert_count(f, "mqtt_owed_early", 0);
}

static void say(struct fixture *f, const char *topic, const char *payload)
{
    (void)publish(
        f, f->hubs[0],
        &(struct mrl_publication){.topic = mrl_str(topic), .payload = mrl_str(payload), .qos = 1},
        NULL);
}

/* The queue took the newer message of its topic alone. */
static void what_had_no_room_before_a_newer_one_does_not_come_after_a_start(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    unsigned times[OWED] = {0};

    f->limits.queued_messages = 8;
    subscribe_to_many(f, &d);
    for (int i = 0; i < 3; i++)
        say(f, "r/live", "1");
    say(f, "r/599", "2");
    settle(f);
    assert_count(f, "mqtt_owed_early", 1);
    (void)restart(f);
    attach(f, "a", 60, &d);
    take_all(f, &d, times);
    assert_int_equal(times[599], 0);
    assert_true(times[1] == 4 && times[2] == 2);
    assert_owed(f, 0);
}

/* All is owed again, what went before its turn too. */
static void a_new_subscribe_forgets_what_went_before_its_turn(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    subscribe_to_many(f, &d);
    (void)publish(
        f, f->hubs[0],
        &(struct mrl_publication){.topic = MRL_LIT("r/599"), .payload = MRL_LIT("599"), .qos = 1},
        NULL);
    settle(f);
    assert_count(f, "mqtt_owed_early", 1);
    subscribe(&d, "r/#", 1);
    settle(f);
    assert_count(f, "mqtt_owed_early", 0);
}

/* SUBACK is on its way, or was lost: the subscription stands, and with it what it is owed. */
static void what_a_subscription_is_owed_is_stored_together_with_it(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    unsigned times[OWED] = {0};

    retain_many(f);
    attach(f, "a", 60, &d);
    subscribe(&d, "r/#", 1);
    settle(f);
    assert_log(&d, "");
    assert_owed(f, 1);
    (void)restart(f);
    attach(f, "a", 60, &d);
    settle(f);
    take_all(f, &d, times);
    for (int i = 0; i < OWED; i++)
        assert_int_equal(times[i], 1);
}

static void what_a_subscription_is_owed_ends_with_it_in_the_store(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    subscribe_to_many(f, &d);
    assert_ok(mrl_session_unsubscribe(d.session, MRL_LIT("r/#")));
    settle(f);
    assert_owed(f, 0);
    subscribe(&d, "r/+", 1);
    settle(f);
    assert_owed(f, 1);
    assert_ok(mrl_session_set_expiry(d.session, 0));
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    settle(f);
    assert_owed(f, 0);
}

static mrl_err break_subscriptions(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)w;
    return mrl_tx_exec(tx, "ALTER TABLE mqtt_subscriptions RENAME TO broken", MRL_NO_ARGS, NULL);
}

static mrl_err mend_subscriptions(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)w;
    return mrl_tx_exec(tx, "ALTER TABLE broken RENAME TO mqtt_subscriptions", MRL_NO_ARGS, NULL);
}

static void subscribe_again(struct fixture *f, struct door *d, uint8_t handling, bool refused)
{
    const struct mrl_subscribe_options o = {.qos = 1, .retain_handling = handling};
    struct mrl_write broken = {.run = break_subscriptions}, mended = {.run = mend_subscriptions};
    bool existed;

    if (refused)
        assert_ok(mrl_store_write(f->store, &broken));
    assert_ok(mrl_session_subscribe(d->session, MRL_LIT("r/#"), &o, &existed));
    settle(f);
    if (refused)
        assert_ok(mrl_store_write(f->store, &mended));
}

/* One that wants no retained messages ends it; refused, it leaves the former one with what that is
 * owed. */
static void a_subscription_that_is_refused_ends_nothing(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    unsigned times[OWED] = {0};

    subscribe_to_many(f, &d);
    for (int handling = MRL_RETAINED_ALWAYS; handling <= MRL_RETAINED_NEVER; handling++)
        subscribe_again(f, &d, (uint8_t)handling, /*refused=*/true);
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    attach(f, "a", 60, &d); /* what was in flight comes again */
    take_all(f, &d, times);
    for (int i = 0; i < OWED; i++)
        assert_in_range(times[i], 1, 2);
    assert_owed(f, 0);
}

static void a_subscription_that_wants_none_ends_it(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    unsigned times[OWED] = {0};

    subscribe_to_many(f, &d);
    subscribe_again(f, &d, MRL_RETAINED_NEVER, /*refused=*/false);
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    attach(f, "a", 60, &d);
    take_all(f, &d, times);
    assert_int_equal(times[0], 1);
    assert_int_equal(times[OWED - 1], 0);
    assert_owed(f, 0);
}

/* At QoS 0, while nobody was there to get it. */
static void what_replaced_one_comes_after_a_start_as_well(void **state)
{
    const struct mrl_publication newer = {
        .topic = MRL_LIT("r/599"), .payload = MRL_LIT("1"), .retain = true};
    struct fixture *f = *state;
    struct door d = {0};
    unsigned times[OWED] = {0};

    subscribe_to_many(f, &d);
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    (void)publish(f, f->hubs[0], &newer, NULL);
    settle(f);
    (void)restart(f);
    attach(f, "a", 60, &d);
    take_all(f, &d, times);
    assert_int_equal(times[OWED - 1], 0);
    assert_int_equal(times[1], 2);
    assert_owed(f, 0);
}

/* The store answers in a later turn. */
static void back_while_it_is_undecided(struct fixture *f, struct door *d)
{
    retain_many(f);
    attach(f, "a", 60, d);
    subscribe(d, "r/#", 1);
    mrl_session_detach(d->session, MRL_DETACH_CLEAN);
    attach(f, "a", 60, d);
}

static void what_is_owed_comes_without_a_suback_once_the_store_took_it(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    unsigned times[OWED] = {0};

    back_while_it_is_undecided(f, &d);
    settle(f);
    take_all(f, &d, times);
    for (int i = 0; i < OWED; i++)
        assert_int_equal(times[i], 1);
    assert_owed(f, 0);
}

static void nothing_comes_without_a_suback_when_the_store_refused_it(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    hide_table(f, "mqtt_subscriptions");
    back_while_it_is_undecided(f, &d);
    settle(f);
    show_table(f, "mqtt_subscriptions");
    assert_log(&d, "");
    assert_null(d.session->owing);
    assert_int_equal(d.session->subscriptions.count, 0);
}

/* Its session ends with the connection now: the store has no say in it any more. */
static void what_is_owed_comes_to_a_session_that_is_kept_no_longer(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};
    unsigned times[OWED] = {0};

    retain_many(f);
    attach(f, "a", 60, &d);
    subscribe(&d, "r/#", 1);
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    attach(f, "a", 0, &d);
    settle(f);
    take_all(f, &d, times);
    for (int i = 0; i < OWED; i++)
        assert_int_equal(times[i], 1);
}

/* A full disk takes nothing away from those who wait for what stands. */
static void one_whose_replacement_was_refused_still_is_owed(void **state)
{
    const struct mrl_publication refused = {
        .topic = MRL_LIT("r/599"), .payload = MRL_LIT("0"), .retain = true};
    struct fixture *f = *state;
    struct door d = {0};
    unsigned times[OWED] = {0};

    subscribe_to_many(f, &d);
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    settle(f);
    hide_table(f, "mqtt_retained");
    (void)publish(f, f->hubs[0], &refused, NULL);
    settle(f);
    show_table(f, "mqtt_retained");
    attach(f, "a", 60, &d);
    take_all(f, &d, times);
    for (int i = 0; i < OWED; i++)
        assert_int_equal(times[i], 1);
    assert_owed(f, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_a_subscription_is_owed_comes_back),
        CASE(what_went_before_its_turn_does_not_come_again),
        CASE(what_had_no_room_before_a_newer_one_does_not_come_after_a_start),
        CASE(a_new_subscribe_forgets_what_went_before_its_turn),
        CASE(what_a_subscription_is_owed_is_stored_together_with_it),
        CASE(what_a_subscription_is_owed_ends_with_it_in_the_store),
        CASE(a_subscription_that_is_refused_ends_nothing),
        CASE(a_subscription_that_wants_none_ends_it),
        CASE(one_whose_replacement_was_refused_still_is_owed),
        CASE(what_replaced_one_comes_after_a_start_as_well),
        CASE(what_is_owed_comes_without_a_suback_once_the_store_took_it),
        CASE(nothing_comes_without_a_suback_when_the_store_refused_it),
        CASE(what_is_owed_comes_to_a_session_that_is_kept_no_longer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
