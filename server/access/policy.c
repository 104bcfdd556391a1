/* SPDX-License-Identifier: Apache-2.0 */
#include "access/policy.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/writer.h"
#include "wire/mqtt_topic.h"

enum { FILLED_MAX = MRL_RULE_FILTER_MAX + MRL_RULE_VARIABLES_MAX * MRL_NAME_MAX };

static const char id_variable[] = "${id}";
static const char group_variable[] = "${group}";

struct compiled_rule {
    mrl_bytes filter;  /* as written */
    mrl_bytes literal; /* its leading levels without variables and wildcards */
    mrl_bytes role;
    uint8_t actions;
    bool has_variables;
};

struct mrl_policy {
    atomic_uint refs;
    struct mrl_arena arena; /* owns every text below */
    size_t count;
    struct compiled_rule rules[];
};

const char *mrl_principal_kind_name(enum mrl_principal_kind k)
{
    static const char *const names[] = {
        [MRL_PRINCIPAL_DEVICE] = "device",
        [MRL_PRINCIPAL_APPLICATION] = "application",
        [MRL_PRINCIPAL_OPERATOR] = "operator",
    };
    return (size_t)k < MRL_COUNT(names) && names[k] != NULL ? names[k] : "unknown";
}

static bool is_variable(mrl_bytes level)
{
    return mrl_bytes_eq(level, mrl_str(id_variable)) ||
           mrl_bytes_eq(level, mrl_str(group_variable));
}

static bool mentions_variable(mrl_bytes level)
{
    for (size_t at = mrl_bytes_find(level, '$', 0); at < level.len;
         at = mrl_bytes_find(level, '$', at + 1))
        if (mrl_bytes_starts(mrl_bytes_sub(level, at, level.len), MRL_LIT("${")))
            return true;
    return false;
}

static bool is_wildcard(mrl_bytes level)
{
    return mrl_bytes_eq(level, MRL_LIT("+")) || mrl_bytes_eq(level, MRL_LIT("#"));
}

/* Writes the filter with its variables filled in. false: a variable has no value that may stand as
 * one level, so the rule gives nothing to this subject. */
static bool fill_in(mrl_bytes filter, const struct mrl_subject *who, struct mrl_writer *w)
{
    struct mrl_mqtt_levels it = mrl_mqtt_levels_of(filter);
    mrl_bytes level;

    for (bool first = true; mrl_mqtt_level_next(&it, &level); first = false) {
        if (is_variable(level)) {
            level = mrl_bytes_eq(level, mrl_str(id_variable)) ? who->id : who->group;
            /* names are checked when they are made; a wildcard must not get in by any other way */
            if (!mrl_name_valid(level))
                return false;
        }
        if (!first)
            mrl_put_u8(w, '/');
        mrl_put_bytes(w, level);
    }
    return !w->overflow;
}

/* --- checking rules --- */

static mrl_err check_levels(mrl_bytes filter, struct mrl_why *why)
{
    struct mrl_mqtt_levels it = mrl_mqtt_levels_of(filter);
    size_t levels = 0, variables = 0;
    mrl_bytes level;

    while (mrl_mqtt_level_next(&it, &level)) {
        if (++levels > MRL_RULE_LEVELS_MAX)
            return mrl_fail(why, MRL_ERR_INVALID, "filter has more than %d levels",
                            MRL_RULE_LEVELS_MAX);
        if (!mentions_variable(level))
            continue;
        if (!is_variable(level))
            return mrl_fail(why, MRL_ERR_INVALID,
                            "level %zu: variables are ${id} and ${group}, and each stands for a "
                            "whole level",
                            levels);
        if (++variables > MRL_RULE_VARIABLES_MAX)
            return mrl_fail(why, MRL_ERR_INVALID, "filter has more than %d variables",
                            MRL_RULE_VARIABLES_MAX);
    }
    return MRL_OK;
}

static mrl_err check_filled_in(mrl_bytes filter, struct mrl_why *why)
{
    const struct mrl_subject sample = {MRL_PRINCIPAL_DEVICE, MRL_LIT("x"), MRL_LIT("x")};
    uint8_t memory[FILLED_MAX];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));

    if (!fill_in(filter, &sample, &w) || !mrl_mqtt_filter_valid(mrl_bytes_of(w.data, w.len)))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "not a topic filter: + and # stand for whole levels, # is the last one, "
                        "the text is UTF-8");
    if (memory[0] == '$')
        return mrl_fail(why, MRL_ERR_INVALID, "topics that start with $ are for the server only");
    return MRL_OK;
}

mrl_err mrl_rule_check(const struct mrl_rule *rule, struct mrl_why *why)
{
    const unsigned known = MRL_ALLOW_PUBLISH | MRL_ALLOW_SUBSCRIBE;

    if (rule->actions == 0 || (rule->actions & ~known) != 0)
        return mrl_fail(why, MRL_ERR_INVALID, "a rule allows publish, subscribe or both");
    if (rule->filter.len == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "the filter is empty");
    if (rule->filter.len > MRL_RULE_FILTER_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "filter is longer than %d bytes",
                        MRL_RULE_FILTER_MAX);
    MRL_TRY(check_levels(rule->filter, why));
    return check_filled_in(rule->filter, why);
}

/* --- compiling --- */

/* The leading levels that stand in every topic the rule can match: a cheap first test. The slash
 * after them is left out because "a/#" matches "a" as well (MQTT 5.0 4.7.1.2). */
static mrl_bytes literal_levels(mrl_bytes filter)
{
    struct mrl_mqtt_levels it = mrl_mqtt_levels_of(filter);
    size_t end = 0, next = 0;
    mrl_bytes level;

    while (mrl_mqtt_level_next(&it, &level) && !is_variable(level) && !is_wildcard(level)) {
        end = next + level.len;
        next = end + 1;
    }
    return mrl_bytes_sub(filter, 0, end);
}

static struct compiled_rule compile_rule(struct mrl_policy *p, mrl_bytes role,
                                         const struct mrl_rule *rule)
{
    mrl_bytes filter = mrl_arena_copy(&p->arena, rule->filter);

    return (struct compiled_rule){
        .filter = filter,
        .literal = literal_levels(filter),
        .role = role,
        .actions = rule->actions,
        .has_variables = mentions_variable(filter),
    };
}

struct mrl_policy *mrl_policy_compile(const struct mrl_policy_role *roles, size_t count)
{
    struct mrl_policy *p;
    size_t rules = 0;

    for (size_t i = 0; i < count; i++)
        rules += roles[i].count;
    p = calloc(1, sizeof(*p) + rules * sizeof(p->rules[0]));
    if (p == NULL)
        abort();
    atomic_init(&p->refs, 1);
    for (size_t i = 0; i < count; i++) {
        mrl_bytes name = mrl_arena_copy(&p->arena, roles[i].name);

        for (size_t j = 0; j < roles[i].count; j++)
            p->rules[p->count++] = compile_rule(p, name, &roles[i].rules[j]);
    }
    return p;
}

struct mrl_policy *mrl_policy_ref(const struct mrl_policy *p)
{
    struct mrl_policy *mine = (struct mrl_policy *)p; /* only the count is not constant */

    (void)atomic_fetch_add_explicit(&mine->refs, 1, memory_order_relaxed);
    return mine;
}

void mrl_policy_unref(const struct mrl_policy *p)
{
    struct mrl_policy *mine = (struct mrl_policy *)p;

    if (mine == NULL || atomic_fetch_sub_explicit(&mine->refs, 1, memory_order_acq_rel) > 1)
        return;
    mrl_arena_done(&mine->arena);
    free(mine);
}

bool mrl_policy_is_shared(const struct mrl_policy *p)
{
    return atomic_load_explicit(&((struct mrl_policy *)p)->refs, memory_order_acquire) > 1;
}

/* --- deciding --- */

typedef bool decide(mrl_bytes filter, mrl_bytes topic);

static bool rule_allows(const struct compiled_rule *rule, const struct mrl_subject *who,
                        enum mrl_topic_action action, mrl_bytes topic)
{
    decide *fits = action == MRL_ALLOW_PUBLISH ? mrl_mqtt_filter_matches : mrl_mqtt_filter_covers;
    uint8_t memory[FILLED_MAX];
    struct mrl_writer w;

    if ((rule->actions & action) == 0 || !mrl_bytes_starts(topic, rule->literal))
        return false;
    if (!rule->has_variables)
        return fits(rule->filter, topic);
    w = mrl_writer_on(memory, sizeof(memory));
    return fill_in(rule->filter, who, &w) && fits(mrl_bytes_of(w.data, w.len), topic);
}

static const struct compiled_rule *find_rule(const struct mrl_policy *p,
                                             const struct mrl_subject *who,
                                             enum mrl_topic_action action, mrl_bytes topic)
{
    for (size_t i = 0; p != NULL && i < p->count; i++)
        if (rule_allows(&p->rules[i], who, action, topic))
            return &p->rules[i];
    return NULL;
}

/* NULL: fit to be asked about. Else why it is denied whatever the rules say. */
static const char *publish_barred(mrl_bytes topic)
{
    if (topic.len == 0 || mrl_bytes_find(topic, '+', 0) < topic.len ||
        mrl_bytes_find(topic, '#', 0) < topic.len)
        return "not a topic name";
    if (topic.data[0] == '$')
        return "publishing to $-topics is for the server";
    return NULL;
}

static const char *subscribe_barred(const struct mrl_subject *who, mrl_bytes filter,
                                    mrl_bytes *plain)
{
    mrl_bytes share;

    if (!mrl_mqtt_filter_valid(filter))
        return "not a topic filter";
    (void)mrl_mqtt_share_split(filter, &share, plain); /* shared or not, the plain part decides */
    if (plain->data[0] == '$' && who->kind != MRL_PRINCIPAL_OPERATOR)
        return "$-topics are for operators";
    return NULL;
}

bool mrl_policy_may_publish(const struct mrl_policy *p, const struct mrl_subject *who,
                            mrl_bytes topic)
{
    return publish_barred(topic) == NULL && find_rule(p, who, MRL_ALLOW_PUBLISH, topic) != NULL;
}

bool mrl_policy_may_subscribe(const struct mrl_policy *p, const struct mrl_subject *who,
                              mrl_bytes filter)
{
    mrl_bytes plain;

    return subscribe_barred(who, filter, &plain) == NULL &&
           find_rule(p, who, MRL_ALLOW_SUBSCRIBE, plain) != NULL;
}

void mrl_policy_explain(const struct mrl_policy *p, const struct mrl_subject *who,
                        enum mrl_topic_action action, mrl_bytes topic,
                        struct mrl_policy_reason *out)
{
    mrl_bytes plain = topic;
    const char *barred =
        action == MRL_ALLOW_PUBLISH ? publish_barred(topic) : subscribe_barred(who, topic, &plain);
    const struct compiled_rule *rule = barred == NULL ? find_rule(p, who, action, plain) : NULL;

    *out = (struct mrl_policy_reason){.text = barred != NULL ? barred : "no rule"};
    if (rule != NULL)
        *out = (struct mrl_policy_reason){true, rule->role, rule->filter, "allowed by rule"};
}
