/* SPDX-License-Identifier: Apache-2.0 */
/* What is wrong, or likely to be, with a set of roles: rights that are broader than they look,
 * wildcards that mean something else, rules that do nothing. Layer: access. Thread: any; needs no
 * store, so that a file can be looked at before it is applied.
 *
 * Every finding has an id that does not change; docs/operate/policy.md explains each. */
#ifndef MRL_ACCESS_LINT_H
#define MRL_ACCESS_LINT_H

#include "access/level.h"
#include "access/rule.h"
#include "access/target.h"

enum mrl_lint_severity {
    MRL_LINT_NOTE,    /* worth knowing */
    MRL_LINT_WARNING, /* most likely not what was meant */
    MRL_LINT_ERROR,   /* devices are not kept apart, or the rule cannot be */
    MRL_LINT_SEVERITIES_
};
const char *mrl_lint_severity_name(enum mrl_lint_severity s); /* "note"; never NULL */

struct mrl_lint_role {
    mrl_bytes name;
    const struct mrl_rule *rules; /* need not be valid */
    size_t count;
    bool holders_known;
    const struct mrl_role_target *holders; /* valid */
    size_t holder_count;
};

struct mrl_lint_input {
    const struct mrl_lint_role *roles; /* without those of the program, which are always known */
    size_t count;
    mrl_bytes only; /* findings of this role; empty: of all */
    /* Is there such a device or application, or a device in such a group (variable NULL)? Is there
     * one for which the variable has a value? NULL: nobody knows. */
    bool (*has)(void *context, const struct mrl_role_target *target,
                const struct mrl_level *variable);
    void *context;
};

/* Views and texts live during the call of visit only. */
struct mrl_lint_finding {
    const char *id; /* "crosses-devices" */
    enum mrl_lint_severity severity;
    mrl_bytes role;   /* empty: none */
    size_t rule;      /* from 1; 0: the role as a whole */
    mrl_bytes filter; /* of the rule */
    const char *text;
    const char *suggestion; /* empty: none */
};
typedef void mrl_lint_visit(void *context, const struct mrl_lint_finding *finding);

/* In order of roles and rules. */
void mrl_lint(const struct mrl_lint_input *in, mrl_lint_visit *visit, void *context);

#endif
