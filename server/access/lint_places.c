/* SPDX-License-Identifier: Apache-2.0 */
/* The places that a rule reaches and others own. */
#include "access/lint_internal.h"

/* --- of other devices --- */

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

    MRL_LINT_SAY(run, r, "crosses-devices", crossing(r),
                 "write ${id} there, or give the role to an application only",
                 "reaches what belongs to single devices: level %zu is ${id} in `%.*s` of %s",
                 place + 1, MRL_FMT(owner->rule->filter), mrl_lint_role_name(owner, name));
}

static void say_shares(const struct mrl_lint_run *run, const struct mrl_lint_rule *r,
                       const struct mrl_lint_rule *owner, size_t place)
{
    const struct mrl_level *l = &r->filter.levels[place];
    bool attribute = l->kind == MRL_LEVEL_ATTRIBUTE;
    char name[MRL_NAME_MAX + 1];

    MRL_LINT_SAY(
        run, r, "shared-place", MRL_LINT_WARNING,
        "put a level of its own before it, so that the two never meet",
        "level %zu is %s%.*s%s, but ${id} in `%.*s` of %s: a value that equals the id of a device "
        "reaches that device's topics",
        place + 1, attribute ? "${attr." : "", MRL_FMT(l->text), attribute ? "}" : "",
        MRL_FMT(owner->rule->filter), mrl_lint_role_name(owner, name));
}

static void say_names(const struct mrl_lint_run *run, const struct mrl_lint_rule *r,
                      const struct mrl_lint_rule *owner, size_t place)
{
    mrl_bytes text = r->filter.levels[place].text;
    bool known = names_known_device(run, text);
    char name[MRL_NAME_MAX + 1];

    MRL_LINT_SAY(
        run, r, "names-a-device", known ? MRL_LINT_WARNING : MRL_LINT_NOTE,
        "put words that are no ids where no rule has ${id}",
        known ? "level %zu is `%.*s`, a device, and ${id} in `%.*s` of %s: its topics are given to "
                "others"
              : "level %zu is `%.*s`, but ${id} in `%.*s` of %s: a device of that name would own "
                "these topics",
        place + 1, MRL_FMT(text), MRL_FMT(owner->rule->filter), mrl_lint_role_name(owner, name));
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
        if (!mrl_lint_count_one(run))
            break;
        if (mrl_filters_overlap(&r->filter, &owner->filter))
            said |= check_place(run, r, owner, said);
    }
    return said;
}

/* --- of other groups --- */

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
            !is_wild_at(&r->filter, place) || !mrl_lint_count_one(run) ||
            !mrl_filters_overlap(&r->filter, &owner->filter))
            continue;
        MRL_LINT_SAY(run, r, "crosses-groups", devices ? MRL_LINT_WARNING : MRL_LINT_NOTE,
                     "write ${group} there, or give the role to an application only",
                     "reaches what belongs to single groups: level %zu is ${group} in `%.*s` of %s",
                     place + 1, MRL_FMT(owner->rule->filter), mrl_lint_role_name(owner, name));
        return;
    }
}

void mrl_lint_places(struct mrl_lint_run *run, const struct mrl_lint_rule *r)
{
    if (!r->everything && (check_places(run, r) & CROSSES) == 0)
        check_groups(run, r);
}
