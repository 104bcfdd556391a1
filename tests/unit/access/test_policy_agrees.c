/* SPDX-License-Identifier: Apache-2.0 */
/* The compiled policy against a slow interpreter, over random policies, subjects and questions. A
 * subscription is judged by what it means: every topic it can receive, out of all topics of a small
 * world, must be matched by one rule. The world has a level that no rule names and one level more
 * than the deepest filter, so what holds in it holds everywhere. */
#include "tests/unit/access/slow_policy.h"
#include "tests/unit/unit.h"

#include "base/random.h"

enum { ROUNDS = 4000, RULES = 3, DEEPEST = 3, WORLD_MAX = 2000, QUESTIONS = 8 };

static uint64_t state_of_chance;

static unsigned chance(unsigned below)
{
    state_of_chance = state_of_chance * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((state_of_chance >> 33) % below);
}

static const char *const topic_levels[] = {"a", "b", "d1", "g1", "", "z"};
static const char *const filter_levels[] = {"a", "b", "d1", "", "+", "+"};
static const char *const rule_levels[] = {"a", "b", "", "+", "${id}", "${group}", "${attr.s}"};

static char world[WORLD_MAX][32];
static size_t world_count;

static void grow_world(const char *before, unsigned depth)
{
    for (size_t i = 0; i < MRL_COUNT(topic_levels); i++) {
        char topic[32];

        (void)snprintf(topic, sizeof(topic), "%s%s%s", before, depth > 0 ? "/" : "",
                       topic_levels[i]);
        if (topic[0] != '\0') {
            assert_true(world_count < WORLD_MAX);
            (void)snprintf(world[world_count++], sizeof(world[0]), "%s", topic);
        }
        if (depth < DEEPEST)
            grow_world(topic, depth + 1);
    }
}

static void random_filter(const char *const *levels, size_t count, char to[static 64])
{
    unsigned depth = 1 + chance(DEEPEST);
    size_t len = 0;

    do {
        len = 0;
        for (unsigned i = 0; i < depth; i++) {
            const char *level =
                i + 1 == depth && chance(3) == 0 ? "#" : levels[chance((unsigned)count)];

            len += (size_t)snprintf(&to[len], 64 - len, "%s%s", i > 0 ? "/" : "", level);
        }
    } while (len == 0);
}

struct random_policy {
    struct mrl_rule rules[RULES];
    char filters[RULES][64];
    size_t count;
};

static void random_policy(struct random_policy *p)
{
    static const uint8_t qos[] = {0, 0, MRL_RIGHT_QOS2, MRL_RIGHT_QOS1 | MRL_RIGHT_QOS2};

    p->count = chance(RULES + 1);
    for (size_t i = 0; i < p->count; i++) {
        struct mrl_why why = {{0}};

        random_filter(rule_levels, MRL_COUNT(rule_levels), p->filters[i]);
        p->rules[i] = (struct mrl_rule){(uint8_t)(1 + chance(3)), mrl_str(p->filters[i]),
                                        qos[chance(MRL_COUNT(qos))]};
        if ((p->rules[i].actions & MRL_ALLOW_PUBLISH) != 0)
            p->rules[i].withheld |= (uint8_t)chance(4);
        if (mrl_rule_check(&p->rules[i], &why) != MRL_OK)
            fail_msg("%s: %s", p->filters[i], why.text);
    }
}

static struct mrl_subject random_subject(void)
{
    static const char *const ids[] = {"d1", "d1", "a", "b", "", "+", "#", "a/b"},
                             *const groups[] = {"g1", "a", "d1", "", "+"},
                             *const sets[] = {"", "s=a", "s=b", "r=a\ns=d1", "sx=a", "s=g1\nt=b"};

    return (struct mrl_subject){MRL_PRINCIPAL_DEVICE, mrl_str(ids[chance(MRL_COUNT(ids))]),
                                mrl_str(groups[chance(MRL_COUNT(groups))]),
                                mrl_str(sets[chance(MRL_COUNT(sets))])};
}

/* Does one rule match every topic of the world that the filter matches? */
static bool slow_covers(const struct mrl_rule *rule, const struct mrl_subject *who,
                        mrl_bytes filter)
{
    const struct mrl_rule wanted = {MRL_ALLOW_SUBSCRIBE, filter, 0};

    for (size_t i = 0; i < world_count; i++)
        if (slow_rule_matches(&wanted, who, mrl_str(world[i])) &&
            !slow_rule_matches(rule, who, mrl_str(world[i])))
            return false;
    return true;
}

static int slow_granted(const struct random_policy *p, const struct mrl_subject *who,
                        mrl_bytes filter, int asked)
{
    int most = -1;

    for (size_t i = 0; i < p->count; i++)
        if ((p->rules[i].actions & MRL_ALLOW_SUBSCRIBE) != 0 &&
            mrl_max_qos(p->rules[i].withheld) > most && slow_covers(&p->rules[i], who, filter))
            most = mrl_max_qos(p->rules[i].withheld);
    return most > asked ? asked : most;
}

static void compare_publish(const struct random_policy *p, const struct mrl_policy *compiled,
                            const struct mrl_subject *who)
{
    for (size_t i = 0; i < 50 * QUESTIONS; i++) {
        mrl_bytes topic = mrl_str(world[chance((unsigned)world_count)]);
        uint8_t needs = mrl_publish_needs((uint8_t)chance(3), chance(2) == 0, chance(2) == 0);

        if (mrl_policy_may_publish(compiled, who, topic, needs) !=
            slow_may_publish(p->rules, p->count, who, topic, needs))
            fail_msg("publish %.*s needs %u: id %.*s group %.*s set %.*s rules %s %s %s",
                     MRL_FMT(topic), needs, MRL_FMT(who->id), MRL_FMT(who->group),
                     MRL_FMT(who->attributes), p->filters[0], p->filters[1], p->filters[2]);
    }
}

static void compare_subscribe(const struct random_policy *p, const struct mrl_policy *compiled,
                              const struct mrl_subject *who)
{
    for (size_t i = 0; i < QUESTIONS; i++) {
        uint8_t asked = (uint8_t)chance(3), qos = asked;
        char filter[64];
        int slow, fast;

        random_filter(filter_levels, MRL_COUNT(filter_levels), filter);
        slow = slow_granted(p, who, mrl_str(filter), asked);
        fast = mrl_policy_may_subscribe(compiled, who, mrl_str(filter), &qos) ? qos : -1;
        if (slow != fast)
            fail_msg(
                "subscribe %s asked %u: %d, not %d: id %.*s group %.*s set %.*s rules %s %s %s",
                filter, asked, fast, slow, MRL_FMT(who->id), MRL_FMT(who->group),
                MRL_FMT(who->attributes), p->filters[0], p->filters[1], p->filters[2]);
    }
}

static void compiled_and_slow_answers_are_the_same(void **state)
{
    uint64_t seed;

    (void)state;
    mrl_random((uint8_t *)&seed, sizeof(seed));
    print_message("# seed %llu\n", (unsigned long long)seed);
    state_of_chance = seed;
    grow_world("", 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct mrl_subject who = random_subject();
        struct random_policy p = {.count = 0};
        struct mrl_policy_role role = {MRL_LIT("r"), p.rules, 0};
        struct mrl_policy *compiled;

        random_policy(&p);
        role.count = p.count;
        compiled = mrl_policy_compile(&role, 1);
        compare_publish(&p, compiled, &who);
        compare_subscribe(&p, compiled, &who);
        mrl_policy_unref(compiled);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compiled_and_slow_answers_are_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
