/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a role is given to. Layer: access. Thread: any. */
#ifndef MRL_ACCESS_TARGET_H
#define MRL_ACCESS_TARGET_H

#include "base/bytes.h"
#include "base/err.h"

/* Stored: a value never changes its meaning. */
enum mrl_role_target_kind {
    MRL_ROLE_TO_DEVICE = 1,
    MRL_ROLE_TO_APPLICATION = 2,
    MRL_ROLE_TO_GROUP = 3,
};
struct mrl_role_target {
    enum mrl_role_target_kind kind;
    mrl_bytes name;
};
/* "device:pump-7"; the form in the audit log and on the command line. */
mrl_err mrl_role_target_parse(mrl_bytes text, struct mrl_role_target *out, struct mrl_why *why);
/* MRL_ERR_INVALID with a sentence: no kind, or not a name. */
mrl_err mrl_role_target_check(const struct mrl_role_target *t, struct mrl_why *why);
const char *mrl_role_target_kind_name(enum mrl_role_target_kind k); /* never NULL */

#endif
