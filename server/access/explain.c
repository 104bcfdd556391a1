/* SPDX-License-Identifier: Apache-2.0 */
#include "access/explain.h"

#include "access/compiled.h"
#include "base/writer.h"
#include "wire/mqtt_topic.h"

enum { SHOWN = 40 }; /* bytes of a level that a sentence quotes */

/* How near a rule comes: levels that agree, or one of these above all counts of levels. */
enum { OTHER_ACTION = 1000, ONLY_RIGHTS };

struct asking {
    const struct mrl_subject *who;
    const struct mrl_policy_question *question;
    mrl_bytes plain; /* topic, or filter without $share/group/ */
    uint8_t needs;
};

/* --- the rule as this subject sees it --- */

static void fill_in(const struct mrl_compiled_rule *rule, const struct mrl_subject *who,
                    struct mrl_rule_seen *out)
{
    struct mrl_writer w = mrl_writer_on((uint8_t *)out->filled, sizeof(out->filled));
    struct mrl_mqtt_levels it = mrl_mqtt_levels_of(rule->filter);
    mrl_bytes text;

    out->role = rule->role;
    out->filter = rule->filter;
    for (size_t i = 0; mrl_mqtt_level_next(&it, &text); i++) {
        mrl_bytes value = mrl_level_value(&rule->levels[i], who);

        if (i > 0)
            mrl_put_u8(&w, '/');
        mrl_put_bytes(&w, value.len > 0 ? value : text);
    }
    out->filled_len = w.len;
}

/* --- what differs --- */

/* The beginning of a long text; whole characters. */
static mrl_bytes brief(mrl_bytes text)
{
    size_t len = SHOWN;

    if (text.len <= SHOWN)
        return text;
    while (len > 0 && (text.data[len] & 0xc0) == 0x80)
        len--;
    return mrl_bytes_sub(text, 0, len);
}

static void no_value(const struct mrl_level *want, size_t number, struct mrl_why *why)
{
    if (want->kind == MRL_LEVEL_ATTRIBUTE)
        mrl_why_set(why, "level %zu of the rule is `${attr.%.*s}`, and there is no attribute %.*s",
                    number, MRL_FMT(want->text), MRL_FMT(want->text));
    else
        mrl_why_set(why, "level %zu of the rule is `%.*s`, and there is no group", number,
                    MRL_FMT(want->text));
}

/* The level of the question that the rule does not take. */
static void other_level(const struct mrl_level *want, mrl_bytes have, size_t number,
                        const struct mrl_subject *who, struct mrl_why *why)
{
    mrl_bytes value = mrl_level_value(want, who);

    have = brief(have);
    if (mrl_level_is_variable(want) && value.len == 0)
        no_value(want, number, why);
    else if (want->kind == MRL_LEVEL_ATTRIBUTE)
        mrl_why_set(why, "level %zu is `%.*s`, the rule wants `${attr.%.*s}` = `%.*s`", number,
                    MRL_FMT(have), MRL_FMT(want->text), MRL_FMT(value));
    else if (mrl_level_is_variable(want))
        mrl_why_set(why, "level %zu is `%.*s`, the rule wants `%.*s` = `%.*s`", number,
                    MRL_FMT(have), MRL_FMT(want->text), MRL_FMT(value));
    else
        mrl_why_set(why, "level %zu is `%.*s`, the rule wants `%.*s`%s", number, MRL_FMT(have),
                    MRL_FMT(brief(want->text)),
                    mrl_bytes_eq_nocase(want->text, have) ? " (case counts)" : "");
}

static bool takes_level(const struct mrl_level *want, mrl_bytes have, const struct mrl_subject *who)
{
    bool wild = mrl_bytes_eq(have, MRL_LIT("+")) || mrl_bytes_eq(have, MRL_LIT("#"));
    mrl_bytes value = mrl_level_value(want, who);

    if (want->kind == MRL_LEVEL_PLUS)
        return !mrl_bytes_eq(have, MRL_LIT("#"));
    if (mrl_level_is_variable(want))
        return value.len > 0 && !wild && mrl_bytes_eq(value, have);
    return mrl_bytes_eq(want->text, have);
}

/* Levels that agree; why says what the next one does not. */
static size_t compare(const struct mrl_compiled_rule *rule, const struct asking *a,
                      struct mrl_why *why)
{
    struct mrl_mqtt_levels it = mrl_mqtt_levels_of(a->plain);
    mrl_bytes have;
    size_t i = 0;

    for (; i < rule->level_count; i++) {
        const struct mrl_level *want = &rule->levels[i];

        if (!mrl_mqtt_level_next(&it, &have)) {
            mrl_why_set(why, "it ends after level %zu, the rule goes on", i);
            return i;
        }
        if (!takes_level(want, have, a->who)) {
            other_level(want, have, i + 1, a->who, why);
            return i;
        }
    }
    mrl_why_set(why, "it goes on after level %zu, the rule ends there", i);
    return i;
}

static void withheld(const struct mrl_compiled_rule *rule, uint8_t needs, struct mrl_why *why)
{
    uint8_t missing = rule->withheld & needs;

    if ((missing & MRL_RIGHT_SOFT_KEY) != 0)
        mrl_why_set(why, "the rule is for keys that are proven to be in hardware");
    else if ((missing & MRL_RIGHT_RETAIN) != 0)
        mrl_why_set(why, "the rule does not allow retained messages");
    else if ((missing & MRL_RIGHT_CLEAR) != 0)
        mrl_why_set(why, "the rule does not allow clearing retained messages");
    else
        mrl_why_set(why, "the rule allows QoS %u at most", mrl_max_qos(rule->withheld));
}

static size_t nearness(const struct mrl_compiled_rule *rule, const struct asking *a,
                       struct mrl_why *why)
{
    bool publish = a->question->action == MRL_ALLOW_PUBLISH;
    bool reaches = mrl_rule_reaches(rule, a->who, a->question->action, a->plain);

    if (!reaches)
        return (rule->actions & a->question->action) != 0 ? 1 + compare(rule, a, why) : 0;
    if ((rule->actions & a->question->action) == 0) {
        mrl_why_set(why, "the rule allows to %s, not to %s", publish ? "subscribe" : "publish",
                    publish ? "publish" : "subscribe");
        return OTHER_ACTION;
    }
    withheld(rule, a->needs, why);
    return ONLY_RIGHTS;
}

static void find_nearest(const struct mrl_policy *p, const struct asking *a,
                         struct mrl_policy_reason *out)
{
    size_t most = 0;

    for (size_t i = 0; p != NULL && i < p->count; i++) {
        struct mrl_why why = {{0}};
        size_t near = nearness(&p->rules[i], a, &why);

        if (near <= most)
            continue;
        most = near;
        out->difference = why;
        fill_in(&p->rules[i], a->who, &out->nearest);
    }
}

/* --- which rule allows --- */

/* Of several rules that allow a subscription the one with the highest QoS, as the answer is. */
static const struct mrl_compiled_rule *find_allowing(const struct mrl_policy *p,
                                                     const struct asking *a)
{
    const struct mrl_compiled_rule *found = NULL;

    for (size_t i = 0; p != NULL && i < p->count; i++) {
        const struct mrl_compiled_rule *rule = &p->rules[i];

        if ((rule->actions & a->question->action) == 0 || (rule->withheld & a->needs) != 0 ||
            !mrl_rule_reaches(rule, a->who, a->question->action, a->plain))
            continue;
        if (found == NULL || mrl_max_qos(rule->withheld) > mrl_max_qos(found->withheld))
            found = rule;
        if (a->question->action == MRL_ALLOW_PUBLISH)
            return found;
    }
    return found;
}

static void answer(const struct mrl_policy *p, const struct asking *a,
                   struct mrl_policy_reason *out)
{
    const struct mrl_compiled_rule *rule = find_allowing(p, a);
    uint8_t most;

    if (rule == NULL) {
        out->text = "no rule";
        find_nearest(p, a, out);
        return;
    }
    most = mrl_max_qos(rule->withheld);
    out->allowed = true;
    out->text = "allowed by rule";
    out->qos = a->question->qos < most ? a->question->qos : most;
    fill_in(rule, a->who, &out->rule);
}

void mrl_policy_explain(const struct mrl_policy *p, const struct mrl_subject *who,
                        const struct mrl_policy_question *question, struct mrl_policy_reason *out)
{
    struct asking a = {.who = who,
                       .question = question,
                       .plain = question->topic,
                       .needs = mrl_subject_needs(who)};
    const char *barred;

    if (question->action == MRL_ALLOW_PUBLISH) {
        a.needs |= mrl_publish_needs(question->qos, question->retain, question->empty);
        barred = mrl_publish_barred(question->topic);
    } else {
        barred = mrl_subscribe_barred(who, question->topic, &a.plain);
    }
    *out = (struct mrl_policy_reason){.text = barred};
    if (question->action == MRL_ALLOW_SUBSCRIBE &&
        mrl_filter_is_own_channel(who, question->topic)) {
        *out = (struct mrl_policy_reason){true, question->qos, "the server's words to this device"};
        return;
    }
    if (barred == NULL)
        answer(p, &a, out);
}
