/* SPDX-License-Identifier: Apache-2.0 */
/* What one rule shows by itself. */
#include "access/lint_internal.h"
#include "wire/mqtt_topic.h"

/* --- rules that cannot be --- */

/* The first level with a wildcard beside something else, or with # before the end. */
static size_t misplaced_wildcard(mrl_bytes filter, mrl_bytes *level)
{
    struct mrl_mqtt_levels it = mrl_mqtt_levels_of(filter);
    size_t number = 1;

    for (; mrl_mqtt_level_next(&it, level); number++) {
        if (level->len > 1 && mrl_mqtt_has_wildcard(*level))
            return number;
        if (it.more && mrl_bytes_eq(*level, MRL_LIT("#")))
            return number;
    }
    return 0;
}

static size_t odd_variable(mrl_bytes filter, mrl_bytes *text)
{
    struct mrl_mqtt_levels it = mrl_mqtt_levels_of(filter);
    struct mrl_level level;
    size_t number = 1;

    for (; mrl_mqtt_level_next(&it, text); number++)
        if (!mrl_level_read(*text, &level))
            return number;
    return 0;
}

void mrl_lint_bad_rule(const struct mrl_lint_run *run, const struct mrl_lint_role *role,
                       size_t number)
{
    const struct mrl_rule *rule = &role->rules[number - 1];
    struct mrl_lint_about about = {"bad-rule", MRL_LINT_ERROR, role, number, ""};
    struct mrl_why why = {{0}};
    mrl_bytes level;
    size_t at;

    if ((at = misplaced_wildcard(rule->filter, &level)) > 0) {
        about.id = "wildcard-inside-level";
        about.suggestion = "write + or # as a level of its own, # as the last one";
        mrl_lint_say(run, &about, "level %zu is `%.*s`: a wildcard stands for whole levels only",
                     at, MRL_FMT(level));
    } else if ((at = odd_variable(rule->filter, &level)) > 0) {
        about.id = "unknown-variable";
        about.suggestion = "${id}, ${group} or ${attr.NAME}, as a level of its own";
        mrl_lint_say(run, &about, "level %zu is `%.*s`, which is no variable", at, MRL_FMT(level));
    } else if (rule->filter.len > 0 && rule->filter.data[0] == '$') {
        about.id = "server-topic";
        about.suggestion = "use a topic that does not start with $";
        mrl_lint_say(run, &about, "topics that start with $ are for the server");
    } else {
        (void)mrl_rule_check(rule, &why); /* only its sentence */
        mrl_lint_say(run, &about, "%s", why.text);
    }
}

/* --- levels that look like something else --- */

static bool is_one_of(mrl_bytes level, const char *const *words)
{
    for (; *words != NULL; words++)
        if (mrl_bytes_eq(level, mrl_str(*words)))
            return true;
    return false;
}

static bool is_enclosed(mrl_bytes level)
{
    static const char *const pairs[] = {"{}", "<>", "[]", "()"};

    for (size_t i = 0; level.len > 2 && i < MRL_COUNT(pairs); i++)
        if (level.data[0] == (uint8_t)pairs[i][0] &&
            level.data[level.len - 1] == (uint8_t)pairs[i][1])
            return true;
    return false;
}

static bool looks_like_variable(mrl_bytes level)
{
    static const char *const words[] = {"%i", "%c", "%u", ":id", "$id", "id()", NULL};

    return is_one_of(level, words) || is_enclosed(level) ||
           (mrl_bytes_starts(level, MRL_LIT("$(")) && mrl_bytes_ends(level, MRL_LIT(")")));
}

static void check_lookalikes(const struct mrl_lint_run *run, const struct mrl_lint_rule *r)
{
    static const char *const wildcards[] = {"*", "**", "%", ">", "\xef\xbc\x8b", "\xef\xbc\x83",
                                            NULL};

    for (size_t i = 0; i < r->filter.count; i++) {
        const struct mrl_level *l = &r->filter.levels[i];

        if (l->kind != MRL_LEVEL_LITERAL)
            continue;
        if (is_one_of(l->text, wildcards))
            MRL_LINT_SAY(run, r, "not-a-wildcard", MRL_LINT_WARNING,
                         "the wildcards of MQTT are + and #",
                         "level %zu is `%.*s`, an ordinary text that matches only itself", i + 1,
                         MRL_FMT(l->text));
        else if (looks_like_variable(l->text))
            MRL_LINT_SAY(run, r, "not-a-variable", MRL_LINT_WARNING,
                         "the variables are ${id}, ${group} and ${attr.NAME}",
                         "level %zu is `%.*s`, an ordinary text that matches only itself", i + 1,
                         MRL_FMT(l->text));
        else if (!mrl_bytes_eq(mrl_bytes_trim(l->text), l->text))
            MRL_LINT_SAY(run, r, "blank-at-edge", MRL_LINT_WARNING, "take the blanks away",
                         "level %zu begins or ends with a blank, which is part of the topic",
                         i + 1);
    }
}

static void check_slashes(const struct mrl_lint_run *run, const struct mrl_lint_rule *r)
{
    size_t last = r->filter.count - 1;

    for (size_t i = 0; i <= last; i++) {
        if (r->filter.levels[i].kind != MRL_LEVEL_LITERAL || r->filter.levels[i].text.len > 0)
            continue;
        if (i == 0)
            MRL_LINT_SAY(run, r, "leading-slash", MRL_LINT_WARNING, "take the slash away",
                         "the slash at the beginning makes an empty first level: `/a` is not `a`");
        else if (i == last)
            MRL_LINT_SAY(
                run, r, "trailing-slash", MRL_LINT_WARNING, "take the slash away, or end in /#",
                "the slash at the end makes an empty last level: `a/` is not `a`, nor what is "
                "below it");
        else
            MRL_LINT_SAY(run, r, "double-slash", MRL_LINT_WARNING, "take one slash away",
                         "the two slashes make an empty level %zu, which topics seldom have",
                         i + 1);
    }
}

/* --- breadth --- */

static bool is_everything(const struct mrl_filter *f)
{
    static const struct mrl_level hash = {MRL_LEVEL_HASH, MRL_LIT_INIT("#")};

    return mrl_filter_covers(f, &(struct mrl_filter){&hash, 1});
}

static enum mrl_lint_severity for_audience(const struct mrl_lint_rule *r)
{
    static const enum mrl_lint_severity severities[] = {
        [MRL_LINT_UNKNOWN] = MRL_LINT_WARNING,
        [MRL_LINT_NOBODY] = MRL_LINT_WARNING,
        [MRL_LINT_DEVICES] = MRL_LINT_ERROR,
        [MRL_LINT_APPLICATIONS] = MRL_LINT_WARNING,
    };
    return severities[r->audience];
}

static void check_breadth(const struct mrl_lint_run *run, struct mrl_lint_rule *r)
{
    bool wild =
        mrl_lint_has(&r->filter, MRL_LEVEL_PLUS) || mrl_lint_has(&r->filter, MRL_LEVEL_HASH);

    r->everything = is_everything(&r->filter);
    if (r->everything)
        MRL_LINT_SAY(run, r, "everything", for_audience(r), "name the topics that are needed",
                     "reaches every topic of every device%s",
                     r->audience != MRL_LINT_DEVICES ? ", should a device ever hold it" : "");
    if (mrl_level_is_wildcard(&r->filter.levels[0]))
        MRL_LINT_SAY(
            run, r, "no-dollar-topics", MRL_LINT_NOTE, "",
            "a wildcard at the beginning never matches topics that start with $, $SYS for one");
    if (wild && mrl_lint_publishes(r) && mrl_lint_subscribes(r) &&
        !mrl_lint_has(&r->filter, MRL_LEVEL_ID))
        MRL_LINT_SAY(
            run, r, "talks-to-itself", MRL_LINT_WARNING,
            "publish on topics with ${id}, subscribe where only an application publishes",
            "every holder hears what every other publishes here, and can publish in its name");
}

static void check_variables(const struct mrl_lint_run *run, const struct mrl_lint_rule *r)
{
    for (size_t i = 0; i < r->filter.count; i++) {
        const struct mrl_level *l = &r->filter.levels[i];
        bool attribute = l->kind == MRL_LEVEL_ATTRIBUTE;

        if (!mrl_level_is_variable(l) || mrl_lint_anyone_has(run, r->role, l))
            continue;
        MRL_LINT_SAY(
            run, r, "variable-without-value", MRL_LINT_WARNING,
            "give the holders a value, or write the rule without the variable",
            "level %zu is `%s%.*s%s`, for which no holder has a value: the rule gives nothing",
            i + 1, attribute ? "${attr." : "", MRL_FMT(l->text), attribute ? "}" : "");
    }
}

void mrl_lint_one(const struct mrl_lint_run *run, struct mrl_lint_rule *rule)
{
    check_breadth(run, rule);
    check_slashes(run, rule);
    check_lookalikes(run, rule);
    check_variables(run, rule);
}
