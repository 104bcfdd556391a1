/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/request.h"
#include "cli/target.h"

static const struct mrl_cli_column listed[] = {
    {"CERTIFICATE", "fingerprint"},
    {"MAKER", "maker"},
    {"MODEL", "model"},
    {"VERSION", "version"},
    {"EK", "ek"},
    {"PROVEN", "proven"},
    {NULL},
};
static const struct mrl_cli_option lift_options[] = {
    {"reason", "TEXT", "Why, for the audit log; needed."},
    {NULL},
};

static mrl_exit list(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, "/v1/devices", mrl_cli_operand(given, 0), "hardware");
    return mrl_cli_show_list(cli, mrl_buf_bytes(&target), listed, "hardware proofs");
}

static mrl_exit lift(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_AUTO(json_t) body = mrl_json_object();

    if (mrl_cli_value(given, "reason") == NULL)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "give --reason: it goes into the audit log");
    mrl_cli_target(&target, "/v1/devices", mrl_cli_operand(given, 0), "hardware", "lift");
    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "reason", mrl_cli_value(given, "reason")));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", mrl_buf_bytes(&target), body, &answer));
    mrl_cli_say(cli, "The TPM of %s may become that of another device.", mrl_cli_operand(given, 0));
    return MRL_EXIT_OK;
}

const struct mrl_cli_command mrl_cli_hardware_commands[] = {
    {"hardware", "list", "DEVICE", NULL,
     "Lists which certificates of a device are for a key that is proven to be in a TPM.", list},
    {"hardware", "lift", "DEVICE", lift_options,
     "Lets the TPM of a device become that of another one; what the device has it keeps.", lift},
    {NULL},
};
