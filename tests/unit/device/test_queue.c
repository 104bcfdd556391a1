/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/queue.h"

#include "tests/unit/unit.h"

static void oldest_is_dropped_and_counted_at_the_limit(void **state)
{
    struct mrl_queue q;

    (void)state;
    mrl_queue_init(&q);
    for (unsigned i = 0; i < MRL_QUEUE_MAX; i++)
        assert_true(mrl_queue_add(&q, mrl_bytes_of(&i, sizeof(i))));
    assert_int_equal(q.dropped, 0);
    assert_true(mrl_queue_add(&q, MRL_LIT("new")));
    assert_int_equal(q.dropped, 1);
    assert_int_equal(q.count, MRL_QUEUE_MAX);
    assert_int_equal(*(const unsigned *)(const void *)mrl_queue_next(&q)->data, 1);
    mrl_queue_done(&q);
}

static void item_over_the_limit_is_refused(void **state)
{
    uint8_t data[MRL_QUEUE_ITEM_MAX + 1] = {0};
    struct mrl_queue q;

    (void)state;
    mrl_queue_init(&q);
    assert_true(mrl_queue_add(&q, mrl_bytes_of(data, MRL_QUEUE_ITEM_MAX)));
    assert_false(mrl_queue_add(&q, mrl_bytes_of(data, MRL_QUEUE_ITEM_MAX + 1)));
    mrl_queue_done(&q);
}

static void send(struct mrl_queue *q, uint16_t id)
{
    struct mrl_queue_item *item = mrl_queue_next(q);

    assert_non_null(item);
    item->sent = true;
    item->packet_id = id;
}

static void acknowledged_out_of_order_leaves_nothing(void **state)
{
    struct mrl_queue q;

    (void)state;
    mrl_queue_init(&q);
    assert_true(mrl_queue_add(&q, MRL_LIT("a")) && mrl_queue_add(&q, MRL_LIT("b")));
    send(&q, 1);
    send(&q, 2);
    assert_null(mrl_queue_next(&q));
    assert_false(mrl_queue_acknowledge(&q, 3));
    assert_true(mrl_queue_acknowledge(&q, 2));
    assert_false(mrl_queue_acknowledge(&q, 2));
    assert_int_equal(q.count, 2);
    assert_true(mrl_queue_acknowledge(&q, 1));
    assert_int_equal(q.count, 0);
    mrl_queue_done(&q);
}

static void new_connection_sends_again_and_keeps_ids_only_with_the_session(void **state)
{
    struct mrl_queue q;

    (void)state;
    mrl_queue_init(&q);
    assert_true(mrl_queue_add(&q, MRL_LIT("a")));
    send(&q, 5);
    mrl_queue_rewind(&q, /*session_present=*/true);
    assert_int_equal(mrl_queue_next(&q)->packet_id, 5);
    mrl_queue_rewind(&q, /*session_present=*/false);
    assert_int_equal(mrl_queue_next(&q)->packet_id, 0);
    mrl_queue_done(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oldest_is_dropped_and_counted_at_the_limit),
        cmocka_unit_test(item_over_the_limit_is_refused),
        cmocka_unit_test(acknowledged_out_of_order_leaves_nothing),
        cmocka_unit_test(new_connection_sends_again_and_keeps_ids_only_with_the_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
