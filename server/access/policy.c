/* SPDX-License-Identifier: Apache-2.0 */
#include "access/policy.h"

#include <stdlib.h>

#include "access/compiled.h"
#include "wire/mqtt_topic.h"

/* --- compiling --- */

static size_t count_levels(mrl_bytes filter)
{
    size_t count = 1;

    for (size_t at = mrl_bytes_find(filter, '/', 0); at < filter.len;
         at = mrl_bytes_find(filter, '/', at + 1))
        count++;
    return count;
}

static void compile_levels(struct mrl_policy *p, struct mrl_compiled_rule *rule)
{
    size_t count = count_levels(rule->filter), end = 0;
    struct mrl_level *levels = mrl_arena_alloc(&p->arena, count * sizeof(*levels));
    struct mrl_mqtt_levels it = mrl_mqtt_levels_of(rule->filter);
    mrl_bytes text;

    for (size_t i = 0; mrl_mqtt_level_next(&it, &text); i++) {
        (void)mrl_level_read(text, &levels[i]); /* checked before it was stored */
        if (levels[i].kind == MRL_LEVEL_LITERAL && rule->literal_count == i) {
            end += text.len + (i > 0);
            rule->literal_count++;
        }
    }
    rule->levels = levels;
    rule->level_count = (uint8_t)count; /* at most MRL_RULE_LEVELS_MAX */
    rule->literal = mrl_bytes_sub(rule->filter, 0, end);
}

static struct mrl_compiled_rule compile_rule(struct mrl_policy *p, mrl_bytes role,
                                             const struct mrl_rule *rule)
{
    struct mrl_compiled_rule compiled = {
        .filter = mrl_arena_copy(&p->arena, rule->filter),
        .role = role,
        .actions = rule->actions,
        .withheld = rule->withheld,
    };

    compile_levels(p, &compiled);
    return compiled;
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

static bool is(mrl_bytes level, char c)
{
    return level.len == 1 && level.data[0] == (uint8_t)c;
}

/* Does this level, not '#', take whatever the level `have` takes? A variable without a value takes
 * nothing, not even an empty level; and whatever it stands for, it never takes a wildcard. */
static bool level_takes(const struct mrl_level *want, const struct mrl_subject *who, mrl_bytes have)
{
    mrl_bytes value;

    if (is(have, '#'))
        return false; /* would also match what ends before, or goes on after, this level */
    if (want->kind == MRL_LEVEL_PLUS)
        return true;
    if (want->kind == MRL_LEVEL_LITERAL)
        return mrl_bytes_eq(want->text, have);
    value = mrl_level_value(want, who);
    return value.len > 0 && !is(have, '+') && mrl_bytes_eq(value, have);
}

/* A topic is a filter without wildcards, so that one walk answers both questions. */
static bool takes(const struct mrl_compiled_rule *rule, const struct mrl_subject *who,
                  mrl_bytes have)
{
    struct mrl_mqtt_levels it = mrl_mqtt_levels_of(have);
    size_t i = rule->literal_count;
    mrl_bytes level;

    if (i > 0) { /* the first levels are equal already, if they end here */
        size_t end = rule->literal.len;

        it.more = end < have.len;
        if (it.more && have.data[end] != '/')
            return false;
        it.rest = mrl_bytes_sub(have, end + 1, SIZE_MAX);
    }
    for (; i < rule->level_count; i++) {
        if (rule->levels[i].kind == MRL_LEVEL_HASH)
            return true; /* 4.7.1.2: the parent level too */
        if (!mrl_mqtt_level_next(&it, &level) || !level_takes(&rule->levels[i], who, level))
            return false;
    }
    return !it.more;
}

/* No topic is empty [MQTT-4.7.3-1], so "#" needs a level to match and "/#" one more than it has:
 * both say the same as with "+" before the "#". */
static mrl_bytes spelled_out(mrl_bytes filter)
{
    if (mrl_bytes_eq(filter, MRL_LIT("#")))
        return MRL_LIT("+/#");
    return mrl_bytes_eq(filter, MRL_LIT("/#")) ? MRL_LIT("/+/#") : filter;
}

bool mrl_rule_reaches(const struct mrl_compiled_rule *rule, const struct mrl_subject *who,
                      enum mrl_topic_action action, mrl_bytes topic)
{
    if (action == MRL_ALLOW_SUBSCRIBE) {
        topic = spelled_out(topic);
        if (topic.data[0] == '$' && mrl_level_is_wildcard(&rule->levels[0]))
            return false; /* [MQTT-4.7.2-1] */
    }
    return mrl_bytes_starts(topic, rule->literal) && takes(rule, who, topic);
}

const char *mrl_publish_barred(mrl_bytes topic)
{
    if (topic.len == 0 || mrl_bytes_find(topic, '+', 0) < topic.len ||
        mrl_bytes_find(topic, '#', 0) < topic.len)
        return "not a topic name";
    if (topic.data[0] == '$')
        return "publishing to $-topics is for the server";
    return NULL;
}

const char *mrl_subscribe_barred(const struct mrl_subject *who, mrl_bytes filter, mrl_bytes *plain)
{
    mrl_bytes share;

    if (!mrl_mqtt_filter_valid(filter))
        return "not a topic filter";
    (void)mrl_mqtt_share_split(filter, &share, plain); /* shared or not, the plain part decides */
    if (plain->data[0] == '$' && who->kind != MRL_PRINCIPAL_OPERATOR)
        return "$-topics are for operators";
    return NULL;
}

bool mrl_filter_is_own_channel(const struct mrl_subject *who, mrl_bytes filter)
{
    static const mrl_bytes channel = MRL_LIT_INIT("$merlon/devices/");
    mrl_bytes id, below;

    return who->kind == MRL_PRINCIPAL_DEVICE && mrl_bytes_starts(filter, channel) &&
           mrl_bytes_split(mrl_bytes_sub(filter, channel.len, filter.len), '/', &id, &below) &&
           mrl_bytes_eq(id, who->id) && below.len > 0 && mrl_mqtt_filter_valid(filter);
}

uint8_t mrl_subject_needs(const struct mrl_subject *who)
{
    return who->hardware_held ? 0 : MRL_RIGHT_SOFT_KEY;
}

bool mrl_policy_may_publish(const struct mrl_policy *p, const struct mrl_subject *who,
                            mrl_bytes topic, uint8_t needs)
{
    needs |= mrl_subject_needs(who);
    if (p == NULL || mrl_publish_barred(topic) != NULL)
        return false;
    for (size_t i = 0; i < p->count; i++) {
        const struct mrl_compiled_rule *rule = &p->rules[i];

        if ((rule->actions & MRL_ALLOW_PUBLISH) != 0 && (rule->withheld & needs) == 0 &&
            mrl_rule_reaches(rule, who, MRL_ALLOW_PUBLISH, topic))
            return true;
    }
    return false;
}

bool mrl_policy_may_subscribe(const struct mrl_policy *p, const struct mrl_subject *who,
                              mrl_bytes filter, uint8_t *qos)
{
    const uint8_t asked = *qos;
    bool allowed = false;
    mrl_bytes plain;
    uint8_t most = 0;

    if (p != NULL && mrl_filter_is_own_channel(who, filter))
        return true;
    if (p == NULL || mrl_subscribe_barred(who, filter, &plain) != NULL)
        return false;
    for (size_t i = 0; i < p->count && !(allowed && most >= asked); i++) {
        const struct mrl_compiled_rule *rule = &p->rules[i];

        if ((rule->actions & MRL_ALLOW_SUBSCRIBE) == 0 ||
            (rule->withheld & mrl_subject_needs(who)) != 0 ||
            !mrl_rule_reaches(rule, who, MRL_ALLOW_SUBSCRIBE, plain))
            continue;
        allowed = true;
        if (mrl_max_qos(rule->withheld) > most)
            most = mrl_max_qos(rule->withheld);
    }
    if (allowed && most < asked)
        *qos = most;
    return allowed;
}
