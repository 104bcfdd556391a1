/* SPDX-License-Identifier: Apache-2.0 */
#include "api/request.h"
#include "devices/state.h"
#include "issuing/generations.h"

/* clang-format off */
#define ACCOUNTS(path, kind, read, manage) \
    {"POST", path, manage, mrl_api_account_add, kind}, \
    {"GET", path, read, mrl_api_account_list, kind}, \
    {"GET", path "/{id}", read, mrl_api_account_show, kind}, \
    {"POST", path "/{id}/disable", manage, mrl_api_account_disable, kind}, \
    {"POST", path "/{id}/enable", manage, mrl_api_account_enable, kind}, \
    {"POST", path "/{id}/revoke", MRL_MAY_REVOKE_CREDENTIALS, mrl_api_account_revoke, kind}

/* Every route with what it takes. A certificate for an operator is as good as a role: it needs the
 * right to manage operators. */
const struct mrl_api_route mrl_api_routes[] = {
    {"GET", "/v1/status", MRL_MAY_READ_SERVER, mrl_api_status},
    {"GET", "/v1/ca", MRL_API_ANY_OPERATOR, mrl_api_ca},
    {"GET", "/v1/ca/generations", MRL_MAY_READ_SERVER, mrl_api_ca_list},
    {"POST", "/v1/ca/activate", MRL_MAY_MANAGE_SERVER, mrl_api_ca_step, MRL_CA_ACTIVE},
    {"POST", "/v1/ca/retire", MRL_MAY_MANAGE_SERVER, mrl_api_ca_step, MRL_CA_RETIRED},
    {"GET", "/v1/ca/rollover", MRL_MAY_READ_DEVICES, mrl_api_ca_rollover},
    {"POST", "/v1/ca/rollover", MRL_MAY_MANAGE_SERVER, mrl_api_ca_finish},
    {"POST", "/v1/ca/reload", MRL_MAY_MANAGE_SERVER, mrl_api_ca_reload},
    {"GET", "/metrics", MRL_API_SCRAPE, mrl_api_scrape},

    {"POST", "/v1/devices", MRL_MAY_ADD_DEVICES, mrl_api_device_add},
    {"POST", "/v1/devices:import", MRL_MAY_ADD_DEVICES, mrl_api_device_import},
    {"GET", "/v1/devices", MRL_MAY_READ_DEVICES, mrl_api_device_list},
    {"GET", "/v1/devices/{id}", MRL_MAY_READ_DEVICES, mrl_api_device_show},
    {"PATCH", "/v1/devices/{id}", MRL_MAY_CHANGE_DEVICES, mrl_api_device_edit},
    {"POST", "/v1/devices/{id}/suspend", MRL_MAY_SUSPEND_DEVICES, mrl_api_device_step, MRL_DEVICE_SUSPEND},
    {"POST", "/v1/devices/{id}/resume", MRL_MAY_SUSPEND_DEVICES, mrl_api_device_step, MRL_DEVICE_RESUME},
    {"POST", "/v1/devices/{id}/quarantine", MRL_MAY_QUARANTINE_DEVICES, mrl_api_device_step, MRL_DEVICE_QUARANTINE},
    {"POST", "/v1/devices/{id}/release", MRL_MAY_QUARANTINE_DEVICES, mrl_api_device_step, MRL_DEVICE_RELEASE},
    {"POST", "/v1/devices/{id}/revoke", MRL_MAY_REVOKE_DEVICES, mrl_api_device_step, MRL_DEVICE_REVOKE},
    {"POST", "/v1/devices/{id}/retire", MRL_MAY_RETIRE_DEVICES, mrl_api_device_step, MRL_DEVICE_RETIRE},
    {"POST", "/v1/devices/{id}/lift", MRL_MAY_RETIRE_DEVICES, mrl_api_device_step, MRL_DEVICE_LIFT},
    {"GET", "/v1/devices/{id}/hardware", MRL_MAY_READ_CREDENTIALS, mrl_api_hardware_list},
    {"POST", "/v1/devices/{id}/hardware/lift", MRL_MAY_RETIRE_DEVICES, mrl_api_hardware_lift},
    {"POST", "/v1/devices/{id}/psks", MRL_MAY_ISSUE_CREDENTIALS, mrl_api_psk_add},
    {"GET", "/v1/devices/{id}/psks", MRL_MAY_READ_CREDENTIALS, mrl_api_psk_list},
    {"POST", "/v1/devices/{id}/psks/{identity}/revoke", MRL_MAY_REVOKE_CREDENTIALS, mrl_api_psk_revoke},

    {"POST", "/v1/revocations", MRL_MAY_REVOKE_DEVICES, mrl_api_revoke_many},
    {"POST", "/v1/renewals", MRL_MAY_RENEW_DEVICES, mrl_api_renewal_begin},
    {"GET", "/v1/renewals", MRL_MAY_READ_DEVICES, mrl_api_renewal_list},
    {"GET", "/v1/renewals/{id}", MRL_MAY_READ_DEVICES, mrl_api_renewal_show},
    {"POST", "/v1/renewals/{id}/cancel", MRL_MAY_RENEW_DEVICES, mrl_api_renewal_cancel},
    {"POST", "/v1/renewals/{id}/resume", MRL_MAY_RENEW_DEVICES, mrl_api_renewal_resume},

    {"GET", "/v1/certificates", MRL_MAY_READ_CREDENTIALS, mrl_api_certificate_list},

    {"POST", "/v1/tokens", MRL_MAY_CREATE_TOKENS, mrl_api_token_create},
    {"GET", "/v1/tokens", MRL_MAY_READ_TOKENS, mrl_api_token_list},
    {"DELETE", "/v1/tokens/{id}", MRL_MAY_CANCEL_TOKENS, mrl_api_token_cancel},

    {"POST", "/v1/makers", MRL_MAY_MANAGE_MAKERS, mrl_api_maker_add},
    {"GET", "/v1/makers", MRL_MAY_READ_MAKERS, mrl_api_maker_list},
    {"GET", "/v1/makers/{name}", MRL_MAY_READ_MAKERS, mrl_api_maker_show},
    {"PUT", "/v1/makers/{name}/crl", MRL_MAY_MANAGE_MAKERS, mrl_api_maker_crl},
    {"DELETE", "/v1/makers/{name}", MRL_MAY_MANAGE_MAKERS, mrl_api_maker_remove},
    {"GET", "/v1/approvals", MRL_MAY_READ_APPROVALS, mrl_api_approval_list},
    {"POST", "/v1/approvals/{id}/approve", MRL_MAY_DECIDE_APPROVALS, mrl_api_approval_decide, true},
    {"POST", "/v1/approvals/{id}/refuse", MRL_MAY_DECIDE_APPROVALS, mrl_api_approval_decide, false},
    {"POST", "/v1/denied-keys", MRL_MAY_REVOKE_CREDENTIALS, mrl_api_key_deny},
    {"GET", "/v1/denied-keys", MRL_MAY_READ_CREDENTIALS, mrl_api_denied_key_list},
    {"POST", "/v1/denied-keys/{key}/allow", MRL_MAY_ISSUE_CREDENTIALS, mrl_api_key_allow},
    {"POST", "/v1/claims", MRL_MAY_MANAGE_CLAIMS, mrl_api_claim_create},
    {"GET", "/v1/claims", MRL_MAY_READ_CLAIMS, mrl_api_claim_list},
    {"GET", "/v1/claims/{name}", MRL_MAY_READ_CLAIMS, mrl_api_claim_show},
    {"POST", "/v1/claims/{name}/revoke", MRL_MAY_REVOKE_CLAIMS, mrl_api_claim_revoke},
    {"GET", "/v1/templates", MRL_MAY_READ_CLAIMS, mrl_api_template_list},
    {"GET", "/v1/templates/{name}", MRL_MAY_READ_CLAIMS, mrl_api_template_show},
    {"PUT", "/v1/templates/{name}", MRL_MAY_MANAGE_CLAIMS, mrl_api_template_set},
    {"DELETE", "/v1/templates/{name}", MRL_MAY_MANAGE_CLAIMS, mrl_api_template_delete},

    ACCOUNTS("/v1/applications", MRL_PRINCIPAL_APPLICATION, MRL_MAY_READ_APPLICATIONS, MRL_MAY_MANAGE_APPLICATIONS),
    {"POST", "/v1/applications/{id}/certificates", MRL_MAY_ISSUE_CREDENTIALS, mrl_api_account_certify, MRL_PRINCIPAL_APPLICATION},
    ACCOUNTS("/v1/operators", MRL_PRINCIPAL_OPERATOR, MRL_MAY_READ_OPERATORS, MRL_MAY_MANAGE_OPERATORS),
    {"POST", "/v1/operators/{id}/certificates", MRL_MAY_MANAGE_OPERATORS, mrl_api_account_certify, MRL_PRINCIPAL_OPERATOR},
    {"PUT", "/v1/operators/{id}/roles", MRL_MAY_MANAGE_OPERATORS, mrl_api_operator_roles, MRL_PRINCIPAL_OPERATOR},

    {"POST", "/v1/roles", MRL_MAY_MANAGE_ROLES, mrl_api_role_create},
    {"GET", "/v1/roles", MRL_MAY_READ_ROLES, mrl_api_role_list},
    {"GET", "/v1/roles/{name}", MRL_MAY_READ_ROLES, mrl_api_role_show},
    {"DELETE", "/v1/roles/{name}", MRL_MAY_MANAGE_ROLES, mrl_api_role_delete},
    {"PUT", "/v1/roles/{name}/rules", MRL_MAY_MANAGE_ROLES, mrl_api_role_rules},
    {"POST", "/v1/roles/{name}/assignments", MRL_MAY_ASSIGN_ROLES, mrl_api_role_assign},
    {"DELETE", "/v1/roles/{name}/assignments/{to}", MRL_MAY_ASSIGN_ROLES, mrl_api_role_unassign},
    {"GET", "/v1/policy/explain", MRL_MAY_READ_ROLES, mrl_api_explain},
    {"GET", "/v1/policy/lint", MRL_MAY_READ_ROLES, mrl_api_policy_lint},

    {"GET", "/v1/quotas", MRL_MAY_READ_QUOTAS, mrl_api_quota_list},
    {"GET", "/v1/quotas/{target}", MRL_MAY_READ_QUOTAS, mrl_api_quota_show},
    {"PATCH", "/v1/quotas/{target}", MRL_MAY_MANAGE_QUOTAS, mrl_api_quota_change},
    {"DELETE", "/v1/quotas/{target}", MRL_MAY_MANAGE_QUOTAS, mrl_api_quota_clear},
    {"GET", "/v1/blocks", MRL_MAY_READ_QUOTAS, mrl_api_block_list},
    {"DELETE", "/v1/blocks/{who}", MRL_MAY_MANAGE_QUOTAS, mrl_api_block_lift},

    {"GET", "/v1/audit", MRL_MAY_READ_AUDIT, mrl_api_audit_list},
    {"GET", "/v1/audit/entries/{seq}", MRL_MAY_READ_AUDIT, mrl_api_audit_entry},
    {"GET", "/v1/audit/export", MRL_MAY_READ_AUDIT, mrl_api_audit_export},
    {"GET", "/v1/audit/entries/{seq}/proof", MRL_MAY_READ_AUDIT, mrl_api_audit_proof},
    {"GET", "/v1/audit/key", MRL_MAY_READ_AUDIT, mrl_api_audit_key},
    {"GET", "/v1/audit/witnesses", MRL_MAY_READ_AUDIT, mrl_api_audit_witnesses},
    {"POST", "/v1/audit/verify", MRL_MAY_READ_AUDIT, mrl_api_audit_verify},
    {"POST", "/v1/audit/erase", MRL_MAY_ERASE_AUDIT, mrl_api_audit_erase},
    {"POST", "/v1/audit/prune", MRL_MAY_ERASE_AUDIT, mrl_api_audit_prune},
    {"GET", "/audit/{file*}", MRL_MAY_READ_AUDIT, mrl_api_audit_file},

    {"GET", "/v1/exports", MRL_MAY_READ_AUDIT, mrl_api_export_list},
    {"GET", "/v1/keys", MRL_MAY_READ_SERVER, mrl_api_keys_status},
    {"POST", "/v1/keys/rotate", MRL_MAY_MANAGE_SERVER, mrl_api_keys_rotate},
    {"POST", "/v1/keys/rewrap", MRL_MAY_MANAGE_SERVER, mrl_api_keys_rewrap},

    {"POST", "/v1/backups", MRL_MAY_BACKUP, mrl_api_backup_create},
    {"GET", "/v1/backups/{id}", MRL_MAY_BACKUP, mrl_api_backup_read},
    {"DELETE", "/v1/backups/{id}", MRL_MAY_BACKUP, mrl_api_backup_drop},

    {"GET", "/v1/events", MRL_MAY_READ_EVENTS, mrl_api_events, .on_worker = true},
};
/* clang-format on */
const size_t mrl_api_route_count = MRL_COUNT(mrl_api_routes);

static bool takes_the_rest(mrl_bytes variable)
{
    return variable.len > 2 && variable.data[0] == '{' && variable.data[variable.len - 2] == '*';
}

/* Segment by segment; a variable takes any that is not empty. */
static bool matches(const char *pattern, mrl_bytes path,
                    mrl_bytes variables[static MRL_API_VARIABLES_MAX])
{
    mrl_bytes left = mrl_str(pattern), want, have;
    size_t found = 0;
    bool more_want = true, more_have = true;

    while (more_want && more_have) {
        more_want = mrl_bytes_split(left, '/', &want, &left);
        if (takes_the_rest(want)) {
            variables[found] = path;
            return path.len > 0;
        }
        more_have = mrl_bytes_split(path, '/', &have, &path);
        if (want.len > 0 && want.data[0] == '{' && have.len > 0 && found < MRL_API_VARIABLES_MAX)
            variables[found++] = have;
        else if (!mrl_bytes_eq(want, have))
            return false;
    }
    return more_want == more_have;
}

enum mrl_api_match mrl_api_route_find(mrl_bytes method, mrl_bytes path,
                                      const struct mrl_api_route **out,
                                      mrl_bytes variables[static MRL_API_VARIABLES_MAX],
                                      struct mrl_buf *allow)
{
    bool known = false;

    for (size_t i = 0; i < mrl_api_route_count; i++) {
        const struct mrl_api_route *route = &mrl_api_routes[i];

        if (!matches(route->path, path, variables))
            continue;
        *out = route;
        if (mrl_bytes_eq(mrl_str(route->method), method))
            return MRL_API_MATCH;
        /* An unbounded buffer takes the few names there are. */
        (void)mrl_buf_printf(allow, "%s%s", known ? ", " : "", route->method);
        known = true;
    }
    return known ? MRL_API_NO_METHOD : MRL_API_NO_PATH;
}
