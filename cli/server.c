/* SPDX-License-Identifier: Apache-2.0 */
/* The server itself: status, ca, metrics. */
#include "base/clock.h"
#include "base/hex.h"
#include "cli/commands.h"
#include "cli/request.h"
#include "crypto/cert.h"

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
static const struct mrl_cli_column certificate_columns[] = {
    {"Certificate", "what"}, {"Name", "name"},       {"SHA-256", "sha256"},
    {"From", "not_before"},  {"Until", "not_after"}, {NULL},
};
static const struct mrl_cli_option ca_options[] = {
    {"pem", NULL, "Print the root certificates in PEM, for a file."},
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

static mrl_err set_time(json_t *o, const char *name, int64_t seconds)
{
    char text[MRL_TIME_TEXT];

    mrl_time_format(seconds * 1000, text);
    return mrl_json_set_str(o, name, mrl_str(text));
}

static mrl_err describe(const struct mrl_cert_facts *facts, const char *what, json_t *o)
{
    char hex[2 * MRL_SHA256_SIZE + 1];

    mrl_hex(mrl_fingerprint_bytes(&facts->fingerprint), hex);
    MRL_TRY(mrl_json_set_str(o, "what", mrl_str(what)));
    MRL_TRY(mrl_json_set_str(o, "name", facts->cn));
    MRL_TRY(mrl_json_set_str(o, "sha256", mrl_str(hex)));
    MRL_TRY(set_time(o, "not_before", facts->not_before));
    return set_time(o, "not_after", facts->not_after);
}

static mrl_exit print_certificates(struct mrl_cli *cli, const json_t *ca, const char *member,
                                   const char *what)
{
    MRL_SCOPED(mrl_cert_list) list = {0};
    mrl_bytes pem = mrl_cli_text_of(ca, member);

    if (pem.len > 0 && mrl_cert_list_add_pem(&list, pem) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "the server sent no certificate as %s", member);
    for (size_t i = 0; i < list.count; i++) {
        MRL_AUTO(json_t) o = mrl_json_object();

        if (describe(mrl_cert_facts(list.certs[i]), what, o) != MRL_OK)
            return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "a certificate has an unreadable name");
        mrl_cli_print_record(cli, certificate_columns, o);
    }
    return MRL_EXIT_OK;
}

static mrl_exit ca_show(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};

    MRL_EXIT_TRY(mrl_cli_get(cli, MRL_LIT("/v1/ca"), &answer));
    if (mrl_cli_has(given, "pem")) {
        mrl_cli_print_text(cli, mrl_cli_text_of(answer.json, "root"));
        return MRL_EXIT_OK;
    }
    if (cli->json) {
        mrl_cli_show_answer(cli, &answer, NULL);
        return MRL_EXIT_OK;
    }
    MRL_EXIT_TRY(print_certificates(cli, answer.json, "root", "root"));
    mrl_cli_say(cli, "%s", "");
    return print_certificates(cli, answer.json, "issuing", "issuing");
}

const struct mrl_cli_command mrl_cli_server_commands[] = {
    {"status", NULL, NULL, NULL, "Shows how the server is.", status},
    {"ca", "show", NULL, ca_options, "Shows the certificates everyone has to trust.", ca_show},
    {"metrics", NULL, NULL, NULL, "Prints the metrics in the text format of Prometheus.", metrics},
    {NULL},
};
