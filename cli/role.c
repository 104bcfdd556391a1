/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/roles.h"

#define ROLES "/v1/roles"

static mrl_err format_rules(const json_t *rules, struct mrl_buf *out)
{
    for (size_t i = 0; i < json_array_size(rules); i++) {
        if (i > 0)
            MRL_TRY(mrl_buf_append(out, MRL_LIT(", ")));
        MRL_TRY(mrl_roles_format_rule(json_array_get(rules, i), out));
    }
    return MRL_OK;
}

static const struct mrl_cli_column listed[] = {
    {"NAME", "name"},
    {"BUILT IN", "built_in"},
    {"RULES", "rules", format_rules},
    {NULL},
};
static const struct mrl_cli_column shown[] = {
    {"Name", "name"},
    {"Text", "text"},
    {"Built in", "built_in"},
    {"Changed", "changed"},
    {"Rules", "rules", format_rules},
    {"Assigned to", "assigned_to"},
    {NULL},
};
static const struct mrl_cli_option create_options[] = {
    {"publish", "FILTER", "Topics its holders may publish to; ${id} is the holder.", .many = true},
    {"subscribe", "FILTER", "Topics its holders may subscribe to.", .many = true},
    {"rule", "RULE", MRL_ROLES_RULE_HELP, .many = true},
    {"text", "TEXT", "What the role is for."},
    {NULL},
};
static const struct mrl_cli_option set_options[] = {
    {"publish", "FILTER", "Topics its holders may publish to; ${id} is the holder.", .many = true},
    {"subscribe", "FILTER", "Topics its holders may subscribe to.", .many = true},
    {"rule", "RULE", MRL_ROLES_RULE_HELP, .many = true},
    {NULL},
};
static const struct mrl_cli_option to_options[] = {
    {"device", "ID", "One device."},
    {"group", "GROUP", "All devices of a group."},
    {"app", "NAME", "An application."},
    {NULL},
};

static mrl_exit create(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_AUTO(json_t) body = mrl_json_object();
    MRL_AUTO(json_t) rules = NULL;

    MRL_EXIT_TRY(mrl_roles_rules(cli, given, &rules));
    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "name", mrl_cli_operand(given, 0)));
    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "text", mrl_cli_value(given, "text")));
    if (mrl_json_set(body, "rules", MRL_TAKE(rules)) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "the rules cannot be sent");
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", MRL_LIT(ROLES), body, &answer));
    mrl_cli_show_answer(cli, &answer, shown);
    return MRL_EXIT_OK;
}

static mrl_exit set_rules(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_AUTO(json_t) body = mrl_json_object();
    MRL_AUTO(json_t) rules = NULL;

    mrl_cli_target(&target, ROLES, mrl_cli_operand(given, 0), "rules");
    MRL_EXIT_TRY(mrl_roles_rules(cli, given, &rules));
    if (mrl_json_set(body, "rules", MRL_TAKE(rules)) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "the rules cannot be sent");
    MRL_EXIT_TRY(mrl_cli_ask(cli, "PUT", mrl_buf_bytes(&target), body, &answer));
    mrl_cli_show_answer(cli, &answer, shown);
    return MRL_EXIT_OK;
}

static mrl_exit list(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    (void)given;
    return mrl_cli_show_list(cli, MRL_LIT(ROLES), listed, "roles");
}

static mrl_exit show(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, ROLES, mrl_cli_operand(given, 0));
    return mrl_cli_show(cli, mrl_buf_bytes(&target), shown);
}

static mrl_exit delete_role(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, ROLES, mrl_cli_operand(given, 0));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "DELETE", mrl_buf_bytes(&target), NULL, &answer));
    mrl_cli_say(cli, "Role %s is deleted.", mrl_cli_operand(given, 0));
    return MRL_EXIT_OK;
}

static mrl_exit assign(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_SCOPED(mrl_buf) to = {0};
    MRL_AUTO(json_t) body = mrl_json_object();

    MRL_EXIT_TRY(mrl_cli_principal(cli, given, /*group_allowed=*/true, &to));
    if (mrl_json_set_str(body, "to", mrl_buf_bytes(&to)) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "not a name in UTF-8");
    mrl_cli_target(&target, ROLES, mrl_cli_operand(given, 0), "assignments");
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", mrl_buf_bytes(&target), body, &answer));
    mrl_cli_show_answer(cli, &answer, shown);
    return MRL_EXIT_OK;
}

static mrl_exit unassign(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_SCOPED(mrl_buf) from = {0};

    MRL_EXIT_TRY(mrl_cli_principal(cli, given, /*group_allowed=*/true, &from));
    if (mrl_buf_append(&from, MRL_LIT("\0")) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "the name is too long");
    mrl_cli_target(&target, ROLES, mrl_cli_operand(given, 0), "assignments",
                   (const char *)from.data);
    MRL_EXIT_TRY(mrl_cli_ask(cli, "DELETE", mrl_buf_bytes(&target), NULL, &answer));
    mrl_cli_say(cli, "%s no longer has the role %s.", (const char *)from.data,
                mrl_cli_operand(given, 0));
    return MRL_EXIT_OK;
}

const struct mrl_cli_command mrl_cli_role_commands[] = {
    {"role", "create", "NAME", create_options, "Makes a role: a named set of rules.", create},
    {"role", "list", NULL, NULL, "Lists roles with their rules.", list},
    {"role", "show", "NAME", NULL, "Shows a role and who holds it.", show},
    {"role", "set", "NAME", set_options, "Replaces the rules of a role.", set_rules},
    {"role", "delete", "NAME", NULL, "Deletes a role that nobody holds.", delete_role},
    {"role", "assign", "NAME", to_options, "Gives a role to a device, group or application.",
     assign},
    {"role", "unassign", "NAME", to_options, "Takes a role away again.", unassign},
    {NULL},
};
