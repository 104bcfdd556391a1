/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rcu.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/attr.h"
#include "tests/unit/unit.h"

struct thing {
    struct rcu_head rcu;
    int value;
};

static atomic_int reclaimed;

static void reclaim(struct rcu_head *head)
{
    mrl_rcu_reclaimed();
    free(MRL_CONTAINER(head, struct thing, rcu));
    atomic_fetch_add(&reclaimed, 1);
}

static void *register_twice_and_leave(void *unused)
{
    mrl_rcu_register();
    mrl_rcu_register();
    mrl_rcu_read_begin();
    mrl_rcu_read_end();
    return unused;
}

static void *registered_without_us(void *unused)
{
    urcu_memb_register_thread();
    mrl_rcu_register();
    urcu_memb_unregister_thread();
    return unused;
}

/* A thread that ends without leaving would be waited for (or crash) in every later grace period. */
static void a_thread_leaves_by_itself_when_it_ends(void **state)
{
    pthread_t thread;

    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(pthread_create(&thread, NULL,
                                        i % 2 ? register_twice_and_leave : registered_without_us,
                                        NULL),
                         0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        urcu_memb_synchronize_rcu();
    }
}

struct meeting {
    _Atomic(struct thing *) thing;
    atomic_bool inside, leave;
    int seen;
};

static void *hold(void *context)
{
    struct meeting *m = context;
    struct thing *t;

    mrl_rcu_register();
    mrl_rcu_read_begin();
    t = atomic_load(&m->thing);
    atomic_store(&m->inside, true);
    while (!atomic_load(&m->leave))
        (void)sched_yield();
    m->seen = t->value;
    mrl_rcu_read_end();
    return NULL;
}

static void what_a_reader_holds_is_freed_only_after_it_left(void **state)
{
    struct meeting m = {.thing = malloc(sizeof(struct thing))};
    struct thing *old = m.thing;
    pthread_t thread;
    int before = atomic_load(&reclaimed);

    (void)state;
    mrl_rcu_register();
    old->value = 42;
    assert_int_equal(pthread_create(&thread, NULL, hold, &m), 0);
    while (!atomic_load(&m.inside))
        (void)sched_yield();
    atomic_store(&m.thing, NULL);
    mrl_rcu_defer(&old->rcu, reclaim);
    assert_int_equal(atomic_load(&reclaimed), before);
    atomic_store(&m.leave, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    urcu_memb_barrier();
    assert_int_equal(m.seen, 42);
    assert_int_equal(atomic_load(&reclaimed), before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_leaves_by_itself_when_it_ends),
        cmocka_unit_test(what_a_reader_holds_is_freed_only_after_it_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
