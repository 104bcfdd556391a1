/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/actions.h"

static const struct {
    const char *name;
    const char *meaning;
} actions[] = {
#define ACTION_ROW(id, name, meaning) [MRL_AUDIT_##id] = {name, meaning},
    MRL_AUDIT_ACTIONS(ACTION_ROW)
#undef ACTION_ROW
};

static bool is_known(enum mrl_audit_action action)
{
    return (unsigned)action < MRL_AUDIT_ACTION_COUNT_;
}

const char *mrl_audit_action_name(enum mrl_audit_action action)
{
    return is_known(action) ? actions[action].name : "unknown";
}

const char *mrl_audit_action_meaning(enum mrl_audit_action action)
{
    return is_known(action) ? actions[action].meaning : "";
}
