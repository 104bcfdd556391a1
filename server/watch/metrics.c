/* SPDX-License-Identifier: Apache-2.0 */
#include "watch/metrics.h"

#include <float.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct row {
    const char *name, *labels, *help;
} rows[] = {
#define MRL_COUNTER_ROW(id, name, labels, help) {name, labels, help},
    MRL_COUNTERS(MRL_COUNTER_ROW)
#undef MRL_COUNTER_ROW
};

enum { CACHE_LINE = 64, NUMBER_TEXT = 32 };

struct shard {
    alignas(CACHE_LINE) _Atomic uint64_t values[MRL_COUNTER_COUNT_];
};

struct mrl_metrics {
    unsigned shard_count;
    struct shard *shards;
};

struct mrl_metrics *mrl_metrics_new(unsigned shards)
{
    struct mrl_metrics *m = calloc(1, sizeof(*m));
    size_t size = shards * sizeof(struct shard);

    if (m == NULL || (m->shards = aligned_alloc(CACHE_LINE, size)) == NULL)
        abort();
    memset(m->shards, 0, size);
    m->shard_count = shards;
    return m;
}

void mrl_metrics_free(struct mrl_metrics *m)
{
    if (m == NULL)
        return;
    free(m->shards);
    free(m);
}

void mrl_count(struct mrl_metrics *m, unsigned shard, enum mrl_counter c)
{
    _Atomic uint64_t *value = &m->shards[shard % m->shard_count].values[c];

    atomic_fetch_add_explicit(value, 1, memory_order_relaxed);
}

uint64_t mrl_counter_read(const struct mrl_metrics *m, enum mrl_counter c)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < m->shard_count; i++)
        sum += atomic_load_explicit(&m->shards[i].values[c], memory_order_relaxed);
    return sum;
}

mrl_err mrl_expose_family(struct mrl_buf *out, const char *name, const char *type, const char *help)
{
    return mrl_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* The fewest digits that read back as the same number: 25.4, not 25.399999999999999. */
static const char *shortest(double value, char to[static NUMBER_TEXT])
{
    for (int digits = DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
        (void)snprintf(to, NUMBER_TEXT, "%.*g", digits, value);
        if (strtod(to, NULL) == value)
            break;
    }
    return to;
}

mrl_err mrl_expose_sample(struct mrl_buf *out, const char *name, const char *labels, double value)
{
    char number[NUMBER_TEXT];

    if (labels[0] == '\0')
        return mrl_buf_printf(out, "%s %s\n", name, shortest(value, number));
    return mrl_buf_printf(out, "%s{%s} %s\n", name, labels, shortest(value, number));
}

mrl_err mrl_metrics_write(const struct mrl_metrics *m, struct mrl_buf *out)
{
    for (unsigned i = 0; i < MRL_COUNTER_COUNT_; i++) {
        if (i == 0 || strcmp(rows[i].name, rows[i - 1].name) != 0)
            MRL_TRY(mrl_expose_family(out, rows[i].name, "counter", rows[i].help));
        MRL_TRY(mrl_expose_sample(out, rows[i].name, rows[i].labels,
                                  (double)mrl_counter_read(m, (enum mrl_counter)i)));
    }
    return MRL_OK;
}
