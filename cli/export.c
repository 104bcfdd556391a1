/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/request.h"

static const struct mrl_cli_column listed[] = {
    {"NAME", "name"}, {"TYPE", "type"}, {"STATE", "state"},         {"SINCE", "since"},
    {"SENT", "sent"}, {"LAG", "lag"},   {"CONFIRMED", "confirmed"}, {"ALARM", "lagging"},
    {"WHY", "why"},   {NULL},
};

static mrl_exit list(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    (void)given;
    return mrl_cli_show_list(cli, MRL_LIT("/v1/exports"), listed, "exports");
}

const struct mrl_cli_command mrl_cli_export_commands[] = {
    {"export", "list", NULL, NULL, "Shows where entries of the audit log go, and how far each got.",
     list},
    {NULL},
};
