/* SPDX-License-Identifier: Apache-2.0 */
/* Roles and who holds them. Layer: access.
 *
 * A role is a named set of rules; a binding gives it to one device, a group of devices, or an
 * application. Three roles are in the program and cannot be changed: device-default (every device),
 * device-quarantined (instead of everything else), operator-default. All others are in the store.
 *
 * Threads: functions marked [service] block on the store and run on service threads. Functions
 * marked [writer] run on the writer thread of the store only: it owns the roles in memory. */
#ifndef MRL_ACCESS_ROLES_H
#define MRL_ACCESS_ROLES_H

#include "access/actor.h"
#include "access/policy.h"
#include "access/target.h"
#include "store/store.h"

enum {
    MRL_ROLES_MAX = 1024,       /* in the store */
    MRL_ROLE_TEXT_MAX = 256,    /* bytes of a role's description, UTF-8 */
    MRL_SUBJECT_ROLES_MAX = 32, /* bindings of one device, group or application */
    MRL_ROLE_PAGE_MAX = 1000,
};

struct mrl_access;

/* For mrl_store_options; after those of the audit log. */
extern const struct mrl_migration_list mrl_access_migrations;

/* Loads all roles and bindings. Borrows store, which outlives it. Before the first write job that
 * concerns roles. MRL_ERR_CORRUPT: a stored rule does not pass mrl_rule_check. Gives *out. */
mrl_err mrl_access_open(struct mrl_store *store, struct mrl_access **out, struct mrl_why *why);
void mrl_access_free(struct mrl_access *a); /* after the store has stopped; NULL is fine */
MRL_AUTO_DEFINE(mrl_access);

/* [writer] after a change is committed: the policy of these subjects may be another now. Called
 * once per target concerned. */
typedef void mrl_access_changed(void *context, const struct mrl_role_target *target);
void mrl_access_on_change(struct mrl_access *a, mrl_access_changed *changed, void *context);

/* [writer], and before the first write job. The policy of a subject by its bindings and those of
 * its group; shared with all subjects that hold the same roles. Gives a reference. Never NULL. */
struct mrl_policy *mrl_access_policy(struct mrl_access *a, const struct mrl_subject *who,
                                     bool quarantined);

/* [service] Each is one write job with its audit entry, and returns after the policies of all
 * concerned are published. actor is who did it. MRL_ERR_INVALID: name, filter or text not
 * acceptable; MRL_ERR_LIMIT: more than the limits above; MRL_ERR_EXISTS, MRL_ERR_NOT_FOUND;
 * MRL_ERR_DENIED: the role is part of the program; or an error of the store. */
mrl_err mrl_role_create(struct mrl_access *a, const struct mrl_actor *actor, mrl_bytes name,
                        mrl_bytes text, const struct mrl_rule *rules, size_t count,
                        struct mrl_why *why);
mrl_err mrl_role_set_rules(struct mrl_access *a, const struct mrl_actor *actor, mrl_bytes name,
                           const struct mrl_rule *rules, size_t count, struct mrl_why *why);
/* MRL_ERR_STATE while the role is assigned to anybody. */
mrl_err mrl_role_delete(struct mrl_access *a, const struct mrl_actor *actor, mrl_bytes name,
                        struct mrl_why *why);
/* The target need not exist yet. MRL_ERR_EXISTS: has it already. */
mrl_err mrl_role_assign(struct mrl_access *a, const struct mrl_actor *actor, mrl_bytes role,
                        const struct mrl_role_target *to, struct mrl_why *why);
mrl_err mrl_role_unassign(struct mrl_access *a, const struct mrl_actor *actor, mrl_bytes role,
                          const struct mrl_role_target *from, struct mrl_why *why);

/* [service] Reading. The views live during the call of visit only. */
struct mrl_role_info {
    mrl_bytes name;
    mrl_bytes text;
    bool built_in;
    int64_t changed_ms;
    const struct mrl_rule *rules;
    size_t rule_count;
};
typedef void mrl_role_visit(void *context, const struct mrl_role_info *role);
typedef void mrl_role_binding_visit(void *context, mrl_bytes role,
                                    const struct mrl_role_target *target);
/* In order of names after `after` (empty: from the start), at most limit (1 to MRL_ROLE_PAGE_MAX,
 * else MRL_ERR_INVALID). */
mrl_err mrl_role_list(struct mrl_access *a, mrl_bytes after, size_t limit, mrl_role_visit *visit,
                      void *context);
mrl_err mrl_role_show(struct mrl_access *a, mrl_bytes name, mrl_role_visit *visit, void *context);
/* Who holds a role, and which roles a target holds; the roles everyone has are not listed. */
mrl_err mrl_role_holders(struct mrl_access *a, mrl_bytes role, mrl_role_binding_visit *visit,
                         void *context);
mrl_err mrl_role_of_target(struct mrl_access *a, const struct mrl_role_target *target,
                           mrl_role_binding_visit *visit, void *context);

#endif
