/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <string.h>

#include "cli/policy_lint.h"
#include "cli/roles.h"

static const struct mrl_cli_column explained[] = {
    {"Allowed", "allowed"},
    {"Why", "reason"},
    {"Role", "role"},
    {"Filter", "filter"},
    {"Filled in", "filled"},
    {"Granted QoS", "qos"},
    {"Nearest role", "nearest.role"},
    {"Nearest filter", "nearest.filter"},
    {"Nearest filled in", "nearest.filled"},
    {"What differs", "difference"},
    {"State", "state"},
    {"May connect", "may_connect"},
    {"Note", "note"},
    {NULL},
};
static const struct mrl_cli_option test_options[] = {
    {"qos", "0|1|2", "With this QoS; else 0."},
    {"retain", NULL, "As a retained message."},
    {"clear", NULL, "Clearing the retained message: retain with an empty payload."},
    {"hardware-held", NULL, "As a session whose key is proven to be in a TPM."},
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

/* What an expected device may do when it has enrolled counts as allowed. */
static bool is_allowed(const json_t *answer)
{
    return json_is_true(json_object_get(answer, "allowed")) &&
           (json_is_true(json_object_get(answer, "may_connect")) ||
            mrl_bytes_eq(mrl_cli_text_of(answer, "state"), MRL_LIT("expected")));
}

static mrl_exit ask_policy(struct mrl_cli *cli, mrl_bytes target)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};

    MRL_EXIT_TRY(mrl_cli_get(cli, target, &answer));
    mrl_cli_show_answer(cli, &answer, explained);
    return is_allowed(answer.json) ? MRL_EXIT_OK : MRL_EXIT_UNVERIFIED;
}

/* The live policy answers, as it does at the door; the exit code is the answer. */
static mrl_exit test(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    const char *action = mrl_cli_operand(given, 1), *qos = mrl_cli_value(given, "qos");
    bool publish = strcmp(action, "publish") == 0, clear = mrl_cli_has(given, "clear");
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_SCOPED(mrl_buf) who = {0};

    if (!publish && strcmp(action, "subscribe") != 0)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "%s: not publish or subscribe", action);
    if (!publish && (clear || mrl_cli_has(given, "retain")))
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--retain and --clear go with publish");
    if (mrl_buf_printf(&who, "device:%s", mrl_cli_operand(given, 0)) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "the name is too long");
    mrl_cli_target(&target, "/v1/policy/explain");
    mrl_cli_target_query(&target, "principal", mrl_buf_bytes(&who));
    mrl_cli_target_query(&target, "action", mrl_str(action));
    mrl_cli_target_query(&target, "topic", mrl_str(mrl_cli_operand(given, 2)));
    mrl_cli_target_query(&target, "qos", mrl_str(qos));
    if (mrl_cli_has(given, "hardware-held"))
        mrl_cli_target_query(&target, "hardware_held", MRL_LIT("true"));
    if (clear || mrl_cli_has(given, "retain"))
        mrl_cli_target_query(&target, "retain", clear ? MRL_LIT("clear") : MRL_LIT("keep"));
    return ask_policy(cli, mrl_buf_bytes(&target));
}

const struct mrl_cli_command mrl_cli_policy_commands[] = {
    {"grant", NULL, NULL, grant_options,
     "Allows topics in one step: makes a role of these rules and assigns it.", grant},
    {"policy", "explain", NULL, explain_options,
     "Says whether a topic is allowed, and which rule decides.", explain},
    {"policy", "test", "ID ACTION TOPIC", test_options,
     "May the device publish or subscribe? Asks its live policy as the door does and names the "
     "deciding rule, or the nearest and what differs; exit code 0 only when it is allowed.",
     test},
    {"policy", "lint", NULL, mrl_policy_lint_options,
     "Names rights that are too broad, wildcards that do not mean what they seem, and rules that "
     "do "
     "nothing; exit code 5 when there is an error or a warning.",
     mrl_policy_lint},
    {NULL},
};
