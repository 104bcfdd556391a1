/* SPDX-License-Identifier: Apache-2.0 */
/* What one question to a compiled policy costs: bench_policy_ask [ROUNDS]. Under callgrind with one
 * case (bench_policy_ask ROUNDS CASE) the instructions of the case stand apart. */
#include <stdio.h>
#include <stdlib.h>

#include "access/policy.h"
#include "base/clock.h"

enum { ROUNDS = 2000000, RULES_MAX = 101 };

struct measured {
    const char *name;
    size_t rules; /* in front of the one that allows */
    const char *topic;
    bool allowed;
};

static const struct measured cases[] = {
    {"own topic, one rule", 0, "devices/pump-0007/telemetry/temperature", true},
    {"own topic behind 10 rules", 10, "devices/pump-0007/telemetry/temperature", true},
    {"own topic behind 100 rules", 100, "devices/pump-0007/telemetry/temperature", true},
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

static void measure(const struct measured *m, size_t rounds)
{
    const struct mrl_subject who = {
        .kind = MRL_PRINCIPAL_DEVICE, .id = MRL_LIT("pump-0007"), .group = MRL_LIT("pumps")};
    struct mrl_policy *p = policy_of(m->rules);
    uint64_t start = mrl_monotonic_ms(), took;
    size_t allowed = 0;

    for (size_t i = 0; i < rounds; i++)
        allowed += mrl_policy_may_publish(p, &who, mrl_str(m->topic), /*needs=*/0);
    took = mrl_monotonic_ms() - start;
    mrl_policy_unref(p);
    if (allowed != (m->allowed ? rounds : 0))
        exit(1); /* a fast wrong answer is no measurement */
    printf("%-28s %8.1f ns a question\n", m->name, (double)took * 1e6 / (double)rounds);
}

int main(int argc, char **argv)
{
    size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : ROUNDS;
    size_t only = argc > 2 ? strtoul(argv[2], NULL, 10) : MRL_COUNT(cases);

    for (size_t i = 0; i < MRL_COUNT(cases); i++)
        if (only == MRL_COUNT(cases) || only == i)
            measure(&cases[i], rounds);
    return 0;
}
