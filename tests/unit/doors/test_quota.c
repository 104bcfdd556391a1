/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/quota.h"

#include "base/clock.h"
#include "tests/unit/doors/client_fixture.h"
#include "tests/unit/unit.h"

struct fixture {
    struct client_fixture base;
    struct mrl_quota quota;
};

static int set_up(void **state)
{
    static struct fixture f;

    client_fixture_init(&f.base);
    f.quota = (struct mrl_quota){0};
    f.base.client.quota = &f.quota;
    f.base.client.seen_ms = mrl_monotonic_ms();
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    client_fixture_done(&((struct fixture *)*state)->base);
    return 0;
}

static void charge(struct fixture *f, enum mrl_mqtt_type type, size_t bytes, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        mrl_client_charge(&f->base.client, type, bytes);
}

static uint64_t throttled(const struct fixture *f)
{
    return mrl_counter_read(f->base.metrics, MRL_COUNTER_THROTTLED);
}

static void ten_seconds_of_the_rate_at_once_and_not_one_message_more(void **state)
{
    struct fixture *f = *state;

    f->quota.of[MRL_QUOTA_MESSAGES] = 5;
    charge(f, MRL_MQTT_PUBLISH, 100, 47);
    charge(f, MRL_MQTT_SUBSCRIBE, 100, 1);
    charge(f, MRL_MQTT_PINGREQ, 2, 1);
    charge(f, MRL_MQTT_AUTH, 2, 1);
    charge(f, MRL_MQTT_PUBACK, 4, 100); /* bounded by what is in flight */
    assert_false(mrl_client_is_slowed(&f->base.client));
    assert_int_equal(throttled(f), 0);
    charge(f, MRL_MQTT_UNSUBSCRIBE, 100, 1);
    assert_int_equal(throttled(f), 1);
    assert_int_equal(f->base.client.resume_ms, f->base.client.seen_ms + 200);
}

/* As many filters in one packet as there are messages left, and one more. */
static void what_a_packet_counts_more_than_one_is_counted_once(void **state)
{
    struct fixture *f = *state;

    f->quota.of[MRL_QUOTA_MESSAGES] = 5;
    f->base.client.extra = 48;
    charge(f, MRL_MQTT_SUBSCRIBE, 100, 2);
    assert_false(mrl_client_is_slowed(&f->base.client));
    f->base.client.extra = 5;
    charge(f, MRL_MQTT_UNSUBSCRIBE, 100, 1);
    assert_int_equal(throttled(f), 1);
    assert_int_equal(f->base.client.resume_ms, f->base.client.seen_ms + 6 * 200);
}

static void ten_seconds_of_the_bytes_at_once_and_not_one_more(void **state)
{
    struct fixture *f = *state;

    f->quota.of[MRL_QUOTA_BYTES] = 100;
    charge(f, MRL_MQTT_PUBLISH, 996, 1);
    charge(f, MRL_MQTT_PUBACK, 4, 1);
    assert_false(mrl_client_is_slowed(&f->base.client));
    charge(f, MRL_MQTT_PUBLISH, 1, 1);
    assert_int_equal(throttled(f), 1);
    assert_int_equal(f->base.client.resume_ms, f->base.client.seen_ms + 10);
}

/* Slowed for a second, and so long after it too fast again: is it the end? */
static bool ends(struct fixture *f, uint64_t flood_ms, uint64_t later_ms)
{
    struct mrl_client *c = &f->base.client;

    f->base.limits.flood_ms = flood_ms;
    f->quota.of[MRL_QUOTA_MESSAGES] = 1;
    charge(f, MRL_MQTT_PUBLISH, 10, MRL_QUOTA_BURST_S + 1);
    assert_int_equal(c->resume_ms, c->seen_ms + 1000);
    assert_int_equal(c->state, MRL_CLIENT_OPEN);
    c->seen_ms += 1000 + later_ms;
    charge(f, MRL_MQTT_PUBLISH, 10, 1);
    return c->state == MRL_CLIENT_ENDING;
}

static void who_was_slowed_for_the_time_of_a_flood_is_ended(void **state)
{
    struct fixture *f = *state;

    assert_true(ends(f, 1000, 0));
    assert_string_equal(f->base.client.ended, "sends too fast for too long");
}

static void who_was_slowed_a_millisecond_less_is_not(void **state)
{
    assert_false(ends(*state, 1001, 0));
}

static void the_time_it_was_read_is_taken_off(void **state)
{
    assert_true(ends(*state, 999, 1));
}

static void and_then_it_is_a_millisecond_less(void **state)
{
    assert_false(ends(*state, 1000, 1));
}

static void with_no_time_given_a_flood_has_no_end(void **state)
{
    assert_false(ends(*state, 0, 0));
}

static void ten_seconds_of_looks_at_once_and_not_those_of_one_message_more(void **state)
{
    struct fixture *f = *state;
    struct mrl_client *c = &f->base.client;
    size_t ten_seconds = (size_t)MRL_QUOTA_BURST_S * MRL_LOOKS_A_MESSAGE;

    f->quota.of[MRL_QUOTA_MESSAGES] = 1;
    assert_int_equal(mrl_client_look(c, ten_seconds), 0);
    assert_int_not_equal(mrl_client_look(c, MRL_LOOKS_A_MESSAGE), 0);
    assert_int_not_equal(mrl_client_look(c, 0), 0);
    assert_false(mrl_client_is_slowed(c));
    charge(f, MRL_MQTT_SUBSCRIBE, 100, MRL_QUOTA_BURST_S);
    assert_false(mrl_client_is_slowed(c));
}

static void who_has_no_rate_may_look_without_end(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 100; i++)
        assert_int_equal(mrl_client_look(&f->base.client, 1000000), 0);
}

/* However many came in one read. */
static void frames_before_connect_are_counted_each(void **state)
{
    struct mrl_client *c = &((struct fixture *)*state)->base.client;

    c->state = MRL_CLIENT_NEW;
    mrl_client_charge_frames(c, MRL_EARLY_FRAMES_MAX - 1, 600);
    mrl_client_charge_frames(c, 1, 6);
    assert_int_equal(c->state, MRL_CLIENT_NEW);
    mrl_client_charge_frames(c, 1, 6);
    assert_int_equal(c->state, MRL_CLIENT_ENDING);
    assert_string_equal(c->ended, "WebSocket frames instead of CONNECT");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(ten_seconds_of_looks_at_once_and_not_those_of_one_message_more),
        CASE(who_has_no_rate_may_look_without_end),
        CASE(ten_seconds_of_the_rate_at_once_and_not_one_message_more),
        CASE(what_a_packet_counts_more_than_one_is_counted_once),
        CASE(ten_seconds_of_the_bytes_at_once_and_not_one_more),
        CASE(who_was_slowed_for_the_time_of_a_flood_is_ended),
        CASE(who_was_slowed_a_millisecond_less_is_not),
        CASE(the_time_it_was_read_is_taken_off),
        CASE(and_then_it_is_a_millisecond_less),
        CASE(with_no_time_given_a_flood_has_no_end),
        CASE(frames_before_connect_are_counted_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
