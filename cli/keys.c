/* SPDX-License-Identifier: Apache-2.0 */
/* Data keys of the sealed columns. */
#include "cli/commands.h"
#include "cli/request.h"

static const struct mrl_cli_column listed[] = {
    {"DATA KEY", "number"},
    {"SEALS", "seals"},
    {"CREATED", "created"},
    {"WRAPPED", "wrapped"},
    {"BY SEALING KEY", "sealing_key"},
    {NULL},
};
static const struct mrl_cli_column rotation[] = {
    {"Rotation to", "data_key"}, {"Started", "started"}, {"Table", "table"},
    {"Column", "column"},        {"Rows", "rows"},       {"Sealed again", "sealed"},
    {"Do not open", "failed"},   {"First", "failure"},   {NULL},
};

static mrl_exit show(struct mrl_cli *cli, const struct mrl_cli_answer *answer)
{
    if (cli->json) {
        mrl_cli_show_answer(cli, answer, NULL);
        return MRL_EXIT_OK;
    }
    mrl_cli_print_table(cli, listed, mrl_cli_member(answer->json, "data_keys"), "data keys");
    if (!json_is_true(mrl_cli_member(answer->json, "rotation.running")))
        return MRL_EXIT_OK;
    mrl_cli_say(cli, "%s", "");
    mrl_cli_print_record(cli, rotation, mrl_cli_member(answer->json, "rotation"));
    return MRL_EXIT_OK;
}

static mrl_exit status(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};

    (void)given;
    MRL_EXIT_TRY(mrl_cli_get(cli, MRL_LIT("/v1/keys"), &answer));
    return show(cli, &answer);
}

/* The verb is the last segment of the route. */
static mrl_exit change(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, "/v1/keys", given->command->verb);
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", mrl_buf_bytes(&target), /*body=*/NULL, &answer));
    return show(cli, &answer);
}

const struct mrl_cli_command mrl_cli_keys_commands[] = {
    {"keys", "status", NULL, NULL,
     "Shows the data keys of the sealed columns, and how far a rotation is.", status},
    {"keys", "rotate", NULL, NULL,
     "Makes a new data key and seals everything again under it, in the background.", change},
    {"keys", "rewrap", NULL, NULL, "Wraps all data keys again under the newest sealing key.",
     change},
    {NULL},
};
