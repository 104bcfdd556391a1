/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the lint share. Layer: access, internal. */
#ifndef MRL_ACCESS_LINT_INTERNAL_H
#define MRL_ACCESS_LINT_INTERNAL_H

#include "access/lint.h"
#include "access/name.h"
#include "access/reach.h"
#include "base/arena.h"

/* Comparisons of two rules in one run: some seconds at most, whatever the number of roles. */
enum { MRL_LINT_COMPARISONS_MAX = 4000000 };

/* Who holds a role, as far as anybody knows. */
enum mrl_lint_audience {
    MRL_LINT_UNKNOWN, /* perhaps devices */
    MRL_LINT_NOBODY,
    MRL_LINT_DEVICES, /* perhaps applications too */
    MRL_LINT_APPLICATIONS,
};

struct mrl_lint_rule {
    const struct mrl_lint_role *role; /* NULL: device-default */
    size_t number;                    /* from 1 */
    const struct mrl_rule *rule;
    struct mrl_filter filter;
    enum mrl_lint_audience audience;
    bool everything; /* reported as that: the narrower findings would only repeat it */
};

struct mrl_lint_run {
    const struct mrl_lint_input *in;
    mrl_lint_visit *visit;
    void *context;
    struct mrl_arena arena;
    struct mrl_lint_rule *rules; /* the valid ones, in order; the first is that of device-default */
    size_t count;
    size_t compared;
};

/* One finding; suggestion may be "". */
struct mrl_lint_about {
    const char *id;
    enum mrl_lint_severity severity;
    const struct mrl_lint_role *role;
    size_t number; /* of the rule; 0: none */
    const char *suggestion;
};
void mrl_lint_say(const struct mrl_lint_run *run, const struct mrl_lint_about *about,
                  const char *format, ...) MRL_PRINTF(3, 4);

#define MRL_LINT_SAY(run, r, id, severity, suggestion, ...)                                      \
    mrl_lint_say((run),                                                                          \
                 &(struct mrl_lint_about){(id), (severity), (r)->role, (r)->number, suggestion}, \
                 __VA_ARGS__)

/* Among the holders of the role is one for which the variable has a value; true when unknown. */
bool mrl_lint_anyone_has(const struct mrl_lint_run *run, const struct mrl_lint_role *role,
                         const struct mrl_level *variable);

/* lint_rule.c: a rule by itself. */
void mrl_lint_bad_rule(const struct mrl_lint_run *run, const struct mrl_lint_role *role,
                       size_t number);
void mrl_lint_one(const struct mrl_lint_run *run, struct mrl_lint_rule *rule);
/* lint_pairs.c: a rule beside all others. */
void mrl_lint_beside(struct mrl_lint_run *run, size_t at);
/* lint_places.c: what it reaches of other devices and groups. */
void mrl_lint_places(struct mrl_lint_run *run, const struct mrl_lint_rule *r);
/* One more comparison; false: enough was compared. */
bool mrl_lint_count_one(struct mrl_lint_run *run);
/* Writes to `to`, or gives the name of what has none. */
const char *mrl_lint_role_name(const struct mrl_lint_rule *r, char to[static MRL_NAME_MAX + 1]);

static inline bool mrl_lint_publishes(const struct mrl_lint_rule *r)
{
    return (r->rule->actions & MRL_ALLOW_PUBLISH) != 0;
}
static inline bool mrl_lint_subscribes(const struct mrl_lint_rule *r)
{
    return (r->rule->actions & MRL_ALLOW_SUBSCRIBE) != 0;
}
/* The place of the first level of this kind, or the number of levels. */
static inline size_t mrl_lint_place(const struct mrl_filter *f, enum mrl_level_kind kind)
{
    size_t i = 0;

    while (i < f->count && f->levels[i].kind != kind)
        i++;
    return i;
}
static inline bool mrl_lint_has(const struct mrl_filter *f, enum mrl_level_kind kind)
{
    return mrl_lint_place(f, kind) < f->count;
}

#endif
