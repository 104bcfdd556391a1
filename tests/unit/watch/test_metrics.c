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

static void a_number_has_the_digits_it_needs_and_no_more(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{25.4, "a 25.4\n"},
                 {0, "a 0\n"},
                 {-1.5, "a -1.5\n"},
                 {1e300, "a 1e+300\n"},
                 {5e-324, "a 4.94065645841247e-324\n"},
                 {1.0 / 3, "a 0.3333333333333333\n"},
                 {9007199254740991.0, "a 9007199254740991\n"},
                 {0.1 + 0.2, "a 0.30000000000000004\n"}};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        MRL_SCOPED(mrl_buf) text = {0};

        assert_ok(mrl_expose_sample(&text, "a", "", cases[i].value));
        assert_ok(mrl_buf_append(&text, MRL_LIT("\0")));
        assert_string_equal((const char *)text.data, cases[i].text);
    }
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_add_up),
        cmocka_unit_test(a_number_has_the_digits_it_needs_and_no_more),
        cmocka_unit_test(a_family_has_one_header)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
