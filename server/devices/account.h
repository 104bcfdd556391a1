/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts: applications (programs that consume or command) and operators (people). Layer: devices.
 * Thread: service threads; see registry.h. kind is APPLICATION or OPERATOR, else MRL_ERR_INVALID.
 * An account is never deleted, only disabled: the audit log names it for ever. */
#ifndef MRL_DEVICES_ACCOUNT_H
#define MRL_DEVICES_ACCOUNT_H

#include "access/operator.h"
#include "devices/device.h"

enum { MRL_ACCOUNTS_MAX = 10000 }; /* of each kind */

/* State active. operator_roles: for operators one or more roles, for applications 0 (theirs are
 * bindings, see access/roles.h). MRL_ERR_INVALID, MRL_ERR_EXISTS, MRL_ERR_LIMIT. */
mrl_err mrl_account_add(struct mrl_registry *r, const struct mrl_actor *actor,
                        enum mrl_principal_kind kind, mrl_bytes id, uint32_t operator_roles,
                        mrl_bytes note, struct mrl_why *why);
/* MRL_ERR_STATE: is so already. Disabling refuses it at every door; its certificates stay. */
mrl_err mrl_account_disable(struct mrl_registry *r, const struct mrl_actor *actor,
                            enum mrl_principal_kind kind, mrl_bytes id, mrl_bytes reason,
                            struct mrl_why *why);
mrl_err mrl_account_enable(struct mrl_registry *r, const struct mrl_actor *actor,
                           enum mrl_principal_kind kind, mrl_bytes id, struct mrl_why *why);
/* All active certificates of the account; what mrl_registry_also_on_revoke names is done too. */
mrl_err mrl_account_revoke(struct mrl_registry *r, const struct mrl_actor *actor,
                           enum mrl_principal_kind kind, mrl_bytes id, mrl_bytes reason,
                           struct mrl_why *why);
mrl_err mrl_operator_set_roles(struct mrl_registry *r, const struct mrl_actor *actor, mrl_bytes id,
                               uint32_t operator_roles, struct mrl_why *why);

struct mrl_account_info {
    enum mrl_principal_kind kind;
    mrl_bytes id;
    mrl_bytes note;
    mrl_bytes reason;
    enum mrl_account_state state;
    uint32_t operator_roles;
    int64_t created_ms, changed_ms;
    const struct mrl_credential_info *credentials; /* by show only; newest first */
    size_t credential_count;
};
typedef void mrl_account_visit(void *context, const struct mrl_account_info *account);
/* In order of ids after `after`, at most limit (1 to MRL_DEVICE_PAGE_MAX). */
mrl_err mrl_account_list(struct mrl_registry *r, enum mrl_principal_kind kind, mrl_bytes after,
                         size_t limit, mrl_account_visit *visit, void *context,
                         struct mrl_why *why);
mrl_err mrl_account_show(struct mrl_registry *r, enum mrl_principal_kind kind, mrl_bytes id,
                         mrl_account_visit *visit, void *context, struct mrl_why *why);

#endif
