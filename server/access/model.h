/* SPDX-License-Identifier: Apache-2.0 */
/* Roles and bindings in memory, and the policies compiled from them. Layer: access, internal.
 * Thread: the writer thread (before the first write job: the one that opens). */
#ifndef MRL_ACCESS_MODEL_H
#define MRL_ACCESS_MODEL_H

#include "access/built_in.h"
#include "access/roles.h"
#include "base/arena.h"
#include "base/map.h"

/* A role; the struct stays where it is when its rules change. */
struct mrl_role {
    struct mrl_map_node node;
    struct mrl_name name;
    struct mrl_arena arena; /* owns the filters */
    struct mrl_rule *rules; /* in the arena */
    size_t count;
};
/* Copies name (valid) and rules (checked). Gives. */
struct mrl_role *mrl_role_new(mrl_bytes name, const struct mrl_rule *rules, size_t count);
void mrl_role_free(struct mrl_role *role); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_role);

struct mrl_model {
    struct mrl_map roles;    /* struct mrl_role, those of the store */
    struct mrl_map holders;  /* targets with at least one role */
    struct mrl_map policies; /* by their set of roles */
    size_t swept;            /* policies left by the last sweep */
    struct mrl_role *built_in[MRL_BUILT_IN_COUNT];
};
void mrl_model_init(struct mrl_model *m);
void mrl_model_done(struct mrl_model *m);

struct mrl_role *mrl_model_role(const struct mrl_model *m, mrl_bytes name); /* NULL: none */
/* Takes role: a new one, or new rules for the one of the same name. */
void mrl_model_put(struct mrl_model *m, struct mrl_role *role);
void mrl_model_remove(struct mrl_model *m, mrl_bytes name); /* nobody holds it */
/* No-ops when the role does not exist, or is (not) held already. */
void mrl_model_bind(struct mrl_model *m, mrl_bytes role, const struct mrl_role_target *target);
void mrl_model_unbind(struct mrl_model *m, mrl_bytes role, const struct mrl_role_target *target);
/* Calls visit for every target that holds the role; it must not change roles or bindings. */
void mrl_model_each_holder(const struct mrl_model *m, const struct mrl_role *role,
                           mrl_access_changed *visit, void *context);
/* Gives a reference. */
struct mrl_policy *mrl_model_policy(struct mrl_model *m, const struct mrl_subject *who,
                                    bool quarantined);

#endif
