/* SPDX-License-Identifier: Apache-2.0 */
/* How long sessions last that an earlier run left: no longer than the limit of today. */
#include "base/clock.h"
#include "tests/unit/messages/keep_fixture.h"

struct kept_row {
    struct mrl_write write;
    int64_t expiry_s, ends, will_delay_s;
};

static mrl_err write_row(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct kept_row *row = MRL_CONTAINER(w, struct kept_row, write);

    return mrl_tx_exec(
        tx, "UPDATE mqtt_sessions SET expiry = $1, ends = $2, will_delay = $3 WHERE client = 'b'",
        MRL_ARGS(MRL_INT(row->expiry_s), MRL_INT(row->ends), MRL_INT(row->will_delay_s)), NULL);
}

/* "b" went so long before now, in seconds of the rows' clock. */
static int64_t write_went(struct fixture *f, int64_t ago_s, int64_t expiry_s, int64_t will_delay_s)
{
    const int64_t left = mrl_ledger_wall(f->ledger, mrl_monotonic_ms()) - ago_s * 1000;
    struct kept_row row = {{.run = write_row}, expiry_s, left + expiry_s * 1000, will_delay_s};

    assert_ok(mrl_store_write(f->store, &row.write));
    return left;
}

/* As an earlier run left it. */
static int64_t went(struct fixture *f, int64_t ago_s, int64_t expiry_s, int64_t will_delay_s)
{
    const int64_t left = write_went(f, ago_s, expiry_s, will_delay_s);

    (void)restart(f);
    return left;
}

static uint64_t end_of_b(const struct fixture *f)
{
    struct mrl_map_node *n = mrl_map_next(&f->hubs[1]->sessions, NULL);

    assert_non_null(n);
    return MRL_CONTAINER(n, struct mrl_session, in_hub)->expires_at_ms;
}

static void a_kept_session_lasts_as_long_as_the_limit_of_today(void **state)
{
    enum { KEPT_S = 3600, AGO_S = 10 };
    struct fixture *f = *state;
    struct door d = {0};
    int64_t left, lasts_s;

    attach(f, "b", KEPT_S, &d);
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    settle(f);
    for (uint32_t limit = KEPT_S - 1; limit <= KEPT_S + 1; limit++) {
        f->limits.session_expiry_s = limit;
        lasts_s = limit < KEPT_S ? limit : KEPT_S;
        left = went(f, AGO_S, KEPT_S, 0);
        assert_int_equal(end_of_b(f), mrl_ledger_monotonic(f->ledger, left + lasts_s * 1000));
    }
}

/* MQTT 5.0 3.1.2.5: its will waits no longer than the session that ends by the limit of today. */
static void a_session_above_the_limit_of_today_ends_with_its_will(void **state)
{
    struct fixture *f = *state;
    struct door watcher = {0}, d = {0};

    attach(f, "a", 3600, &watcher);
    subscribe(&watcher, "t", 1);
    attach_with_will(f, "b", &d);
    settle(f);
    f->limits.session_expiry_s = 60;
    (void)went(f, /*ago_s=*/50, /*expiry_s=*/3600, /*will_delay_s=*/600);
    settle_timers(f);
    assert_rows(f, "2 1 0 0 0 0");
    (void)went(f, /*ago_s=*/61, /*expiry_s=*/3600, /*will_delay_s=*/600);
    settle_timers(f);
    assert_rows(f, "1 1 1 1 0 0");
}

/* The machine was started in between: monotonic time begins after it. */
static void a_session_that_went_before_the_machine_started_ends_in_its_time(void **state)
{
    const int64_t longest_s = 30LL * 24 * 3600, up_s = (int64_t)(mrl_monotonic_ms() / 1000);
    struct fixture *f = *state;
    struct door d = {0};
    int64_t left;

    f->limits.session_expiry_s = (uint32_t)(longest_s + up_s);
    attach(f, "b", 60, &d);
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    settle(f);
    left = went(f, longest_s + up_s - 60, longest_s + up_s, 0);
    assert_int_equal(end_of_b(f),
                     mrl_ledger_monotonic(f->ledger, left + (longest_s + up_s) * 1000));
    assert_in_range(end_of_b(f), mrl_monotonic_ms(), mrl_monotonic_ms() + 60000);
    (void)went(f, up_s + 3600, 60, 0);
    settle_timers(f);
    assert_rows(f, "0 0 0 0 0 0");
}

static void a_session_that_came_back_is_connected_in_the_store_as_well(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f, "b", 60, &d);
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    settle(f);
    (void)write_went(f, /*ago_s=*/61, /*expiry_s=*/60, /*will_delay_s=*/0);
    attach(f, "b", 60, &d);
    settle(f);
    (void)restart(f);
    settle_timers(f);
    assert_rows(f, "1 0 0 0 0 0"); /* its time begins with the cut */
}

/* The clock of the machine went back by an hour: none is kept for longer than it asked for. */
static void a_session_that_went_later_than_now_has_its_time_from_now(void **state)
{
    struct fixture *f = *state;
    struct door d = {0};

    attach(f, "b", 60, &d);
    mrl_session_detach(d.session, MRL_DETACH_CLEAN);
    settle(f);
    (void)went(f, /*ago_s=*/-3600, /*expiry_s=*/60, /*will_delay_s=*/0);
    assert_true(end_of_b(f) <= mrl_monotonic_ms() + 60000);
    assert_rows(f, "1 0 0 0 0 0");
}

static mrl_err a_minute_less(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)w;
    return mrl_tx_exec(tx, "UPDATE mqtt_sessions SET ends = ends - 60000 WHERE ends <> 0",
                       MRL_NO_ARGS, NULL);
}

/* The first start writes down when it ends: the second does not give it all of its time again. */
static void a_session_that_was_cut_off_ends_in_its_time_over_several_starts(void **state)
{
    struct fixture *f = *state;
    struct mrl_write passed = {.run = a_minute_less};
    struct door d = {0};

    attach(f, "b", 60, &d);
    settle(f);
    (void)restart(f);
    settle_timers(f);
    assert_rows(f, "1 0 0 0 0 0");
    assert_ok(mrl_store_write(f->store, &passed));
    (void)restart(f);
    settle_timers(f);
    assert_rows(f, "0 0 0 0 0 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_kept_session_lasts_as_long_as_the_limit_of_today),
        CASE(a_session_above_the_limit_of_today_ends_with_its_will),
        CASE(a_session_that_went_before_the_machine_started_ends_in_its_time),
        CASE(a_session_that_went_later_than_now_has_its_time_from_now),
        CASE(a_session_that_came_back_is_connected_in_the_store_as_well),
        CASE(a_session_that_was_cut_off_ends_in_its_time_over_several_starts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
