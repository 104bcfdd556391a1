/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/account.h"

#include <stdio.h>

#include "cli/identity.h"
#include "cli/reach.h"

const struct mrl_cli_column mrl_account_columns[] = {
    {"Name", "id"},       {"State", "state"},     {"Roles", "roles"},     {"Note", "note"},
    {"Reason", "reason"}, {"Created", "created"}, {"Changed", "changed"}, {NULL},
};
static const struct mrl_cli_column credentials[] = {
    {"CERTIFICATE", "fingerprint"}, {"STATE", "state"},   {"FROM", "not_before"},
    {"UNTIL", "not_after"},         {"REASON", "reason"}, {NULL},
};

mrl_exit mrl_account_show(struct mrl_cli *cli, const char *base, const char *name)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, base, name, NULL);
    MRL_EXIT_TRY(mrl_cli_get(cli, mrl_buf_bytes(&target), &answer));
    mrl_cli_show_answer(cli, &answer, mrl_account_columns);
    if (cli->json)
        return MRL_EXIT_OK;
    mrl_cli_say(cli, "%s", "");
    mrl_cli_print_table(cli, credentials, mrl_cli_member(answer.json, "credentials"),
                        "certificates");
    return MRL_EXIT_OK;
}

mrl_exit mrl_account_step(struct mrl_cli *cli, const char *base,
                          const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_AUTO(json_t) body = mrl_json_object();

    mrl_cli_target(&target, base, mrl_cli_operand(given, 0), given->command->verb, NULL);
    if (given->command->options != NULL)
        MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "reason", mrl_cli_value(given, "reason")));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", mrl_buf_bytes(&target), body, &answer));
    mrl_cli_show_answer(cli, &answer, mrl_account_columns);
    return MRL_EXIT_OK;
}

static mrl_exit fetch_root(struct mrl_cli *cli, const struct mrl_identity *identity)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};

    MRL_EXIT_TRY(mrl_cli_get(cli, MRL_LIT("/v1/ca"), &answer));
    return mrl_identity_write_root(cli, identity, mrl_cli_text_of(answer.json, "root"));
}

static const char *folder_of(const struct mrl_cli_arguments *given)
{
    const char *out = mrl_cli_value(given, "out");

    return out != NULL ? out : ".";
}

static mrl_exit fetch_certificate(struct mrl_cli *cli, const char *base, const char *name,
                                  const struct mrl_identity *identity)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, base, name, "certificates", NULL);
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", mrl_buf_bytes(&target), identity->request, &answer));
    MRL_EXIT_TRY(mrl_identity_write(cli, identity, mrl_cli_text_of(answer.json, "certificate")));
    if (cli->json)
        mrl_cli_print_json(cli, answer.json);
    return MRL_EXIT_OK;
}

mrl_exit mrl_account_certify(struct mrl_cli *cli, const char *base,
                             const struct mrl_cli_arguments *given, mrl_account_prepare *prepare)
{
    MRL_SCOPED(mrl_identity) identity = {0};
    const char *name = mrl_cli_operand(given, 0);

    MRL_EXIT_TRY(
        mrl_identity_make(cli, folder_of(given), name, /*fresh=*/prepare != NULL, &identity));
    MRL_EXIT_TRY(fetch_root(cli, &identity));
    if (prepare != NULL)
        MRL_EXIT_TRY(prepare(cli, given));
    MRL_EXIT_TRY(fetch_certificate(cli, base, name, &identity));
    mrl_cli_say(cli, "Key:          %s", identity.key_path);
    mrl_cli_say(cli, "Certificate:  %s", identity.cert_path);
    mrl_cli_say(cli, "Root:         %s", identity.root_path);
    return MRL_EXIT_OK;
}

static mrl_err put_file(struct mrl_buf *line, const char *option, const char *dir, const char *name,
                        const char *suffix)
{
    MRL_SCOPED(mrl_buf) path = {0};

    MRL_TRY(mrl_buf_printf(&path, "%s/%s%s", dir, name, suffix));
    MRL_TRY(mrl_cli_put_word(line, option));
    return mrl_cli_put_word_bytes(line, mrl_buf_bytes(&path));
}

static mrl_err write_hint(const json_t *status, const char *dir, const char *name,
                          struct mrl_buf *line)
{
    mrl_bytes host;
    uint16_t port;
    char number[8];

    /* The name, not the address: it is what the server's certificate holds. */
    MRL_TRY(mrl_cli_reach(mrl_cli_text_of(status, "mqtt_address"), MRL_BYTES_NONE, &host, &port));
    (void)snprintf(number, sizeof(number), "%u", port);
    MRL_TRY(mrl_cli_put_word(line, "mosquitto_sub"));
    MRL_TRY(mrl_cli_put_word(line, "-h"));
    MRL_TRY(mrl_cli_put_word_bytes(line, mrl_cli_text_of(status, "server_name")));
    MRL_TRY(mrl_cli_put_word(line, "-p"));
    MRL_TRY(mrl_cli_put_word(line, number));
    MRL_TRY(put_file(line, "--cafile", dir, "root", ".pem"));
    MRL_TRY(put_file(line, "--cert", dir, name, ".pem"));
    MRL_TRY(put_file(line, "--key", dir, name, ".key"));
    MRL_TRY(mrl_cli_put_word(line, "-v"));
    MRL_TRY(mrl_cli_put_word(line, "-t"));
    return mrl_cli_put_word(line, "TOPIC");
}

void mrl_account_print_hint(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) line = {0};

    if (cli->json || mrl_cli_get(cli, MRL_LIT("/v1/status"), &answer) != MRL_EXIT_OK ||
        mrl_cli_text_of(answer.json, "server_name").len == 0 ||
        write_hint(answer.json, folder_of(given), mrl_cli_operand(given, 0), &line) != MRL_OK)
        return;
    mrl_cli_say(cli, "Use it:");
    mrl_cli_say(cli, "  %.*s", MRL_FMT(mrl_buf_bytes(&line)));
}
