/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory of certificates. */
#include "cli/commands.h"
#include "cli/request.h"

static const struct mrl_cli_column listed[] = {
    {"WHOSE", "principal"},
    {"UNTIL", "not_after"},
    {"EXPIRED", "expired"},
    {"RENEWED", "renewed"},
    {"STATE", "state"},
    {"KIND", "kind"},
    {"FROM", "not_before"},
    {"SERIAL", "serial"},
    {"CREDENTIAL", "fingerprint"},
    {NULL},
};
static const struct mrl_cli_option list_options[] = {
    {"expires-within", "TIME", "Only those that end within this time (12h, 30d), or have ended."},
    {"kind", "device|application|operator", "Whose; of devices when not given."},
    {"state", "active|superseded|revoked", "Only those in this state; active when not given."},
    {"group", "GROUP", "Only those of devices of this group."},
    {NULL},
};

static mrl_exit list(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, "/v1/certificates");
    mrl_cli_target_query(&target, "expires_within",
                         mrl_str(mrl_cli_value(given, "expires-within")));
    mrl_cli_target_query(&target, "kind", mrl_str(mrl_cli_value(given, "kind")));
    mrl_cli_target_query(&target, "state", mrl_str(mrl_cli_value(given, "state")));
    mrl_cli_target_query(&target, "group", mrl_str(mrl_cli_value(given, "group")));
    return mrl_cli_show_list(cli, mrl_buf_bytes(&target), listed, "certificates");
}

const struct mrl_cli_command mrl_cli_cert_commands[] = {
    {"cert", "list", NULL, list_options,
     "Lists certificates and pre-shared keys, the first to end first.", list},
    {NULL},
};
