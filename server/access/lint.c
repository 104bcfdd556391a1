/* SPDX-License-Identifier: Apache-2.0 */
#include "access/lint.h"

#include <stdarg.h>
#include <stdio.h>

#include "access/built_in.h"
#include "access/lint_internal.h"
#include "wire/mqtt_topic.h"

const char *mrl_lint_severity_name(enum mrl_lint_severity s)
{
    static const char *const names[] = {
        [MRL_LINT_NOTE] = "note", [MRL_LINT_WARNING] = "warning", [MRL_LINT_ERROR] = "error"};

    return (size_t)s < MRL_COUNT(names) ? names[s] : "unknown";
}

const char *mrl_lint_role_name(const struct mrl_lint_rule *r, char to[static MRL_NAME_MAX + 1])
{
    if (r->role == NULL)
        return "device-default";
    return mrl_bytes_to_cstr(r->role->name, to, MRL_NAME_MAX + 1) ? to : "?";
}

bool mrl_lint_count_one(struct mrl_lint_run *run)
{
    if (run->compared >= MRL_LINT_COMPARISONS_MAX)
        return false;
    run->compared++;
    return true;
}

void mrl_lint_say(const struct mrl_lint_run *run, const struct mrl_lint_about *about,
                  const char *format, ...)
{
    const struct mrl_lint_role *role = about->role;
    struct mrl_lint_finding f = {.id = about->id,
                                 .severity = about->severity,
                                 .rule = about->number,
                                 .suggestion = about->suggestion};
    char text[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args); /* filters have at most 256 bytes */
    va_end(args);
    f.text = text;
    if (role != NULL)
        f.role = role->name;
    if (role != NULL && about->number > 0)
        f.filter = role->rules[about->number - 1].filter;
    run->visit(run->context, &f);
}

/* --- the rules, cut into levels --- */

static struct mrl_filter cut(struct mrl_arena *arena, mrl_bytes filter)
{
    struct mrl_mqtt_levels it = mrl_mqtt_levels_of(filter);
    struct mrl_level levels[MRL_RULE_LEVELS_MAX], *kept;
    mrl_bytes text;
    size_t count = 0;

    while (count < MRL_COUNT(levels) && mrl_mqtt_level_next(&it, &text))
        (void)mrl_level_read(text, &levels[count++]); /* the rule was checked */
    kept = mrl_arena_alloc(arena, count * sizeof(*kept));
    for (size_t i = 0; i < count; i++)
        kept[i] = levels[i];
    return (struct mrl_filter){kept, count};
}

/* One device among the holders is enough to be a role of devices. */
static enum mrl_lint_audience audience_of(const struct mrl_lint_role *role)
{
    if (!role->holders_known)
        return MRL_LINT_UNKNOWN;
    if (role->holder_count == 0)
        return MRL_LINT_NOBODY;
    for (size_t i = 0; i < role->holder_count; i++)
        if (role->holders[i].kind != MRL_ROLE_TO_APPLICATION)
            return MRL_LINT_DEVICES;
    return MRL_LINT_APPLICATIONS;
}

static void add_rule(struct mrl_lint_run *run, const struct mrl_lint_role *role,
                     const struct mrl_rule *rule, size_t number)
{
    struct mrl_lint_rule r = {.role = role,
                              .number = number,
                              .rule = rule,
                              .filter = cut(&run->arena, rule->filter),
                              .audience = role != NULL ? audience_of(role) : MRL_LINT_DEVICES};

    run->rules[run->count++] = r;
}

static void take_rules(struct mrl_lint_run *run)
{
    const struct mrl_built_in_role *own = &mrl_built_in_roles[MRL_DEVICE_DEFAULT];
    size_t most = own->count;

    for (size_t i = 0; i < run->in->count; i++)
        most += run->in->roles[i].count;
    run->rules = mrl_arena_alloc(&run->arena, most * sizeof(*run->rules));
    add_rule(run, NULL, &own->rules[0], 1);
    for (size_t i = 0; i < run->in->count; i++) {
        const struct mrl_lint_role *role = &run->in->roles[i];

        for (size_t j = 0; j < role->count; j++)
            if (mrl_rule_check(&role->rules[j], NULL) == MRL_OK)
                add_rule(run, role, &role->rules[j], j + 1);
    }
}

/* --- a role by itself --- */

bool mrl_lint_anyone_has(const struct mrl_lint_run *run, const struct mrl_lint_role *role,
                         const struct mrl_level *variable)
{
    if (!role->holders_known || role->holder_count == 0)
        return true;
    for (size_t i = 0; i < role->holder_count; i++) {
        if (role->holders[i].kind == MRL_ROLE_TO_APPLICATION && variable->kind != MRL_LEVEL_ID)
            continue; /* an application has neither group nor attributes */
        if (run->in->has == NULL || run->in->has(run->in->context, &role->holders[i], variable))
            return true;
    }
    return false;
}

static void check_holders(const struct mrl_lint_run *run, const struct mrl_lint_role *role)
{
    if (role->holders_known && role->holder_count == 0)
        mrl_lint_say(run,
                     &(struct mrl_lint_about){"nobody-holds", MRL_LINT_NOTE, role, 0,
                                              "assign it, or delete it"},
                     "nobody holds this role");
    for (size_t i = 0; run->in->has != NULL && i < role->holder_count; i++) {
        const struct mrl_role_target *t = &role->holders[i];
        bool group = t->kind == MRL_ROLE_TO_GROUP;

        if (run->in->has(run->in->context, t, /*variable=*/NULL))
            continue;
        mrl_lint_say(run,
                     &(struct mrl_lint_about){group ? "empty-group" : "unknown-holder",
                                              MRL_LINT_WARNING, role, 0,
                                              "is the name spelled as it should be? Case counts"},
                     group ? "given to the %s %.*s, in which there is no device"
                           : "given to the %s %.*s, which there is not",
                     mrl_role_target_kind_name(t->kind), MRL_FMT(t->name));
    }
}

static void check_role(struct mrl_lint_run *run, const struct mrl_lint_role *role, size_t *next)
{
    check_holders(run, role);
    if (role->count == 0)
        mrl_lint_say(run,
                     &(struct mrl_lint_about){"no-rules", MRL_LINT_NOTE, role, 0,
                                              "give it rules, or delete it"},
                     "the role has no rules and gives nothing");
    for (size_t j = 0; j < role->count; j++) {
        struct mrl_lint_rule *rule = *next < run->count ? &run->rules[*next] : NULL;

        if (rule == NULL || rule->role != role || rule->number != j + 1) {
            mrl_lint_bad_rule(run, role, j + 1);
            continue;
        }
        mrl_lint_one(run, rule);
        mrl_lint_beside(run, (*next)++);
    }
}

void mrl_lint(const struct mrl_lint_input *in, mrl_lint_visit *visit, void *context)
{
    struct mrl_lint_run run = {.in = in, .visit = visit, .context = context};
    size_t next = 1; /* the first is that of device-default */

    take_rules(&run);
    for (size_t i = 0; i < in->count; i++)
        if (in->only.len == 0 || mrl_bytes_eq(in->roles[i].name, in->only))
            check_role(&run, &in->roles[i], &next);
        else
            while (next < run.count && run.rules[next].role == &in->roles[i])
                next++;
    if (run.compared >= MRL_LINT_COMPARISONS_MAX)
        mrl_lint_say(
            &run,
            &(struct mrl_lint_about){.id = "not-all-compared",
                                     .severity = MRL_LINT_NOTE,
                                     .suggestion = "look at the roles one by one with --role"},
            "there are too many rules to compare each with each");
    mrl_arena_done(&run.arena);
}
