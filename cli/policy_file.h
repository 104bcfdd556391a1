/* SPDX-License-Identifier: Apache-2.0 */
/* Roles in a file, as `merlon role list -o json` and `merlon role show -o json` print them and the
 * API takes them. Layer: cli. */
#ifndef MRL_CLI_POLICY_FILE_H
#define MRL_CLI_POLICY_FILE_H

#include "access/lint.h"
#include "base/arena.h"

enum { MRL_POLICY_FILE_ROLES_MAX = 1024 };

struct mrl_policy_file {
    struct mrl_lint_role *roles; /* without those of the program; everything in the arena */
    size_t count;
};

/* One role, a list of roles, or {"roles": [...]} or {"items": [...]}. Rules need not be good: that
 * is for the lint to say. Holders are known of a role that has "assigned_to". MRL_ERR_MALFORMED,
 * MRL_ERR_INVALID or MRL_ERR_LIMIT with a sentence: not JSON, or not of this form. */
mrl_err mrl_policy_file_read(mrl_bytes text, struct mrl_arena *arena, struct mrl_policy_file *out,
                             struct mrl_why *why);

#endif
