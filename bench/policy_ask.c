/* SPDX-License-Identifier: Apache-2.0 */
/* What one question to a compiled policy costs, beside one bare match of MQTT's filters in the same
 * run: bench_policy_ask [ROUNDS [CASE]]. The ratio of the first case comes last; exit code 1 above
 * its budget. For instructions instead of time:
 *     valgrind --tool=callgrind bench_policy_ask 100000 0 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "access/policy.h"
#include "wire/mqtt_topic.h"

#define TOPIC "devices/pump-0007/telemetry/temperature"

enum { ROUNDS = 1000000, REPEATS = 5, RULES_MAX = 101 };
static const double budget = 1.5;

struct measured {
    const char *name;
    size_t rules; /* in front of the one that allows */
    const char *topic;
    bool allowed;
};

static const struct measured cases[] = {
    {"own topic, one rule", 0, TOPIC, true},
    {"own topic behind 10 rules", 10, TOPIC, true},
    {"own topic behind 100 rules", 100, TOPIC, true},
    {"denied after 11 rules", 10, "plant/3/line/9/stop", false},
};

static struct mrl_policy *policy_of(size_t more)
{
    struct mrl_rule rules[RULES_MAX];
    const struct mrl_policy_role role = {MRL_LIT("r"), rules, more + 1};
    char texts[RULES_MAX][64];

    for (size_t i = 0; i < more; i++) {
        (void)snprintf(texts[i], sizeof(texts[i]),
                       i % 2 != 0 ? "site/%zu/+/${id}/#" : "devices/%zu/#", i);
        rules[i] = (struct mrl_rule){.actions = MRL_ALLOW_PUBLISH, .filter = mrl_str(texts[i])};
    }
    rules[more] = (struct mrl_rule){.actions = MRL_ALLOW_PUBLISH | MRL_ALLOW_SUBSCRIBE,
                                    .filter = MRL_LIT("devices/${id}/#")};
    return mrl_policy_compile(&role, 1);
}

static double now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* always there on Linux */
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double ask(const struct measured *m, const struct mrl_policy *p, size_t rounds)
{
    const struct mrl_subject who = {
        .kind = MRL_PRINCIPAL_DEVICE, .id = MRL_LIT("pump-0007"), .group = MRL_LIT("pumps")};
    double start = now_ns();
    size_t allowed = 0;

    for (size_t i = 0; i < rounds; i++)
        allowed += mrl_policy_may_publish(p, &who, mrl_str(m->topic), /*needs=*/0);
    if (allowed != (m->allowed ? rounds : 0))
        exit(2); /* a fast wrong answer is no measurement */
    return (now_ns() - start) / (double)rounds;
}

/* The filter as it would be with the id filled in. */
static double bare(size_t rounds)
{
    double start = now_ns();
    size_t matched = 0;

    for (size_t i = 0; i < rounds; i++)
        matched += mrl_mqtt_filter_matches(mrl_str("devices/pump-0007/#"), mrl_str(TOPIC));
    if (matched != rounds)
        exit(2);
    return (now_ns() - start) / (double)rounds;
}

/* The least of several: what else runs on the machine only adds. */
static double least(const struct measured *m, size_t rounds)
{
    struct mrl_policy *p = m != NULL ? policy_of(m->rules) : NULL;
    double best = 0;

    for (unsigned i = 0; i < REPEATS; i++) {
        double took = m != NULL ? ask(m, p, rounds) : bare(rounds);

        best = i == 0 || took < best ? took : best;
    }
    mrl_policy_unref(p);
    return best;
}

int main(int argc, char **argv)
{
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : ROUNDS;
    size_t only = argc > 2 ? strtoul(argv[2], NULL, 10) : MRL_COUNT(cases);
    double first = 0, yardstick;

    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        double took;

        if (only != MRL_COUNT(cases) && only != i)
            continue;
        took = least(&cases[i], rounds);
        first = i == 0 ? took : first;
        printf("%-28s %8.1f ns\n", cases[i].name, took);
    }
    if (only != MRL_COUNT(cases))
        return 0;
    yardstick = least(NULL, rounds);
    printf("%-28s %8.1f ns\nratio %.2f (budget %.1f)\n", "one bare match of filters", yardstick,
           first / yardstick, budget);
    return first / yardstick <= budget ? 0 : 1;
}
