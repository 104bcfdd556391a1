/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule shows beside the others. */
#include "access/lint_internal.h"

/* --- what other rules give already --- */

/* Does `more` give all that `less` gives, to whoever holds both? */
static bool makes_useless(const struct mrl_lint_rule *more, const struct mrl_lint_rule *less)
{
    return (less->rule->actions & ~more->rule->actions) == 0 &&
           (more->rule->withheld & ~less->rule->withheld) == 0 &&
           mrl_filter_covers(&more->filter, &less->filter);
}

/* Of two that say the same the later one is too many. */
static bool is_the_kept_one(const struct mrl_lint_rule *other, const struct mrl_lint_rule *r)
{
    return !makes_useless(r, other) || other->number < r->number;
}

static void say_useless(const struct mrl_lint_run *run, const struct mrl_lint_rule *r,
                        const struct mrl_lint_rule *by)
{
    bool same = mrl_filter_covers(&r->filter, &by->filter);

    MRL_LINT_SAY(run, r, same ? "duplicate-rule" : "subsumed-rule", MRL_LINT_WARNING,
                 "take the rule away", "rule %zu of this role, `%.*s`, gives all of it already",
                 by->number, MRL_FMT(by->rule->filter));
}

/* Rules of one role stand side by side. */
static void check_own_role(struct mrl_lint_run *run, size_t at)
{
    const struct mrl_lint_rule *r = &run->rules[at];
    size_t i = at;

    while (run->rules[i - 1].role == r->role) /* the first of all is of another */
        i--;
    for (; i < run->count && run->rules[i].role == r->role; i++) {
        const struct mrl_lint_rule *other = &run->rules[i];

        if (i == at)
            continue;
        if (!mrl_lint_count_one(run))
            return;
        if (makes_useless(other, r) && is_the_kept_one(other, r)) {
            say_useless(run, r, other);
            return;
        }
    }
}

static void check_given_to_all(const struct mrl_lint_run *run, const struct mrl_lint_rule *r)
{
    if (r->audience != MRL_LINT_APPLICATIONS && makes_useless(&run->rules[0], r))
        MRL_LINT_SAY(run, r, "already-given", MRL_LINT_NOTE, "take the rule away",
                     "every device may do this by the role device-default");
}

/* --- two rules that together are a broad channel --- */

static bool is_broad(const struct mrl_lint_rule *r)
{
    return !r->everything && !mrl_lint_has(&r->filter, MRL_LEVEL_ID) &&
           (mrl_lint_has(&r->filter, MRL_LEVEL_PLUS) || mrl_lint_has(&r->filter, MRL_LEVEL_HASH));
}

/* One rule that gives both by itself was told already. */
static bool one_speaks_one_hears(const struct mrl_lint_rule *a, const struct mrl_lint_rule *b)
{
    return mrl_lint_publishes(a) != mrl_lint_subscribes(a) &&
           mrl_lint_publishes(b) != mrl_lint_subscribes(b) &&
           mrl_lint_publishes(a) == mrl_lint_subscribes(b);
}

static bool is_given_to(const struct mrl_lint_role *role, const struct mrl_role_target *to)
{
    for (size_t i = 0; i < role->holder_count; i++)
        if (role->holders[i].kind == to->kind && mrl_bytes_eq(role->holders[i].name, to->name))
            return true;
    return false;
}

/* A group, or two that are named: one by itself hears nobody else. Of device-default nobody is
 * named. */
static bool several_hold_both(const struct mrl_lint_role *a, const struct mrl_lint_role *b)
{
    size_t both = 0;

    if (a == b)
        return true;
    for (size_t i = 0; b != NULL && both < 2 && i < b->holder_count; i++)
        if (is_given_to(a, &b->holders[i]))
            both += b->holders[i].kind == MRL_ROLE_TO_GROUP ? 2 : 1;
    return both >= 2;
}

static bool makes_a_channel(const struct mrl_lint_rule *r, const struct mrl_lint_rule *other)
{
    return is_broad(other) && one_speaks_one_hears(r, other) &&
           mrl_filters_overlap(&r->filter, &other->filter) &&
           several_hold_both(r->role, other->role);
}

/* The later one of two is told, unless only its role is looked at. */
static void check_channel(struct mrl_lint_run *run, size_t at)
{
    const struct mrl_lint_rule *r = &run->rules[at];
    size_t end = run->in->only.len > 0 ? run->count : at;
    char name[MRL_NAME_MAX + 1];

    for (size_t i = 0; is_broad(r) && i < end && mrl_lint_count_one(run); i++) {
        const struct mrl_lint_rule *other = &run->rules[i];

        if ((i > at && other->role == r->role) || !makes_a_channel(r, other))
            continue;
        MRL_LINT_SAY(
            run, r, "talks-to-itself", MRL_LINT_WARNING,
            "publish on topics with ${id}, subscribe where only an application publishes",
            "with rule %zu of %s, `%.*s`, every holder hears what every other publishes, and can "
            "publish in its name",
            other->number, other->role == r->role ? "this role" : mrl_lint_role_name(other, name),
            MRL_FMT(other->rule->filter));
        return;
    }
}

/* --- spelling --- */

/* The first level in which the two differ in case only, everything before being the same; else the
 * number of levels. */
static size_t differ_in_case(const struct mrl_filter *a, const struct mrl_filter *b)
{
    size_t count = a->count < b->count ? a->count : b->count;

    for (size_t i = 0; i < count; i++) {
        const struct mrl_level *x = &a->levels[i], *y = &b->levels[i];

        if (x->kind != MRL_LEVEL_LITERAL || y->kind != MRL_LEVEL_LITERAL) {
            if (x->kind != y->kind)
                return a->count;
            continue;
        }
        if (mrl_bytes_eq(x->text, y->text))
            continue;
        return mrl_bytes_eq_nocase(x->text, y->text) ? i : a->count;
    }
    return a->count;
}

static void check_case(struct mrl_lint_run *run, size_t rule)
{
    const struct mrl_lint_rule *r = &run->rules[rule];
    char name[MRL_NAME_MAX + 1];

    for (size_t i = 0; i < rule && mrl_lint_count_one(run); i++) {
        const struct mrl_lint_rule *other = &run->rules[i];
        size_t at = differ_in_case(&r->filter, &other->filter);

        if (at == r->filter.count)
            continue;
        MRL_LINT_SAY(
            run, r, "case-differs", MRL_LINT_WARNING, "spell it one way everywhere",
            "level %zu is `%.*s` here and `%.*s` in `%.*s` of %s: these are different topics",
            at + 1, MRL_FMT(r->filter.levels[at].text), MRL_FMT(other->filter.levels[at].text),
            MRL_FMT(other->rule->filter), mrl_lint_role_name(other, name));
        return;
    }
}

/* --- who is there to be heard --- */

static void check_publishers(struct mrl_lint_run *run, const struct mrl_lint_rule *r)
{
    if (!mrl_lint_subscribes(r))
        return;
    for (size_t i = 0; i < run->count; i++) {
        const struct mrl_lint_rule *other = &run->rules[i];

        if (!mrl_lint_publishes(other) || other->audience == MRL_LINT_NOBODY)
            continue;
        if (!mrl_lint_count_one(run) || mrl_filters_overlap(&r->filter, &other->filter))
            return;
    }
    MRL_LINT_SAY(run, r, "no-publisher", MRL_LINT_WARNING,
                 "is the filter spelled as the publishers do?",
                 "no rule lets anybody publish what this would receive");
}

void mrl_lint_beside(struct mrl_lint_run *run, size_t at)
{
    const struct mrl_lint_rule *rule = &run->rules[at];

    check_own_role(run, at);
    check_given_to_all(run, rule);
    mrl_lint_places(run, rule);
    check_channel(run, at);
    check_case(run, at);
    check_publishers(run, rule);
}
