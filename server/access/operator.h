/* SPDX-License-Identifier: Apache-2.0 */
/* What operators (people) may do. Layer: access. Thread: any.
 * Every management action names its permission, a (resource, verb); there is no rule such as
 * "reading is safe": the audit log is for auditor, security and admin only. The whole truth is the
 * one table in operator.c. */
#ifndef MRL_ACCESS_OPERATOR_H
#define MRL_ACCESS_OPERATOR_H

#include "base/bytes.h"
#include "base/err.h"

/* A set of roles is the sum of these bits. Stored: a value never changes its meaning. */
enum mrl_operator_role {
    MRL_OPERATOR_VIEWER = 1 << 0,   /* looks at the fleet */
    MRL_OPERATOR_OPERATOR = 1 << 1, /* runs the fleet: adds, groups, suspends, quarantines */
    MRL_OPERATOR_SECURITY = 1 << 2, /* revokes and retires, reads the audit log */
    MRL_OPERATOR_AUDITOR = 1 << 3,  /* reads the audit log and nothing else */
    MRL_OPERATOR_ADMIN = 1 << 4,    /* everything, operators and roles included */
};
enum { MRL_OPERATOR_ROLES_ALL = (1 << 5) - 1 };

enum mrl_permission {
    MRL_MAY_READ_DEVICES,
    MRL_MAY_ADD_DEVICES,
    MRL_MAY_CHANGE_DEVICES, /* group, note */
    MRL_MAY_SUSPEND_DEVICES,
    MRL_MAY_QUARANTINE_DEVICES,
    MRL_MAY_REVOKE_DEVICES,
    MRL_MAY_RETIRE_DEVICES,
    MRL_MAY_RENEW_DEVICES, /* have them renew their certificates */
    MRL_MAY_READ_TOKENS,
    MRL_MAY_CREATE_TOKENS,
    MRL_MAY_CANCEL_TOKENS,
    MRL_MAY_READ_MAKERS,
    MRL_MAY_MANAGE_MAKERS, /* whose certificates introduce devices */
    MRL_MAY_READ_APPROVALS,
    MRL_MAY_DECIDE_APPROVALS, /* let waiting devices in: not who adds devices */
    MRL_MAY_READ_CLAIMS,      /* and provisioning templates, as the next */
    MRL_MAY_MANAGE_CLAIMS,
    MRL_MAY_REVOKE_CLAIMS,
    MRL_MAY_READ_CREDENTIALS,
    MRL_MAY_ISSUE_CREDENTIALS, /* certificates of applications and operators */
    MRL_MAY_REVOKE_CREDENTIALS,
    MRL_MAY_READ_APPLICATIONS,
    MRL_MAY_MANAGE_APPLICATIONS,
    MRL_MAY_READ_OPERATORS,
    MRL_MAY_MANAGE_OPERATORS,
    MRL_MAY_READ_ROLES,
    MRL_MAY_MANAGE_ROLES, /* create, delete, change rules */
    MRL_MAY_ASSIGN_ROLES,
    MRL_MAY_READ_QUOTAS,   /* what may be used up, and who is kept out for a while */
    MRL_MAY_MANAGE_QUOTAS, /* change that, let somebody in again */
    MRL_MAY_READ_AUDIT,
    MRL_MAY_ERASE_AUDIT,   /* personal fields, entries past their retention: never who only reads */
    MRL_MAY_READ_SERVER,   /* health, version, metrics, CA certificates */
    MRL_MAY_MANAGE_SERVER, /* reload, rotate keys */
    MRL_MAY_BACKUP,        /* make and fetch a copy of everything */
    MRL_MAY_READ_EVENTS,   /* the live event stream */
    MRL_PERMISSION_COUNT_
};

/* false as well for a permission out of range. roles may hold unknown bits: they give nothing. */
bool mrl_access_operator_may(uint32_t roles, enum mrl_permission p);
/* "devices:revoke", for denials in the audit log. Never NULL. */
const char *mrl_permission_name(enum mrl_permission p);

/* "viewer", ...; NULL for anything but one role bit. */
const char *mrl_operator_role_name(enum mrl_operator_role r);
/* One role by its name: false when there is none. */
bool mrl_operator_role_parse(mrl_bytes name, enum mrl_operator_role *out);
enum { MRL_OPERATOR_ROLES_TEXT = 64 };
/* "viewer operator", in the order of the bits; "" for none. */
void mrl_operator_roles_format(uint32_t roles, char to[static MRL_OPERATOR_ROLES_TEXT]);
/* Role names with blanks or commas between. MRL_ERR_INVALID: an unknown name, or none at all. */
mrl_err mrl_operator_roles_parse(mrl_bytes text, uint32_t *out, struct mrl_why *why);

#endif
