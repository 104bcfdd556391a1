/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/account.h"
#include "cli/commands.h"

#define OPERATORS "/v1/operators"

static const struct mrl_cli_column listed[] = {
    {"NAME", "id"},         {"STATE", "state"}, {"ROLES", "roles"},
    {"CHANGED", "changed"}, {"NOTE", "note"},   {NULL},
};
static const struct mrl_cli_option add_options[] = {
    {"role", "viewer|operator|security|auditor|admin", "What the operator may do.", .many = true,
     .required = true},
    {"note", "TEXT", "A note for people."},
    {"out", "DIR", "Where the files go; the current folder when not given."},
    {NULL},
};
static const struct mrl_cli_option role_options[] = {
    {"role", "viewer|operator|security|auditor|admin", "What the operator may do from now on.",
     .many = true, .required = true},
    {NULL},
};
static const struct mrl_cli_option renew_options[] = {
    {"out", "DIR", "Where the files are; the current folder when not given."},
    {NULL},
};
static const struct mrl_cli_option step_options[] = {
    {"reason", "TEXT", "Why, for the audit log."},
    {NULL},
};

static mrl_exit make(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_AUTO(json_t) body = mrl_json_object();

    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "id", mrl_cli_operand(given, 0)));
    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "note", mrl_cli_value(given, "note")));
    MRL_EXIT_TRY(mrl_cli_body_list(cli, given, "role", "roles", body));
    return mrl_cli_ask(cli, "POST", MRL_LIT(OPERATORS), body, &answer);
}

static mrl_exit add(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    return mrl_account_certify(cli, OPERATORS, given, make);
}

static mrl_exit renew(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    return mrl_account_certify(cli, OPERATORS, given, NULL);
}

static mrl_exit set_roles(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_AUTO(json_t) body = mrl_json_object();

    mrl_cli_target(&target, OPERATORS, mrl_cli_operand(given, 0), "roles", NULL);
    MRL_EXIT_TRY(mrl_cli_body_list(cli, given, "role", "roles", body));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "PUT", mrl_buf_bytes(&target), body, &answer));
    mrl_cli_show_answer(cli, &answer, mrl_account_columns);
    return MRL_EXIT_OK;
}

static mrl_exit list(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    (void)given;
    return mrl_cli_show_list(cli, MRL_LIT(OPERATORS), listed, "operators");
}

static mrl_exit show(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    return mrl_account_show(cli, OPERATORS, mrl_cli_operand(given, 0));
}

static mrl_exit step(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    return mrl_account_step(cli, OPERATORS, given);
}

const struct mrl_cli_command mrl_cli_operator_commands[] = {
    {"operator", "add", "NAME", add_options,
     "Makes an operator known, with a key made here and the certificate.", add},
    {"operator", "list", NULL, NULL, "Lists operators.", list},
    {"operator", "show", "NAME", NULL, "Shows an operator and the certificates.", show},
    {"operator", "roles", "NAME", role_options, "Replaces the roles of an operator.", set_roles},
    {"operator", "disable", "NAME", step_options, "Refuses an operator everywhere.", step},
    {"operator", "enable", "NAME", NULL, "Lets a disabled operator in again.", step},
    {"operator", "revoke", "NAME", step_options, "Revokes all certificates of an operator.", step},
    {"operator", "renew", "NAME", renew_options,
     "Makes a new key and certificate in place of the old files.", renew},
    {NULL},
};
