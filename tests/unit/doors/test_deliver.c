/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/doors/client_fixture.h"
#include "tests/unit/unit.h"

enum {
    LIMIT = 256 << 10,
    CONNECTION_LIMIT = 1 << 20,
    PACKET = 11
}; /* "t" with "12345" has 11 bytes: MQTT 5.0 3.3 */

struct fixture {
    struct client_fixture base;
    struct mrl_publication *message;
};

static int set_up(void **state)
{
    static struct fixture f;
    const struct mrl_publication message = {.topic = MRL_LIT("t"), .payload = MRL_LIT("12345")};

    client_fixture_init(&f.base);
    f.message = mrl_publication_new(&message);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    client_fixture_done(&f->base);
    mrl_publication_unref(f->message);
    return 0;
}

static size_t waiting(const struct fixture *f)
{
    return mrl_conn_backlog(f->base.client.conn);
}

static void let_wait(struct fixture *f, size_t bytes)
{
    static const uint8_t zeroes[LIMIT + 1];

    assert_ok(mrl_conn_write(f->base.client.conn, mrl_bytes_of(zeroes, bytes)));
    assert_int_equal(waiting(f), bytes);
}

static bool deliver(struct fixture *f, uint8_t qos)
{
    const struct mrl_delivery d = {
        .publication = f->message, .qos = qos, .packet_id = qos > 0 ? 1 : 0};

    return mrl_client_sink.publish(&f->base.client, &d);
}

static void assert_counted(const struct fixture *f, unsigned sent, unsigned dropped)
{
    assert_int_equal(mrl_counter_read(f->base.metrics, MRL_COUNTER_MESSAGES_OUT), sent);
    assert_int_equal(mrl_counter_read(f->base.metrics, MRL_COUNTER_MESSAGES_DROPPED), dropped);
}

static void one_of_qos0_goes_behind_the_most_that_may_wait(void **state)
{
    struct fixture *f = *state;

    let_wait(f, LIMIT);
    assert_true(deliver(f, 0));
    assert_int_equal(waiting(f), LIMIT + PACKET);
    assert_counted(f, 1, 0);
}

static void with_one_byte_more_it_is_dropped(void **state)
{
    struct fixture *f = *state;

    let_wait(f, LIMIT + 1);
    assert_true(deliver(f, 0)); /* not too large: it is over for this receiver */
    assert_int_equal(waiting(f), LIMIT + 1);
    assert_counted(f, 0, 1);
}

static void what_is_acknowledged_waits_all_the_same(void **state)
{
    struct fixture *f = *state;

    let_wait(f, LIMIT + 1);
    assert_true(deliver(f, 1));
    assert_int_equal(waiting(f), LIMIT + 1 + PACKET + 2); /* its packet id */
    assert_counted(f, 1, 0);
}

static void there_is_room_up_to_the_most_that_may_wait(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(mrl_client_sink.room(&f->base.client), MRL_ROOM_MUCH);
    let_wait(f, LIMIT);
    assert_int_equal(mrl_client_sink.room(&f->base.client), MRL_ROOM_LITTLE);
    assert_ok(mrl_conn_write(f->base.client.conn, MRL_LIT("!")));
    assert_int_equal(mrl_client_sink.room(&f->base.client), MRL_ROOM_NONE);
    mrl_conn_set_kind(f->base.client.conn, &client_fixture_kind); /* not that of a whole client */
}

static void set_payload(struct fixture *f, size_t len)
{
    static uint8_t zeroes[2 * CONNECTION_LIMIT];
    const struct mrl_publication message = {.topic = MRL_LIT("t"),
                                            .payload = mrl_bytes_of(zeroes, len)};

    mrl_publication_unref(f->message);
    f->message = mrl_publication_new(&message);
}

static mrl_err answer(struct fixture *f, size_t bytes)
{
    static const uint8_t zeroes[CONNECTION_LIMIT];

    return mrl_conn_write(f->base.client.conn, mrl_bytes_of(zeroes, bytes));
}

/* Whatever the message that filled the connection. */
static void answers_have_the_rest_to_the_byte(void **state)
{
    enum { REST = CONNECTION_LIMIT - LIMIT };
    struct fixture *f = *state;

    let_wait(f, LIMIT);
    set_payload(f, 2 * CONNECTION_LIMIT);
    assert_true(deliver(f, 1));
    assert_true(waiting(f) > LIMIT + 2 * CONNECTION_LIMIT);
    assert_ok(answer(f, REST));
    assert_ok(answer(f, 1)); /* behind no more than the limit */
    assert_int_equal(answer(f, 1), MRL_ERR_LIMIT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_of_qos0_goes_behind_the_most_that_may_wait),
        CASE(with_one_byte_more_it_is_dropped),
        CASE(what_is_acknowledged_waits_all_the_same),
        CASE(there_is_room_up_to_the_most_that_may_wait),
        CASE(answers_have_the_rest_to_the_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
