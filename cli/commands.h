/* SPDX-License-Identifier: Apache-2.0 */
/* Every command there is. Layer: cli. */
#ifndef MRL_CLI_COMMANDS_H
#define MRL_CLI_COMMANDS_H

#include "cli/arguments.h"

/* The commands of one group, ended by one without noun. One file each. */
extern const struct mrl_cli_command mrl_cli_server_commands[]; /* status, metrics */
extern const struct mrl_cli_command mrl_cli_ca_commands[];
extern const struct mrl_cli_command
    mrl_cli_renew_commands[]; /* ca renew-now and what belongs to it */
extern const struct mrl_cli_command mrl_cli_device_commands[];
extern const struct mrl_cli_command mrl_cli_token_commands[];
extern const struct mrl_cli_command mrl_cli_maker_commands[];
extern const struct mrl_cli_command mrl_cli_approval_commands[];
extern const struct mrl_cli_command mrl_cli_claim_commands[];
extern const struct mrl_cli_command mrl_cli_psk_commands[];
extern const struct mrl_cli_command mrl_cli_cert_commands[];
extern const struct mrl_cli_command mrl_cli_hardware_commands[];
extern const struct mrl_cli_command mrl_cli_app_commands[];
extern const struct mrl_cli_command mrl_cli_operator_commands[];
extern const struct mrl_cli_command mrl_cli_role_commands[];
extern const struct mrl_cli_command mrl_cli_policy_commands[]; /* grant, policy */
extern const struct mrl_cli_command mrl_cli_quota_commands[];
extern const struct mrl_cli_command mrl_cli_audit_commands[];
extern const struct mrl_cli_command mrl_cli_export_commands[];
extern const struct mrl_cli_command mrl_cli_key_commands[];
extern const struct mrl_cli_command mrl_cli_keys_commands[];
extern const struct mrl_cli_command mrl_cli_backup_commands[];
extern const struct mrl_cli_command mrl_cli_watch_commands[];
extern const struct mrl_cli_command mrl_cli_help_commands[];

/* One after the other, group by group: start with NULL; NULL after the last. */
const struct mrl_cli_command *mrl_cli_command_next(const struct mrl_cli_command *after);
/* verb NULL: the command that is a noun alone. NULL: there is none. */
const struct mrl_cli_command *mrl_cli_command_find(const char *noun, const char *verb);
bool mrl_cli_noun_exists(const char *noun);

#endif
