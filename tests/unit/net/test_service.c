/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>

#include "net/service.h"
#include "tests/unit/unit.h"

enum { JOBS = 1000, QUEUE = 3 };

static atomic_uint ran;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool waiting;

struct task {
    struct mrl_job job;
    unsigned position;
};

static void count(struct mrl_job *j)
{
    MRL_CONTAINER(j, struct task, job)->position = atomic_fetch_add(&ran, 1);
}

static void wait_at_gate(struct mrl_job *j)
{
    (void)j;
    atomic_store(&waiting, true);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
}

static void every_job_runs_before_the_service_is_gone(void **state)
{
    static struct task tasks[JOBS];
    struct mrl_service *s = NULL;

    (void)state;
    atomic_store(&ran, 0);
    assert_ok(mrl_service_new("test-service-with-a-long-name", 4, JOBS, &s));
    for (size_t i = 0; i < JOBS; i++) {
        tasks[i].job.run = count;
        assert_ok(mrl_service_submit(s, &tasks[i].job));
    }
    mrl_service_free(s);
    assert_int_equal(atomic_load(&ran), JOBS);
}

static void the_queue_is_first_in_first_out_and_bounded(void **state)
{
    struct mrl_job blocker = {.run = wait_at_gate};
    struct task tasks[QUEUE + 1] = {0};
    struct mrl_service *s = NULL;

    (void)state;
    atomic_store(&ran, 0);
    atomic_store(&waiting, false);
    assert_ok(mrl_service_new("test", 1, QUEUE, &s));
    pthread_mutex_lock(&gate);
    assert_ok(mrl_service_submit(s, &blocker));
    while (!atomic_load(&waiting))
        sched_yield();
    for (size_t i = 0; i < QUEUE + 1; i++) {
        tasks[i].job.run = count;
        assert_int_equal(mrl_service_submit(s, &tasks[i].job), i < QUEUE ? MRL_OK : MRL_ERR_BUSY);
    }
    pthread_mutex_unlock(&gate);
    mrl_service_free(s);
    assert_int_equal(atomic_load(&ran), QUEUE);
    for (unsigned i = 0; i < QUEUE; i++)
        assert_int_equal(tasks[i].position, i);
}

static void impossible_sizes_are_refused(void **state)
{
    struct mrl_service *s = NULL;

    (void)state;
    assert_int_equal(mrl_service_new("test", 0, 1, &s), MRL_ERR_INVALID);
    assert_int_equal(mrl_service_new("test", MRL_SERVICE_THREADS_MAX + 1, 1, &s), MRL_ERR_INVALID);
    assert_int_equal(mrl_service_new("test", 1, 0, &s), MRL_ERR_INVALID);
    mrl_service_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_runs_before_the_service_is_gone),
        cmocka_unit_test(the_queue_is_first_in_first_out_and_bounded),
        cmocka_unit_test(impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
