/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/renewals.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "issuing/issuing.h"
#include "tests/unit/devices/fixture.h"

static struct mrl_renewals *opened(struct fixture *f)
{
    struct mrl_renewals *r;

    assert_ok(mrl_renewals_open(f->store, MRL_LIT("key"), &r, NULL));
    return r;
}

/* Enrolled, with a certificate that was made at this second, if anybody asks by time. */
static void add_enrolled(struct fixture *f, const char *id, const char *group)
{
    struct fake_cert c;

    add(f, id, group);
    fake_cert(&c, MRL_PRINCIPAL_DEVICE, id, 1);
    assert_ok(enrol(f, &c.it));
}

struct told {
    size_t batches, devices;
    char first[80], last[80];
};

static void tell(void *context, struct mrl_renewal_batch *batch)
{
    struct told *t = context;

    if (t->devices == 0)
        (void)snprintf(t->first, sizeof(t->first), "%s", batch->turns[0].device.text);
    (void)snprintf(t->last, sizeof(t->last), "%s", batch->turns[batch->count - 1].device.text);
    t->batches++;
    t->devices += batch->count;
    free(batch);
}

static mrl_err begin(struct mrl_renewals *r, const char *group, uint64_t per_hour, int64_t *id)
{
    return mrl_renewals_begin(r, &admin, mrl_str(group), per_hour, id, NULL);
}

static void rates_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t per_hour; /* 0: refused */
    } rows[] = {
        {"100/s", 360000}, {"10/m", 600}, {"600/h", 600}, {"1000/s", MRL_RENEWAL_RATE_MAX},
        {"1/h", 1},        {"1001/s", 0}, {"0/s", 0},     {"100", 0},
        {"/s", 0},         {"-1/s", 0},   {"1/d", 0},     {"1/ss", 0},
        {"1/", 0},         {"", 0},       {"1.5/s", 0},   {"18446744073709551616/s", 0},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(rows); i++) {
        uint64_t per_hour = 0;

        if (mrl_renewal_rate_parse(mrl_str(rows[i].text), &per_hour) != (rows[i].per_hour > 0) ||
            per_hour != rows[i].per_hour)
            fail_msg("%s", rows[i].text);
    }
}

static void devices_have_their_turn_in_order_at_the_rate(void **state)
{
    struct fixture *f = *state;
    MRL_AUTO(mrl_renewals) r = opened(f);
    struct told t = {0};
    char id[16];
    int64_t order;

    for (int i = 0; i < 50; i++) {
        (void)snprintf(id, sizeof(id), "d-%02d", i);
        add_enrolled(f, id, "pumps");
    }
    (void)usleep(2000); /* older than the order, in milliseconds */
    assert_ok(begin(r, "pumps", 10 * 3600, &order));
    assert_ok(mrl_renewals_step(r, 1000, tell, &t));
    assert_int_equal(t.devices, 1); /* the first at once */
    assert_string_equal(t.first, "d-00");
    assert_ok(mrl_renewals_step(r, 1050, tell, &t));
    assert_int_equal(t.devices, 1); /* half a turn */
    assert_ok(mrl_renewals_step(r, 2100, tell, &t));
    assert_int_equal(t.devices, 12);
    assert_ok(mrl_renewals_step(r, 60000, tell, &t));
    assert_int_equal(t.devices, 32); /* two seconds at the most are made up for */
    assert_ok(mrl_renewals_step(r, 62000, tell, &t));
    assert_int_equal(t.devices, 50);
    assert_string_equal(t.last, "d-49");
}

static void a_step_tells_a_thousand_and_the_next_one_the_rest(void **state)
{
    struct fixture *f = *state;
    MRL_AUTO(mrl_renewals) r = opened(f);
    struct told t = {0};
    char id[16];
    int64_t order;

    for (int i = 0; i < MRL_RENEWAL_BATCH + 2; i++) {
        (void)snprintf(id, sizeof(id), "d-%04d", i);
        add_enrolled(f, id, "");
    }
    (void)usleep(2000);
    assert_ok(begin(r, "", MRL_RENEWAL_RATE_MAX, &order));
    assert_ok(mrl_renewals_step(r, 1000, tell, &t));
    assert_ok(mrl_renewals_step(r, 11000, tell, &t));
    assert_int_equal(t.devices, 1 + MRL_RENEWAL_BATCH);
    assert_ok(mrl_renewals_step(r, 11100, tell, &t));
    assert_int_equal(t.devices, MRL_RENEWAL_BATCH + 2);
}

static struct mrl_renewal_asks asks_of(const char *device, const char *group, int64_t issued)
{
    return (struct mrl_renewal_asks){mrl_str(device), mrl_str(group), MRL_LIT("fingerprint"),
                                     issued - MRL_ISSUING_BACKDATE_S, issued + 400 * 86400};
}

static bool is_ordered(struct mrl_renewals *r, const struct mrl_renewal_asks *asks, int64_t now_s)
{
    struct mrl_renewal_offer offer;

    return mrl_renewals_due(r, asks, now_s, &offer) && offer.reason == MRL_RENEWAL_BY_ORDER;
}

static void an_order_is_for_older_certificates_of_its_group_whose_turn_has_come(void **state)
{
    struct fixture *f = *state;
    MRL_AUTO(mrl_renewals) r = opened(f);
    MRL_AUTO(mrl_renewals) again = NULL;
    int64_t now = mrl_wall_s(), order;
    struct mrl_renewal_asks old = asks_of("d-1", "pumps", now - 1000);
    struct mrl_renewal_asks later = asks_of("d-2", "pumps", now - 1000);
    struct mrl_renewal_asks fan = asks_of("d-1", "fans", now - 1000);
    struct mrl_renewal_asks young = asks_of("d-1", "pumps", now + 100);
    struct told t = {0};

    add_enrolled(f, "d-1", "pumps");
    add_enrolled(f, "d-2", "pumps");
    (void)usleep(2000);
    assert_ok(begin(r, "pumps", 1, &order));
    assert_false(is_ordered(r, &old, now + 10));
    assert_ok(mrl_renewals_step(r, 1000, tell, &t));
    assert_true(is_ordered(r, &old, now + 10));
    assert_false(is_ordered(r, &later, now + 10));
    assert_false(is_ordered(r, &fan, now + 10));
    assert_false(is_ordered(r, &young, now + 200));
    again = opened(f); /* as after a restart */
    assert_true(is_ordered(again, &old, now + 10));
    assert_ok(mrl_renewals_cancel(r, &admin, order, NULL));
    assert_false(is_ordered(r, &old, now + 10));
}

/* A clock that was years ahead when the order came must not have the fleet renew over and over. */
static void an_order_that_begins_in_the_future_is_none(void **state)
{
    struct fixture *f = *state;
    MRL_AUTO(mrl_renewals) r = opened(f);
    int64_t now = mrl_wall_s(), back = now - (int64_t)10 * 365 * 86400, order;
    struct mrl_renewal_asks asks = asks_of("d-1", "", back - 1000);
    struct told t = {0};

    add_enrolled(f, "d-1", "");
    (void)usleep(2000);
    assert_ok(begin(r, "", 3600, &order));
    assert_ok(mrl_renewals_step(r, 1000, tell, &t));
    asks.not_after = now + 400 * 86400;
    assert_true(is_ordered(r, &asks, now + 1));
    assert_false(is_ordered(r, &asks, back));
}

static void window_is_due_from_its_start_on(void **state)
{
    struct fixture *f = *state;
    MRL_AUTO(mrl_renewals) r = opened(f);
    struct mrl_renewal_asks asks = asks_of("d-1", "", 1800000000);
    struct mrl_renewal_offer offer;
    MRL_SCOPED(mrl_buf) json = {0};
    struct mrl_window w;
    char expected[96];

    assert_ok(mrl_renewals_window(r, &asks, &w));
    assert_false(mrl_renewals_due(r, &asks, w.start - 1, &offer));
    assert_true(mrl_renewals_due(r, &asks, w.start, &offer));
    assert_int_equal(offer.reason, MRL_RENEWAL_BY_WINDOW);
    assert_int_equal(offer.window.end, w.end);
    assert_ok(mrl_renewal_offer_write(&offer, &json));
    (void)snprintf(expected, sizeof(expected),
                   "{\"end\":%lld,\"reason\":\"window\",\"start\":%lld}", (long long)w.end,
                   (long long)w.start);
    assert_bytes_equal(mrl_buf_bytes(&json), mrl_str(expected));
}

static void sixteen_orders_are_open_and_not_seventeen(void **state)
{
    struct fixture *f = *state;
    MRL_AUTO(mrl_renewals) r = opened(f);
    int64_t order;

    add_enrolled(f, "d-1", "");
    for (int i = 0; i < MRL_RENEWALS_OPEN_MAX; i++)
        assert_ok(begin(r, "", 1, &order));
    assert_int_equal(begin(r, "", 1, &order), MRL_ERR_LIMIT);
    assert_ok(mrl_renewals_cancel(r, &admin, 3, NULL));
    assert_ok(begin(r, "", 1, &order));
    assert_int_equal(mrl_renewals_resume(r, &admin, 3, NULL), MRL_ERR_LIMIT);
    assert_int_equal(mrl_renewals_cancel(r, &admin, 3, NULL), MRL_ERR_STATE);
    assert_int_equal(mrl_renewals_cancel(r, &admin, 99, NULL), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_renewals_resume(r, &admin, 4, NULL), MRL_ERR_STATE);
}

static void orders_for_nobody_or_at_no_rate_are_refused(void **state)
{
    struct fixture *f = *state;
    MRL_AUTO(mrl_renewals) r = opened(f);
    int64_t order;

    add(f, "expected", "");
    assert_int_equal(begin(r, "", 1, &order), MRL_ERR_NOT_FOUND);
    assert_int_equal(begin(r, "a/b", 1, &order), MRL_ERR_INVALID);
    assert_int_equal(begin(r, "", 0, &order), MRL_ERR_INVALID);
    assert_int_equal(begin(r, "", MRL_RENEWAL_RATE_MAX + 1, &order), MRL_ERR_INVALID);
}

int main(void)
{
    duties_more = &mrl_renewals_migrations;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_read),
        WITH_REGISTRY(devices_have_their_turn_in_order_at_the_rate),
        WITH_REGISTRY(a_step_tells_a_thousand_and_the_next_one_the_rest),
        WITH_REGISTRY(an_order_is_for_older_certificates_of_its_group_whose_turn_has_come),
        WITH_REGISTRY(an_order_that_begins_in_the_future_is_none),
        WITH_REGISTRY(window_is_due_from_its_start_on),
        WITH_REGISTRY(sixteen_orders_are_open_and_not_seventeen),
        WITH_REGISTRY(orders_for_nobody_or_at_no_rate_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
