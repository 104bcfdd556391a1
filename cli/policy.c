/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/roles.h"

static const struct mrl_cli_column explained[] = {
    {"Allowed", "allowed"},
    {"Why", "reason"},
    {"Role", "role"},
    {"Filter", "filter"},
    {"State", "state"},
    {"May connect", "may_connect"},
    {NULL},
};
static const struct mrl_cli_option grant_options[] = {
    {"device", "ID", "Who gets it: a device,"},
    {"group", "GROUP", "all devices of a group,"},
    {"app", "NAME", "or an application."},
    {"publish", "FILTER", "Topics to publish to; ${id} is the holder.", .many = true},
    {"subscribe", "FILTER", "Topics to subscribe to.", .many = true},
    {"rule", "RULE", MRL_ROLES_RULE_HELP, .many = true},
    {NULL},
};
static const struct mrl_cli_option explain_options[] = {
    {"device", "ID", "Whose policy: a device,"},
    {"app", "NAME", "or an application."},
    {"publish", "TOPIC", "May it publish to this topic?"},
    {"subscribe", "FILTER", "May it subscribe to this filter?"},
    {NULL},
};

static mrl_exit grant(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_buf) to = {0};
    MRL_AUTO(json_t) rules = NULL;

    MRL_EXIT_TRY(mrl_cli_principal(cli, given, /*group_allowed=*/true, &to));
    MRL_EXIT_TRY(mrl_roles_rules(cli, given, &rules));
    return mrl_roles_grant(cli, rules, mrl_buf_bytes(&to));
}

static mrl_exit explain(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    static const char *const actions[] = {"publish", "subscribe", NULL};
    const char *action = NULL, *topic = NULL;
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_SCOPED(mrl_buf) who = {0};

    MRL_EXIT_TRY(mrl_cli_principal(cli, given, /*group_allowed=*/false, &who));
    MRL_EXIT_TRY(mrl_cli_only_one(cli, given, actions, &action, &topic));
    mrl_cli_target(&target, "/v1/policy/explain");
    mrl_cli_target_query(&target, "principal", mrl_buf_bytes(&who));
    mrl_cli_target_query(&target, "action", mrl_str(action));
    mrl_cli_target_query(&target, "topic", mrl_str(topic));
    return mrl_cli_show(cli, mrl_buf_bytes(&target), explained);
}

const struct mrl_cli_command mrl_cli_policy_commands[] = {
    {"grant", NULL, NULL, grant_options,
     "Allows topics in one step: makes a role of these rules and assigns it.", grant},
    {"policy", "explain", NULL, explain_options,
     "Says whether a topic is allowed, and which rule decides.", explain},
    {NULL},
};
