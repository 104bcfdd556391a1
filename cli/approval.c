/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/request.h"

static const struct mrl_cli_column listed[] = {
    {"ID", "id"},         {"STATE", "state"},   {"DEVICE", "device"},
    {"BY", "introducer"}, {"DOOR", "door"},     {"CREATED", "created"},
    {"UNTIL", "expires"}, {"REASON", "reason"}, {NULL},
};
static const struct mrl_cli_option list_options[] = {
    {"state", "pending|approved|refused|used", "Only those."},
    {NULL},
};
static const struct mrl_cli_option decide_options[] = {
    {"reason", "TEXT", "Why; stands in the audit log."},
    {NULL},
};

static mrl_exit list(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    const char *state = mrl_cli_value(given, "state");
    MRL_SCOPED(mrl_buf) target = {0};

    if (mrl_buf_printf(&target, "/v1/approvals%s%s", state != NULL ? "?state=" : "",
                       state != NULL ? state : "") != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--state is too long");
    return mrl_cli_show_list(cli, mrl_buf_bytes(&target), listed, "approvals");
}

static mrl_exit decide(struct mrl_cli *cli, const struct mrl_cli_arguments *given, const char *what,
                       const char *said)
{
    static const char *const texts[] = {"reason", NULL};
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_AUTO(json_t) body = mrl_json_object();
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, "/v1/approvals", mrl_cli_operand(given, 0));
    if (mrl_buf_printf(&target, "/%s", what) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "the id is too long");
    MRL_EXIT_TRY(mrl_cli_body_from(cli, given, texts, body));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", mrl_buf_bytes(&target), body, &answer));
    mrl_cli_say(cli, "%s is %s.", mrl_cli_operand(given, 0), said);
    return MRL_EXIT_OK;
}

static mrl_exit approve(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    return decide(cli, given, "approve", "approved: the device gets in when it asks again");
}

static mrl_exit refuse(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    return decide(cli, given, "refuse", "refused");
}

const struct mrl_cli_command mrl_cli_approval_commands[] = {
    {"approval", "list", NULL, list_options, "Lists devices that wait for approval, or did.", list},
    {"approval", "approve", "ID", decide_options, "Lets a waiting device in.", approve},
    {"approval", "refuse", "ID", decide_options,
     "Refuses a waiting device, or takes back an approval that was not used yet.", refuse},
    {NULL},
};
