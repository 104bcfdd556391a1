/* SPDX-License-Identifier: Apache-2.0 */
/* The server itself: status, metrics. */
#include "cli/commands.h"
#include "cli/request.h"

static const struct mrl_cli_column status_columns[] = {
    {"Version", "version"},
    {"Started", "started"},
    {"Devices expected", "devices.expected"},
    {"Devices active", "devices.active"},
    {"Devices quarantined", "devices.quarantined"},
    {"Devices suspended", "devices.suspended"},
    {"Devices retired", "devices.retired"},
    {"Connected", "connected"},
    {"Sessions", "sessions"},
    {"Applications", "applications"},
    {"Operators", "operators"},
    {"Certificates", "credentials"},
    {"Audit entries", "audit_entries"},
    {"Waiting writes", "store_backlog"},
    {"MQTT", "mqtt_address"},
    {"Enrolment", "enrolment_address"},
    {"Server name", "server_name"},
    {"Root SHA-256", "ca.roots_sha256"},
    {NULL},
};
static mrl_exit status(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    (void)given;
    return mrl_cli_show(cli, MRL_LIT("/v1/status"), status_columns);
}

static mrl_exit metrics(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};

    (void)given;
    MRL_EXIT_TRY(mrl_cli_get(cli, MRL_LIT("/metrics"), &answer));
    mrl_cli_print_text(cli, mrl_buf_bytes(&answer.raw.body));
    return MRL_EXIT_OK;
}

const struct mrl_cli_command mrl_cli_server_commands[] = {
    {"status", NULL, NULL, NULL, "Shows how the server is.", status},
    {"metrics", NULL, NULL, NULL, "Prints the metrics in the text format of Prometheus.", metrics},
    {NULL},
};
