/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/loop.h"
#include "tests/unit/unit.h"

static struct mrl_loop *loop;
static struct mrl_watch left, right;
static unsigned called;

static void remove_both(struct mrl_watch *w, uint32_t events)
{
    (void)w;
    (void)events;
    called++;
    mrl_loop_remove(loop, &left);
    mrl_loop_remove(loop, &right);
}

static void a_watch_removed_by_another_of_the_same_turn_is_not_called(void **state)
{
    int a[2], b[2];

    (void)state;
    assert_ok(mrl_loop_new(&loop));
    assert_int_equal(pipe(a), 0);
    assert_int_equal(pipe(b), 0);
    left = (struct mrl_watch){.fd = a[0], .ready = remove_both};
    right = (struct mrl_watch){.fd = b[0], .ready = remove_both};
    assert_ok(mrl_loop_add(loop, &left, EPOLLIN));
    assert_ok(mrl_loop_add(loop, &right, EPOLLIN));
    assert_int_equal(write(a[1], "x", 1), 1);
    assert_int_equal(write(b[1], "x", 1), 1);
    called = 0;
    assert_ok(mrl_loop_turn(loop, 100));
    assert_int_equal(called, 1);
    mrl_loop_remove(loop, &left); /* again: nothing happens */
    mrl_loop_free(loop);
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
}

static struct mrl_later first, second_later, cancelled;
static char order[8];
static size_t order_len;

static void run_first(struct mrl_later *l)
{
    (void)l;
    order[order_len++] = '1';
    mrl_loop_later(loop, &second_later);
    mrl_loop_later_cancel(&cancelled);
}

static void run_second(struct mrl_later *l)
{
    (void)l;
    order[order_len++] = '2';
}

static void later_runs_once_in_order_and_may_ask_for_more(void **state)
{
    (void)state;
    assert_ok(mrl_loop_new(&loop));
    first.run = run_first;
    second_later.run = cancelled.run = run_second;
    order_len = 0;
    mrl_loop_later(loop, &first);
    mrl_loop_later(loop, &first);
    mrl_loop_later(loop, &cancelled);
    assert_ok(mrl_loop_turn(loop, -1)); /* does not wait */
    assert_int_equal(order_len, 2);
    assert_memory_equal(order, "12", 2);
    mrl_loop_free(loop);
}

static void note_fired(struct mrl_timer *t)
{
    (void)t;
    called++;
    mrl_loop_stop(loop);
}

static void a_timer_ends_the_wait(void **state)
{
    struct mrl_timer t = {.fire = note_fired};
    uint64_t start = mrl_monotonic_ms();

    (void)state;
    assert_ok(mrl_loop_new(&loop));
    called = 0;
    mrl_loop_timer(loop, &t, 50);
    assert_ok(mrl_loop_run(loop));
    assert_int_equal(called, 1);
    assert_true(mrl_monotonic_ms() - start >= 50);
    mrl_loop_free(loop);
}

static void *stop_from_outside(void *argument)
{
    mrl_loop_stop(argument);
    return NULL;
}

static void any_thread_may_stop_it(void **state)
{
    pthread_t other;

    (void)state;
    assert_ok(mrl_loop_new(&loop));
    assert_int_equal(pthread_create(&other, NULL, stop_from_outside, loop), 0);
    assert_ok(mrl_loop_run(loop));
    assert_int_equal(pthread_join(other, NULL), 0);
    mrl_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_watch_removed_by_another_of_the_same_turn_is_not_called),
        cmocka_unit_test(later_runs_once_in_order_and_may_ask_for_more),
        cmocka_unit_test(a_timer_ends_the_wait),
        cmocka_unit_test(any_thread_may_stop_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
