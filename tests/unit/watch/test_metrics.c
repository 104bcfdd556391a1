/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/metrics.h"

#include <pthread.h>
#include <string.h>

#include "tests/unit/unit.h"

enum { THREADS = 4, ROUNDS = 10000 };

struct counting {
    struct mrl_metrics *metrics;
    unsigned shard;
};

static void *count_rounds(void *argument)
{
    const struct counting *c = argument;

    for (int i = 0; i < ROUNDS; i++)
        mrl_count(c->metrics, c->shard, MRL_COUNTER_ENROLLED);
    return NULL;
}

static void shards_add_up(void **state)
{
    struct mrl_metrics *m = mrl_metrics_new(THREADS);
    struct counting counting[THREADS];
    pthread_t threads[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++) {
        counting[i] = (struct counting){m, i};
        assert_int_equal(pthread_create(&threads[i], NULL, count_rounds, &counting[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(mrl_counter_read(m, MRL_COUNTER_ENROLLED), THREADS * ROUNDS);
    assert_int_equal(mrl_counter_read(m, MRL_COUNTER_REENROLLED), 0);
    mrl_metrics_free(m);
}

static unsigned occurrences(const char *text, const char *part)
{
    unsigned count = 0;

    for (const char *at = text; (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

static void a_family_has_one_header(void **state)
{
    struct mrl_metrics *m = mrl_metrics_new(1);
    MRL_SCOPED(mrl_buf) text = {0};

    (void)state;
    mrl_count(m, 0, MRL_COUNTER_REFUSED_REVOKED);
    assert_ok(mrl_metrics_write(m, &text));
    assert_ok(mrl_buf_append(&text, MRL_LIT("\0")));
    assert_int_equal(
        occurrences((char *)text.data, "# TYPE merlon_connections_refused_total counter\n"), 1);
    assert_int_equal(
        occurrences((char *)text.data, "merlon_connections_refused_total{reason=\"revoked\"} 1\n"),
        1);
    assert_int_equal(occurrences((char *)text.data, "# HELP"),
                     occurrences((char *)text.data, "# TYPE"));
    mrl_metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shards_add_up),
                                       cmocka_unit_test(a_family_has_one_header)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
