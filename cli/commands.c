/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <string.h>

static const struct mrl_cli_command *const groups[] = {
    mrl_cli_server_commands,   mrl_cli_ca_commands,       mrl_cli_renew_commands,
    mrl_cli_device_commands,   mrl_cli_token_commands,    mrl_cli_psk_commands,
    mrl_cli_cert_commands,     mrl_cli_claim_commands,    mrl_cli_maker_commands,
    mrl_cli_approval_commands, mrl_cli_hardware_commands, mrl_cli_app_commands,
    mrl_cli_operator_commands, mrl_cli_role_commands,     mrl_cli_policy_commands,
    mrl_cli_quota_commands,    mrl_cli_audit_commands,    mrl_cli_export_commands,
    mrl_cli_key_commands,      mrl_cli_keys_commands,     mrl_cli_backup_commands,   mrl_cli_watch_commands,
    mrl_cli_help_commands,
};

static const struct mrl_cli_command *first_of(size_t group)
{
    return group < MRL_COUNT(groups) ? groups[group] : NULL;
}

const struct mrl_cli_command *mrl_cli_command_next(const struct mrl_cli_command *after)
{
    if (after == NULL)
        return first_of(0);
    for (size_t g = 0; g < MRL_COUNT(groups); g++)
        for (size_t i = 0; groups[g][i].noun != NULL; i++)
            if (&groups[g][i] == after)
                return groups[g][i + 1].noun != NULL ? &groups[g][i + 1] : first_of(g + 1);
    return NULL;
}

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

const struct mrl_cli_command *mrl_cli_command_find(const char *noun, const char *verb)
{
    const struct mrl_cli_command *c = NULL;

    while ((c = mrl_cli_command_next(c)) != NULL)
        if (same(c->noun, noun) && same(c->verb, verb))
            return c;
    return NULL;
}

bool mrl_cli_noun_exists(const char *noun)
{
    const struct mrl_cli_command *c = NULL;

    while ((c = mrl_cli_command_next(c)) != NULL)
        if (same(c->noun, noun))
            return true;
    return false;
}
