/* SPDX-License-Identifier: Apache-2.0 */
/* Retained messages in the store. */
#include "base/clock.h"
#include "tests/unit/messages/keep_fixture.h"

static size_t retained_count(struct fixture *f, struct mrl_publication **first)
{
    struct mrl_retained_batch all = {0};

    assert_true(mrl_retained_search(f->retained, MRL_LIT("#"),
                                    (struct mrl_retained_span){0, UINT64_MAX}, 0, &all));
    *first = all.count > 0 ? mrl_publication_ref(all.found[0].publication) : NULL;
    for (size_t i = 0; i < all.count; i++)
        mrl_publication_unref(all.found[i].publication);
    return all.count;
}

/* Whatever order two workers write in: the last one counts. */
static void retained_messages_of_two_workers_agree_after_a_start(void **state)
{
    struct fixture *f = *state;
    struct mrl_publication *found, message = one;

    message.retain = true;
    assert_true(publish(f, f->hubs[0], &message, NULL));
    message.payload = MRL_LIT("newer");
    assert_true(publish(f, f->hubs[1], &message, NULL));
    settle(f);
    assert_rows(f, "0 0 0 0 0 1");
    (void)restart(f);
    assert_int_equal(retained_count(f, &found), 1);
    assert_bytes_equal(found->payload, MRL_LIT("newer"));
    mrl_publication_unref(found);
    message.payload = MRL_BYTES_NONE;
    assert_true(publish(f, f->hubs[0], &message, NULL));
    settle(f);
    assert_rows(f, "0 0 0 0 0 0");
}

static void what_another_worker_still_writes_does_not_undo_a_clear(void **state)
{
    struct fixture *f = *state;
    struct mrl_publication *found, message = one;

    message.retain = true;
    assert_true(publish(f, f->hubs[0], &message, NULL));
    message.payload = MRL_BYTES_NONE;
    assert_true(publish(f, f->hubs[1], &message, NULL));
    settle(f);
    assert_int_equal(restart(f).retained, 0);
    assert_int_equal(retained_count(f, &found), 0);
    assert_rows(f, "0 0 0 0 0 0"); /* the start has tidied up */
}

/* The clear leaves with what its worker has to write anyway, before the other worker's batch. */
static void what_another_worker_writes_after_a_clear_does_not_undo_it(void **state)
{
    struct fixture *f = *state;
    struct mrl_publication *found, message = one;

    message.retain = true;
    message.topic = MRL_LIT("other");
    assert_true(publish(f, f->hubs[1], &message, NULL));
    message.topic = one.topic;
    assert_true(publish(f, f->hubs[0], &message, NULL));
    message.payload = MRL_BYTES_NONE;
    assert_true(publish(f, f->hubs[1], &message, NULL));
    settle(f);
    assert_int_equal(restart(f).retained, 1);
    assert_int_equal(retained_count(f, &found), 1);
    assert_bytes_equal(found->topic, MRL_LIT("other"));
    mrl_publication_unref(found);
}

static void assert_retained(struct fixture *f, const char *payload)
{
    struct mrl_publication *found;

    assert_int_equal(retained_count(f, &found), 1);
    assert_bytes_equal(found->payload, mrl_str(payload));
    mrl_publication_unref(found);
}

static void one_that_the_store_refuses_leaves_the_former_one(void **state)
{
    struct fixture *f = *state;
    struct mrl_publication message = one;

    message.retain = true;
    assert_true(publish(f, f->hubs[0], &message, NULL));
    settle(f);
    hide_table(f, "mqtt_retained");
    message.payload = MRL_LIT("refused");
    assert_true(publish(f, f->hubs[0], &message, NULL));
    settle(f);
    assert_int_not_equal(f->answer, MRL_OK);
    show_table(f, "mqtt_retained");
    assert_retained(f, "one");
    (void)restart(f);
    assert_retained(f, "one");
}

static void retain(struct fixture *f, const char *payload)
{
    struct mrl_publication message = one;

    message.retain = true;
    message.payload = mrl_str(payload);
    (void)publish(f, f->hubs[0], &message, NULL);
}

/* Each was replaced before the store had refused it: they count as never said, all of them. */
static void several_that_the_store_refuses_leave_the_former_one(void **state)
{
    struct fixture *f = *state;

    retain(f, "one");
    settle(f);
    hide_table(f, "mqtt_retained");
    retain(f, "first refused");
    mrl_hub_flush(f->hubs[0]); /* a batch of its own */
    retain(f, "second refused");
    retain(f, "third refused");
    settle(f);
    show_table(f, "mqtt_retained");
    assert_retained(f, "one");
    retain(f, "two");
    settle(f);
    assert_rows(f, "0 0 0 0 0 1");
    (void)restart(f);
    assert_retained(f, "two");
}

/* One is refused, and what replaced it before that was known is taken. */
static void what_stood_before_a_refused_one_goes_with_the_next(void **state)
{
    struct fixture *f = *state;

    retain(f, "one");
    settle(f);
    hide_table(f, "mqtt_retained");
    retain(f, "refused");
    mrl_hub_flush(f->hubs[0]);
    show_table(f, "mqtt_retained");
    retain(f, "two");
    settle(f);
    assert_retained(f, "two");
    assert_rows(f, "0 0 0 0 0 1");
    retain(f, "");
    settle(f);
    assert_int_equal(restart(f).retained, 0);
}

static void what_stood_before_a_refused_one_goes_with_a_clear(void **state)
{
    struct fixture *f = *state;

    retain(f, "one");
    settle(f);
    hide_table(f, "mqtt_retained");
    retain(f, "refused");
    mrl_hub_flush(f->hubs[0]);
    show_table(f, "mqtt_retained");
    retain(f, "");
    settle(f);
    assert_rows(f, "0 0 0 0 0 0");
    assert_int_equal(restart(f).retained, 0);
}

/* Settled in the store, and still on its way from another worker. */
static void what_is_forgotten_does_not_come_back_at_a_start(void **state)
{
    struct fixture *f = *state;
    struct mrl_publication *found, message = one;

    message.retain = true;
    message.owner = MRL_LIT("\1pump");
    assert_true(publish(f, f->hubs[0], &message, NULL));
    settle(f);
    message.topic = MRL_LIT("devices/pump/x");
    message.owner = MRL_LIT("\2app");
    assert_true(publish(f, f->hubs[1], &message, NULL));
    message.topic = MRL_LIT("other");
    assert_true(publish(f, f->hubs[1], &message, NULL));
    mrl_hub_forget(f->hubs[0], MRL_LIT("\1pump"), MRL_LIT("devices/pump/#"));
    settle(f);
    assert_int_equal(restart(f).retained, 1);
    assert_int_equal(retained_count(f, &found), 1);
    assert_bytes_equal(found->topic, MRL_LIT("other"));
    mrl_publication_unref(found);
    assert_rows(f, "0 0 0 0 0 1");
}

static uint64_t left_of_the_first(struct fixture *f)
{
    struct mrl_publication *p;
    uint64_t left = 0, now = mrl_monotonic_ms();

    if (retained_count(f, &p) == 1) {
        left = p->expires_ms - now;
        mrl_publication_unref(p);
    }
    return left;
}

/* The wall clock is set an hour forward while the daemon runs, as after a boot without one. */
static void a_clock_that_is_set_takes_no_time_away(void **state)
{
    enum { HOUR_MS = 3600000, LIFE_MS = 60000 };
    struct fixture *f = *state;
    struct mrl_publication message = one;

    f->ledger->wall_at_zero -= HOUR_MS;
    mrl_ledger_tick(f->ledger);
    message.retain = true;
    message.expires_ms = mrl_monotonic_ms() + LIFE_MS;
    assert_true(publish(f, f->hubs[0], &message, NULL));
    settle(f);
    (void)restart(f);
    assert_in_range(left_of_the_first(f), LIFE_MS / 2, LIFE_MS + 1000);
    mrl_ledger_tick(f->ledger); /* nothing has changed since */
    assert_int_equal(mrl_store_backlog(f->store), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(retained_messages_of_two_workers_agree_after_a_start),
        CASE(what_another_worker_still_writes_does_not_undo_a_clear),
        CASE(what_another_worker_writes_after_a_clear_does_not_undo_it),
        CASE(one_that_the_store_refuses_leaves_the_former_one),
        CASE(several_that_the_store_refuses_leave_the_former_one),
        CASE(what_stood_before_a_refused_one_goes_with_the_next),
        CASE(what_stood_before_a_refused_one_goes_with_a_clear),
        CASE(what_is_forgotten_does_not_come_back_at_a_start),
        CASE(a_clock_that_is_set_takes_no_time_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
