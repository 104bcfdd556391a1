/* SPDX-License-Identifier: Apache-2.0 */
#include "access/rule.h"

#include "access/level.h"
#include "base/writer.h"
#include "wire/mqtt_topic.h"

static mrl_err check_levels(mrl_bytes filter, struct mrl_why *why)
{
    struct mrl_mqtt_levels it = mrl_mqtt_levels_of(filter);
    size_t levels = 0, variables = 0;
    struct mrl_level level;
    mrl_bytes text;

    while (mrl_mqtt_level_next(&it, &text)) {
        if (++levels > MRL_RULE_LEVELS_MAX)
            return mrl_fail(why, MRL_ERR_INVALID, "filter has more than %d levels",
                            MRL_RULE_LEVELS_MAX);
        if (!mrl_level_read(text, &level))
            return mrl_fail(why, MRL_ERR_INVALID,
                            "level %zu: variables are ${id}, ${group} and ${attr.NAME}, and each "
                            "stands for a whole level",
                            levels);
        if (mrl_level_is_variable(&level) && ++variables > MRL_RULE_VARIABLES_MAX)
            return mrl_fail(why, MRL_ERR_INVALID, "filter has more than %d variables",
                            MRL_RULE_VARIABLES_MAX);
    }
    return MRL_OK;
}

/* The filter of somebody whose every name is "x". */
static mrl_bytes sample(mrl_bytes filter, uint8_t memory[static MRL_RULE_FILTER_MAX])
{
    struct mrl_writer w = mrl_writer_on(memory, MRL_RULE_FILTER_MAX);
    struct mrl_mqtt_levels it = mrl_mqtt_levels_of(filter);
    struct mrl_level level;
    mrl_bytes text;

    for (bool first = true; mrl_mqtt_level_next(&it, &text); first = false) {
        (void)mrl_level_read(text, &level); /* read once already */
        if (!first)
            mrl_put_u8(&w, '/');
        mrl_put_bytes(&w, mrl_level_is_variable(&level) ? MRL_LIT("x") : text);
    }
    return mrl_bytes_of(memory, w.len);
}

static mrl_err check_filled_in(mrl_bytes filter, struct mrl_why *why)
{
    uint8_t memory[MRL_RULE_FILTER_MAX]; /* no variable is shorter than what stands for it here */
    mrl_bytes filled = sample(filter, memory);

    if (!mrl_mqtt_filter_valid(filled))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "not a topic filter: + and # stand for whole levels, # is the last one, "
                        "the text is UTF-8");
    if (filled.data[0] == '$')
        return mrl_fail(why, MRL_ERR_INVALID, "topics that start with $ are for the server only");
    return MRL_OK;
}

static mrl_err check_rights(const struct mrl_rule *rule, struct mrl_why *why)
{
    const unsigned qos = MRL_RIGHT_QOS1 | MRL_RIGHT_QOS2,
                   retaining = MRL_RIGHT_RETAIN | MRL_RIGHT_CLEAR;

    if ((rule->withheld & ~(qos | retaining | MRL_RIGHT_SOFT_KEY)) != 0)
        return mrl_fail(why, MRL_ERR_INVALID, "a rule withholds a right that is not known");
    if ((rule->withheld & qos) == MRL_RIGHT_QOS1)
        return mrl_fail(why, MRL_ERR_INVALID, "a rule that gives QoS 2 gives QoS 1 as well");
    if ((rule->actions & MRL_ALLOW_PUBLISH) == 0 && (rule->withheld & retaining) != 0)
        return mrl_fail(why, MRL_ERR_INVALID, "retain and clear go with publish");
    return MRL_OK;
}

mrl_err mrl_rule_check(const struct mrl_rule *rule, struct mrl_why *why)
{
    const unsigned known = MRL_ALLOW_PUBLISH | MRL_ALLOW_SUBSCRIBE;

    if (rule->actions == 0 || (rule->actions & ~known) != 0)
        return mrl_fail(why, MRL_ERR_INVALID, "a rule allows publish, subscribe or both");
    MRL_TRY(check_rights(rule, why));
    if (rule->filter.len == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "the filter is empty");
    if (rule->filter.len > MRL_RULE_FILTER_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "filter is longer than %d bytes",
                        MRL_RULE_FILTER_MAX);
    MRL_TRY(check_levels(rule->filter, why));
    return check_filled_in(rule->filter, why);
}

/* --- as a line --- */

static const struct word {
    const char *text;
    uint8_t action, withheld;
} words[] = {
    {"publish", MRL_ALLOW_PUBLISH, 0},
    {"subscribe", MRL_ALLOW_SUBSCRIBE, 0},
    {"no-retain", 0, MRL_RIGHT_RETAIN},
    {"no-clear", 0, MRL_RIGHT_CLEAR},
    {"max-qos=0", 0, MRL_RIGHT_QOS1 | MRL_RIGHT_QOS2},
    {"max-qos=1", 0, MRL_RIGHT_QOS2},
    {"max-qos=2", 0, 0}, /* what a rule gives anyway */
    {"hardware-held", 0, MRL_RIGHT_SOFT_KEY},
};

static bool says(const struct mrl_rule *rule, const struct word *w)
{
    const uint8_t qos = MRL_RIGHT_QOS1 | MRL_RIGHT_QOS2;

    if (w->action != 0)
        return (rule->actions & w->action) != 0;
    if ((w->withheld & qos) != 0)
        return (rule->withheld & qos) == w->withheld;
    return (rule->withheld & w->withheld) != 0;
}

const char *mrl_rule_text(const struct mrl_rule *rule, char to[static MRL_RULE_TEXT_MAX])
{
    struct mrl_writer w = mrl_writer_on((uint8_t *)to, MRL_RULE_TEXT_MAX - 1);

    for (size_t i = 0; i < MRL_COUNT(words); i++)
        if (says(rule, &words[i]))
            mrl_put_text(&w, "%s%s", w.len > 0 ? "," : "", words[i].text);
    mrl_put_text(&w, " %.*s", MRL_FMT(rule->filter));
    to[w.len] = '\0';
    return to;
}

static mrl_err read_word(mrl_bytes text, struct mrl_rule *rule, struct mrl_why *why)
{
    for (size_t i = 0; i < MRL_COUNT(words); i++) {
        if (!mrl_bytes_eq(text, mrl_str(words[i].text)))
            continue;
        rule->actions |= words[i].action;
        rule->withheld |= words[i].withheld;
        return MRL_OK;
    }
    return mrl_fail(why, MRL_ERR_INVALID,
                    "a rule is words, a space and a filter; the words are publish, subscribe, "
                    "no-retain, no-clear, max-qos=N and hardware-held");
}

mrl_err mrl_rule_read(mrl_bytes text, struct mrl_rule *out, struct mrl_why *why)
{
    struct mrl_rule rule = {0};
    mrl_bytes left, word;
    bool more = true;

    (void)mrl_bytes_split(text, ' ', &left, &rule.filter); /* none: the filter is empty */
    while (more) {
        char separator = mrl_bytes_find(left, ',', 0) < mrl_bytes_find(left, '+', 0) ? ',' : '+';

        more = mrl_bytes_split(left, (uint8_t)separator, &word, &left);
        MRL_TRY(read_word(word, &rule, why));
    }
    MRL_TRY(mrl_rule_check(&rule, why));
    *out = rule;
    return MRL_OK;
}
