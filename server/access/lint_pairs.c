/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule shows beside the others. */
#include "access/lint_internal.h"
#include "access/name.h"

#define SAY(run, r, id, severity, suggestion, ...)                                               \
    mrl_lint_say((run),                                                                          \
                 &(struct mrl_lint_about){(id), (severity), (r)->role, (r)->number, suggestion}, \
                 __VA_ARGS__)

static const char *role_name(const struct mrl_lint_rule *r, char to[static MRL_NAME_MAX + 1])
{
    if (r->role == NULL)
        return "device-default";
    return mrl_bytes_to_cstr(r->role->name, to, MRL_NAME_MAX + 1) ? to : "?";
}

/* false: enough was compared. */
static bool count_one(struct mrl_lint_run *run)
{
    if (run->compared >= MRL_LINT_COMPARISONS_MAX)
        return false;
    run->compared++;
    return true;
}

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

    SAY(run, r, same ? "duplicate-rule" : "subsumed-rule", MRL_LINT_WARNING, "take the rule away",
        "rule %zu of this role, `%.*s`, gives all of it already", by->number,
        MRL_FMT(by->rule->filter));
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
        if (!count_one(run))
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
        SAY(run, r, "already-given", MRL_LINT_NOTE, "take the rule away",
            "every device may do this by the role device-default");
}

/* --- the places of other devices --- */

enum { CROSSES = 1, SHARES = 2, NAMES = 4 };

static bool names_known_device(const struct mrl_lint_run *run, mrl_bytes name)
{
    const struct mrl_role_target device = {MRL_ROLE_TO_DEVICE, name};

    return run->in->has != NULL && run->in->has(run->in->context, &device, /*variable=*/NULL);
}

/* Less than an error where the rule keeps to the holder's own group, attribute or id. */
static enum mrl_lint_severity crossing(const struct mrl_lint_rule *r)
{
    static const enum mrl_lint_severity severities[] = {
        [MRL_LINT_UNKNOWN] = MRL_LINT_WARNING,
        [MRL_LINT_NOBODY] = MRL_LINT_NOTE,
        [MRL_LINT_DEVICES] = MRL_LINT_ERROR,
        [MRL_LINT_APPLICATIONS] = MRL_LINT_NOTE,
    };
    bool narrowed = mrl_lint_has(&r->filter, MRL_LEVEL_GROUP) ||
                    mrl_lint_has(&r->filter, MRL_LEVEL_ATTRIBUTE) ||
                    mrl_lint_has(&r->filter, MRL_LEVEL_ID);

    return narrowed && r->audience == MRL_LINT_DEVICES ? MRL_LINT_WARNING : severities[r->audience];
}

static void say_crosses(const struct mrl_lint_run *run, const struct mrl_lint_rule *r,
                        const struct mrl_lint_rule *owner, size_t place)
{
    char name[MRL_NAME_MAX + 1];

    SAY(run, r, "crosses-devices", crossing(r),
        "write ${id} there, or give the role to an application only",
        "reaches what belongs to single devices: level %zu is ${id} in `%.*s` of %s", place + 1,
        MRL_FMT(owner->rule->filter), role_name(owner, name));
}

static void say_shares(const struct mrl_lint_run *run, const struct mrl_lint_rule *r,
                       const struct mrl_lint_rule *owner, size_t place)
{
    const struct mrl_level *l = &r->filter.levels[place];
    bool attribute = l->kind == MRL_LEVEL_ATTRIBUTE;
    char name[MRL_NAME_MAX + 1];

    SAY(run, r, "shared-place", MRL_LINT_WARNING,
        "put a level of its own before it, so that the two never meet",
        "level %zu is %s%.*s%s, but ${id} in `%.*s` of %s: a value that equals the id of a device "
        "reaches that device's topics",
        place + 1, attribute ? "${attr." : "", MRL_FMT(l->text), attribute ? "}" : "",
        MRL_FMT(owner->rule->filter), role_name(owner, name));
}

static void say_names(const struct mrl_lint_run *run, const struct mrl_lint_rule *r,
                      const struct mrl_lint_rule *owner, size_t place)
{
    mrl_bytes text = r->filter.levels[place].text;
    bool known = names_known_device(run, text);
    char name[MRL_NAME_MAX + 1];

    SAY(run, r, "names-a-device", known ? MRL_LINT_WARNING : MRL_LINT_NOTE,
        "put words that are no ids where no rule has ${id}",
        known ? "level %zu is `%.*s`, a device, and ${id} in `%.*s` of %s: its topics are given to "
                "others"
              : "level %zu is `%.*s`, but ${id} in `%.*s` of %s: a device of that name would own "
                "these topics",
        place + 1, MRL_FMT(text), MRL_FMT(owner->rule->filter), role_name(owner, name));
}

static bool is_wild_at(const struct mrl_filter *f, size_t place)
{
    return mrl_lint_place(f, MRL_LEVEL_HASH) <= place ||
           (place < f->count && f->levels[place].kind == MRL_LEVEL_PLUS);
}

/* What the rule does at the level where `owner` has ${id}; said once of each sort. */
static unsigned check_place(const struct mrl_lint_run *run, const struct mrl_lint_rule *r,
                            const struct mrl_lint_rule *owner, unsigned said)
{
    size_t place = mrl_lint_place(&owner->filter, MRL_LEVEL_ID);
    const struct mrl_level *l = place < r->filter.count ? &r->filter.levels[place] : NULL;

    if (is_wild_at(&r->filter, place)) {
        if ((said & CROSSES) == 0)
            say_crosses(run, r, owner, place);
        return CROSSES;
    }
    if (l == NULL || r->audience == MRL_LINT_APPLICATIONS)
        return 0;
    if (l->kind == MRL_LEVEL_LITERAL) {
        if ((said & NAMES) == 0)
            say_names(run, r, owner, place);
        return NAMES;
    }
    if ((said & SHARES) == 0)
        say_shares(run, r, owner, place);
    return SHARES;
}

/* Whose ${id} comes first owns the topics: devices/+/inbox/${id} lies in the places of others. */
static bool keeps_to_its_own(const struct mrl_lint_rule *r, const struct mrl_lint_rule *owner)
{
    return mrl_lint_has(&r->filter, MRL_LEVEL_ID) &&
           mrl_lint_place(&r->filter, MRL_LEVEL_ID) <= mrl_lint_place(&owner->filter, MRL_LEVEL_ID);
}

static unsigned check_places(struct mrl_lint_run *run, const struct mrl_lint_rule *r)
{
    unsigned said = 0;

    for (size_t i = 0; i < run->count && said != (CROSSES | SHARES | NAMES); i++) {
        const struct mrl_lint_rule *owner = &run->rules[i];

        if (owner->audience == MRL_LINT_APPLICATIONS ||
            !mrl_lint_has(&owner->filter, MRL_LEVEL_ID) || keeps_to_its_own(r, owner))
            continue;
        if (!count_one(run))
            break;
        if (mrl_filters_overlap(&r->filter, &owner->filter))
            said |= check_place(run, r, owner, said);
    }
    return said;
}

static void check_groups(struct mrl_lint_run *run, const struct mrl_lint_rule *r)
{
    bool devices = r->audience == MRL_LINT_UNKNOWN || r->audience == MRL_LINT_DEVICES;
    char name[MRL_NAME_MAX + 1];

    if (mrl_lint_has(&r->filter, MRL_LEVEL_ID))
        return;
    for (size_t i = 0; i < run->count; i++) {
        const struct mrl_lint_rule *owner = &run->rules[i];
        size_t place = mrl_lint_place(&owner->filter, MRL_LEVEL_GROUP);

        if (owner->audience == MRL_LINT_APPLICATIONS || place == owner->filter.count ||
            !is_wild_at(&r->filter, place) || !count_one(run) ||
            !mrl_filters_overlap(&r->filter, &owner->filter))
            continue;
        SAY(run, r, "crosses-groups", devices ? MRL_LINT_WARNING : MRL_LINT_NOTE,
            "write ${group} there, or give the role to an application only",
            "reaches what belongs to single groups: level %zu is ${group} in `%.*s` of %s",
            place + 1, MRL_FMT(owner->rule->filter), role_name(owner, name));
        return;
    }
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

static void check_channel(struct mrl_lint_run *run, size_t at)
{
    const struct mrl_lint_rule *r = &run->rules[at];

    if (!is_broad(r))
        return;
    for (size_t i = at - 1; run->rules[i].role == r->role && count_one(run); i--) {
        const struct mrl_lint_rule *other = &run->rules[i];

        if (!is_broad(other) || !one_speaks_one_hears(r, other) ||
            !mrl_filters_overlap(&r->filter, &other->filter))
            continue;
        SAY(run, r, "talks-to-itself", MRL_LINT_WARNING,
            "publish on topics with ${id}, subscribe where only an application publishes",
            "with rule %zu, `%.*s`, every holder hears what every other publishes, and can publish "
            "in its name",
            other->number, MRL_FMT(other->rule->filter));
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

    for (size_t i = 0; i < rule && count_one(run); i++) {
        const struct mrl_lint_rule *other = &run->rules[i];
        size_t at = differ_in_case(&r->filter, &other->filter);

        if (at == r->filter.count)
            continue;
        SAY(run, r, "case-differs", MRL_LINT_WARNING, "spell it one way everywhere",
            "level %zu is `%.*s` here and `%.*s` in `%.*s` of %s: these are different topics",
            at + 1, MRL_FMT(r->filter.levels[at].text), MRL_FMT(other->filter.levels[at].text),
            MRL_FMT(other->rule->filter), role_name(other, name));
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
        if (!count_one(run) || mrl_filters_overlap(&r->filter, &other->filter))
            return;
    }
    SAY(run, r, "no-publisher", MRL_LINT_WARNING, "is the filter spelled as the publishers do?",
        "no rule lets anybody publish what this would receive");
}

void mrl_lint_beside(struct mrl_lint_run *run, size_t at)
{
    const struct mrl_lint_rule *rule = &run->rules[at];

    check_own_role(run, at);
    check_given_to_all(run, rule);
    if (!rule->everything && (check_places(run, rule) & CROSSES) == 0)
        check_groups(run, rule);
    check_channel(run, at);
    check_case(run, at);
    check_publishers(run, rule);
}
