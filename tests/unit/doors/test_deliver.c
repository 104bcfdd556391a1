/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/doors/client_fixture.h"
#include "tests/unit/unit.h"

enum {
    MAY_WAIT = 256 << 10,
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
    static const uint8_t zeroes[MAY_WAIT + 1];

    assert_ok(mrl_conn_write(f->base.client.conn, mrl_bytes_of(zeroes, bytes)));
    assert_int_equal(waiting(f), bytes);
}

static enum mrl_sent deliver(struct fixture *f, uint8_t qos)
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

    let_wait(f, MAY_WAIT);
    assert_int_equal(deliver(f, 0), MRL_SENT);
    assert_int_equal(waiting(f), MAY_WAIT + PACKET);
    assert_counted(f, 1, 0);
}

static void with_one_byte_more_it_is_dropped(void **state)
{
    struct fixture *f = *state;

    let_wait(f, MAY_WAIT + 1);
    assert_int_equal(deliver(f, 0), MRL_SENT); /* it is over for this receiver */
    assert_int_equal(waiting(f), MAY_WAIT + 1);
    assert_counted(f, 0, 1);
}

static void one_that_is_acknowledged_goes_behind_as_much(void **state)
{
    struct fixture *f = *state;

    let_wait(f, MAY_WAIT);
    assert_int_equal(deliver(f, 1), MRL_SENT);
    assert_int_equal(waiting(f), MAY_WAIT + PACKET + 2); /* its packet id */
    assert_counted(f, 1, 0);
}

static void with_one_byte_more_it_has_to_wait(void **state)
{
    struct fixture *f = *state;

    let_wait(f, MAY_WAIT + 1);
    assert_int_equal(deliver(f, 1), MRL_SENT_NO_ROOM);
    assert_int_equal(deliver(f, 2), MRL_SENT_NO_ROOM);
    assert_int_equal(waiting(f), MAY_WAIT + 1);
    assert_counted(f, 0, 0);
    client_fixture_take_back(&f->base);
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

/* The message that fills the connection takes nothing from them, and lends them nothing. */
static void answers_have_the_rest_to_the_byte(void **state)
{
    enum { REST = CONNECTION_LIMIT - MAY_WAIT };
    struct fixture *f = *state;

    let_wait(f, MAY_WAIT);
    set_payload(f, 2 * CONNECTION_LIMIT);
    assert_int_equal(deliver(f, 1), MRL_SENT);
    assert_true(waiting(f) > MAY_WAIT + 2 * CONNECTION_LIMIT);
    assert_ok(answer(f, REST));
    assert_int_equal(answer(f, 1), MRL_ERR_LIMIT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_of_qos0_goes_behind_the_most_that_may_wait),
        CASE(with_one_byte_more_it_is_dropped),
        CASE(one_that_is_acknowledged_goes_behind_as_much),
        CASE(with_one_byte_more_it_has_to_wait),
        CASE(answers_have_the_rest_to_the_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
