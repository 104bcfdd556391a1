/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/account.h"
#include "cli/commands.h"

#define APPLICATIONS "/v1/applications"

static const struct mrl_cli_column listed[] = {
    {"NAME", "id"}, {"STATE", "state"}, {"CHANGED", "changed"}, {"NOTE", "note"}, {NULL},
};
static const struct mrl_cli_option add_options[] = {
    {"role", "ROLE", "A role it holds from the start.", .many = true},
    {"note", "TEXT", "A note for people."},
    {"out", "DIR", "Where the files go; the current folder when not given."},
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

static mrl_exit assign(struct mrl_cli *cli, const char *role, const json_t *body)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, "/v1/roles", role, "assignments", NULL);
    return mrl_cli_ask(cli, "POST", mrl_buf_bytes(&target), body, &answer);
}

static mrl_exit assign_all(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_buf) to = {0};
    MRL_AUTO(json_t) body = mrl_json_object();
    const char *role;
    size_t at = 0;

    if (mrl_buf_printf(&to, "application:%s", mrl_cli_operand(given, 0)) != MRL_OK ||
        mrl_json_set_str(body, "to", mrl_buf_bytes(&to)) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "%s: not a name", mrl_cli_operand(given, 0));
    while ((role = mrl_cli_next(given, "role", &at)) != NULL)
        MRL_EXIT_TRY(assign(cli, role, body));
    return MRL_EXIT_OK;
}

static mrl_exit make(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_AUTO(json_t) body = mrl_json_object();

    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "id", mrl_cli_operand(given, 0)));
    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "note", mrl_cli_value(given, "note")));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", MRL_LIT(APPLICATIONS), body, &answer));
    return assign_all(cli, given);
}

static mrl_exit add(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_EXIT_TRY(mrl_account_certify(cli, APPLICATIONS, given, make));
    mrl_account_print_hint(cli, given);
    return MRL_EXIT_OK;
}

static mrl_exit renew(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    return mrl_account_certify(cli, APPLICATIONS, given, NULL);
}

static mrl_exit list(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    (void)given;
    return mrl_cli_show_list(cli, MRL_LIT(APPLICATIONS), listed, "applications");
}

static mrl_exit show(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    return mrl_account_show(cli, APPLICATIONS, mrl_cli_operand(given, 0));
}

static mrl_exit step(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    return mrl_account_step(cli, APPLICATIONS, given);
}

const struct mrl_cli_command mrl_cli_app_commands[] = {
    {"app", "add", "NAME", add_options,
     "Makes an application known, with a key made here and its certificate.", add},
    {"app", "list", NULL, NULL, "Lists applications.", list},
    {"app", "show", "NAME", NULL, "Shows an application and its certificates.", show},
    {"app", "disable", "NAME", step_options, "Refuses an application at every door.", step},
    {"app", "enable", "NAME", NULL, "Lets a disabled application in again.", step},
    {"app", "revoke", "NAME", step_options, "Revokes all certificates of an application.", step},
    {"app", "renew", "NAME", renew_options,
     "Makes a new key and certificate in place of the old files.", renew},
    {NULL},
};
