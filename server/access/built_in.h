/* SPDX-License-Identifier: Apache-2.0 */
/* The roles that are part of the program. Layer: access. Thread: any. */
#ifndef MRL_ACCESS_BUILT_IN_H
#define MRL_ACCESS_BUILT_IN_H

#include "access/rule.h"

enum mrl_built_in { MRL_DEVICE_DEFAULT, MRL_DEVICE_QUARANTINED_ROLE, MRL_OPERATOR_DEFAULT };
enum { MRL_BUILT_IN_COUNT = 3 };
struct mrl_built_in_role {
    const char *name, *text;
    struct mrl_rule rules[1];
    size_t count;
};
extern const struct mrl_built_in_role mrl_built_in_roles[MRL_BUILT_IN_COUNT];
/* NULL: not built in. */
const struct mrl_built_in_role *mrl_built_in_find(mrl_bytes name);

#endif
