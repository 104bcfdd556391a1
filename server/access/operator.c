/* SPDX-License-Identifier: Apache-2.0 */
#include "access/operator.h"

#include <stdio.h>
#include <string.h>

enum {
    V = MRL_OPERATOR_VIEWER,
    O = MRL_OPERATOR_OPERATOR,
    S = MRL_OPERATOR_SECURITY,
    U = MRL_OPERATOR_AUDITOR,
    A = MRL_OPERATOR_ADMIN,
};

static const struct {
    const char *resource_verb;
    uint32_t roles;
} permissions[] = {
    [MRL_MAY_READ_DEVICES] = {"devices:read", V | O | S | A},
    [MRL_MAY_ADD_DEVICES] = {"devices:add", O | A},
    [MRL_MAY_CHANGE_DEVICES] = {"devices:change", O | A},
    [MRL_MAY_SUSPEND_DEVICES] = {"devices:suspend", O | S | A},
    [MRL_MAY_QUARANTINE_DEVICES] = {"devices:quarantine", O | S | A},
    [MRL_MAY_REVOKE_DEVICES] = {"devices:revoke", S | A},
    [MRL_MAY_RETIRE_DEVICES] = {"devices:retire", S | A},
    [MRL_MAY_RENEW_DEVICES] = {"devices:renew", O | S | A},
    [MRL_MAY_READ_TOKENS] = {"tokens:read", O | S | A},
    [MRL_MAY_CREATE_TOKENS] = {"tokens:create", O | A},
    [MRL_MAY_CANCEL_TOKENS] = {"tokens:cancel", O | S | A},
    [MRL_MAY_READ_MAKERS] = {"makers:read", O | S | A},
    [MRL_MAY_MANAGE_MAKERS] = {"makers:manage", A},
    [MRL_MAY_READ_APPROVALS] = {"approvals:read", O | S | A},
    [MRL_MAY_DECIDE_APPROVALS] = {"approvals:decide", S | A},
    [MRL_MAY_READ_CLAIMS] = {"claims:read", O | S | A},
    [MRL_MAY_MANAGE_CLAIMS] = {"claims:manage", A},
    [MRL_MAY_REVOKE_CLAIMS] = {"claims:revoke", O | S | A},
    [MRL_MAY_READ_CREDENTIALS] = {"credentials:read", V | O | S | A},
    [MRL_MAY_ISSUE_CREDENTIALS] = {"credentials:issue", A},
    [MRL_MAY_REVOKE_CREDENTIALS] = {"credentials:revoke", S | A},
    [MRL_MAY_READ_APPLICATIONS] = {"applications:read", V | O | S | A},
    [MRL_MAY_MANAGE_APPLICATIONS] = {"applications:manage", A},
    [MRL_MAY_READ_OPERATORS] = {"operators:read", S | A},
    [MRL_MAY_MANAGE_OPERATORS] = {"operators:manage", A},
    [MRL_MAY_READ_ROLES] = {"roles:read", O | S | A},
    [MRL_MAY_MANAGE_ROLES] = {"roles:manage", A},
    [MRL_MAY_ASSIGN_ROLES] = {"roles:assign", A},
    [MRL_MAY_READ_QUOTAS] = {"quotas:read", O | S | A},
    [MRL_MAY_MANAGE_QUOTAS] = {"quotas:manage", O | S | A},
    [MRL_MAY_READ_AUDIT] = {"audit:read", S | U | A},
    [MRL_MAY_ERASE_AUDIT] = {"audit:erase", A},
    [MRL_MAY_READ_SERVER] = {"server:read", V | O | S | A},
    [MRL_MAY_MANAGE_SERVER] = {"server:manage", A},
    [MRL_MAY_BACKUP] = {"server:backup", A},
    [MRL_MAY_READ_EVENTS] = {"events:read", V | O | S | A},
};
_Static_assert(MRL_COUNT(permissions) == MRL_PERMISSION_COUNT_, "a row for every permission");

/* In the order of the bits. */
static const char *const role_names[] = {"viewer", "operator", "security", "auditor", "admin"};
_Static_assert((1 << MRL_COUNT(role_names)) - 1 == MRL_OPERATOR_ROLES_ALL, "a name for every role");

bool mrl_access_operator_may(uint32_t roles, enum mrl_permission p)
{
    return (size_t)p < MRL_COUNT(permissions) && (permissions[p].roles & roles) != 0;
}

const char *mrl_permission_name(enum mrl_permission p)
{
    return (size_t)p < MRL_COUNT(permissions) ? permissions[p].resource_verb : "unknown";
}

const char *mrl_operator_role_name(enum mrl_operator_role r)
{
    for (size_t i = 0; i < MRL_COUNT(role_names); i++)
        if ((uint32_t)r == 1u << i)
            return role_names[i];
    return NULL;
}

bool mrl_operator_role_parse(mrl_bytes name, enum mrl_operator_role *out)
{
    for (size_t i = 0; i < MRL_COUNT(role_names); i++) {
        if (mrl_bytes_eq(name, mrl_str(role_names[i]))) {
            *out = (enum mrl_operator_role)(1u << i);
            return true;
        }
    }
    return false;
}

void mrl_operator_roles_format(uint32_t roles, char to[static MRL_OPERATOR_ROLES_TEXT])
{
    size_t len = 0;

    to[0] = '\0';
    for (size_t i = 0; i < MRL_COUNT(role_names); i++)
        if ((roles & 1u << i) != 0)
            len += (size_t)snprintf(&to[len], MRL_OPERATOR_ROLES_TEXT - len, "%s%s",
                                    len > 0 ? " " : "", role_names[i]);
}

static bool separator(uint8_t c)
{
    return c == ' ' || c == ',';
}

/* The next word of *rest, which moves on; empty at the end. */
static mrl_bytes next_word(mrl_bytes *rest)
{
    size_t start = 0, end;
    mrl_bytes word;

    while (start < rest->len && separator(rest->data[start]))
        start++;
    for (end = start; end < rest->len && !separator(rest->data[end]);)
        end++;
    word = mrl_bytes_sub(*rest, start, end - start);
    *rest = mrl_bytes_sub(*rest, end, rest->len);
    return word;
}

mrl_err mrl_operator_roles_parse(mrl_bytes text, uint32_t *out, struct mrl_why *why)
{
    uint32_t roles = 0;
    size_t words = 0;
    mrl_bytes word;

    while ((word = next_word(&text)).len > 0) {
        enum mrl_operator_role role;

        words++;
        if (!mrl_operator_role_parse(word, &role))
            return mrl_fail(why, MRL_ERR_INVALID,
                            "word %zu is no role: use viewer, operator, security, auditor or admin",
                            words);
        roles |= (uint32_t)role;
    }
    if (roles == 0)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "no role given: use viewer, operator, security, "
                        "auditor or admin");
    *out = roles;
    return MRL_OK;
}
