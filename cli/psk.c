/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

#include <string.h>

#include "cli/file.h"
#include "cli/reach.h"
#include "cli/request.h"

enum { KEY_FILE_MAX = 1024 };

static const struct mrl_cli_column listed[] = {
    {"IDENTITY", "identity"}, {"STATE", "state"},   {"USED", "seen"}, {"CREATED", "created"},
    {"EXPIRES", "expires"},   {"REASON", "reason"}, {NULL},
};
static const struct mrl_cli_column added[] = {
    {"Identity", "identity"}, {"Key", "key"}, {"Device", "device"}, {"Expires", "expires"}, {NULL},
};
static const struct mrl_cli_option add_options[] = {
    {"identity", "TEXT", "What the device names itself; DEVICE#8-hex-digits when not given."},
    {"key-file", "FILE", "Its key in hexadecimal, 16 to 64 random bytes; - for stdin."},
    {"life", "TIME", "How long it is good: 12h, 365d; without end when not given."},
    {"key-only", NULL, "Print the key and nothing else, for scripts."},
    {NULL},
};
static const struct mrl_cli_option revoke_options[] = {
    {"reason", "TEXT", "Why, for the audit log."},
    {NULL},
};

/* For a foreign client. The key stands in its arguments, where others on its machine see it. */
static mrl_err write_try_line(const json_t *psk, struct mrl_buf *line)
{
    mrl_bytes host;
    uint16_t port;

    MRL_TRY(mrl_cli_reach(mrl_cli_text_of(psk, "mqtt_address"), mrl_cli_text_of(psk, "server_name"),
                          &host, &port));
    MRL_TRY(
        mrl_buf_printf(line, "mosquitto_pub -h %.*s -p %u -t TOPIC -m TEXT", MRL_FMT(host), port));
    MRL_TRY(mrl_cli_put_word(line, "--psk-identity"));
    MRL_TRY(mrl_cli_put_word_bytes(line, mrl_cli_text_of(psk, "identity")));
    return mrl_buf_append(line, MRL_LIT(" --psk KEY"));
}

static void print_psk(struct mrl_cli *cli, const json_t *psk)
{
    MRL_SCOPED(mrl_buf) line = {0};

    mrl_cli_print_record(cli, added, psk);
    mrl_cli_say(cli, "The key is shown only now. To try it:");
    if (write_try_line(psk, &line) == MRL_OK)
        mrl_cli_say(cli, "  %.*s", MRL_FMT(mrl_buf_bytes(&line)));
}

static mrl_exit read_key(struct mrl_cli *cli, const char *path, json_t *body)
{
    MRL_SCOPED(mrl_buf) text = {.secret = true};
    mrl_bytes key;

    if (path == NULL)
        return MRL_EXIT_OK;
    MRL_EXIT_TRY(mrl_cli_file_read_max(cli, strcmp(path, "-") == 0 ? "/dev/stdin" : path,
                                       KEY_FILE_MAX, &text, /*there=*/NULL));
    key = mrl_bytes_trim(mrl_buf_bytes(&text));
    if (key.len == 0 || mrl_json_set_str(body, "key", key) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "%s: no key in hexadecimal", path);
    return MRL_EXIT_OK;
}

static mrl_exit add(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    static const char *const texts[] = {"identity", "life", NULL};
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_AUTO(json_t) body = mrl_json_object();

    MRL_EXIT_TRY(mrl_cli_body_from(cli, given, texts, body));
    MRL_EXIT_TRY(read_key(cli, mrl_cli_value(given, "key-file"), body));
    mrl_cli_target(&target, "/v1/devices", mrl_cli_operand(given, 0), "psks");
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", mrl_buf_bytes(&target), body, &answer));
    if (mrl_cli_has(given, "key-only"))
        mrl_cli_print_line(cli, mrl_cli_text_of(answer.json, "key"));
    else if (cli->json)
        mrl_cli_print_json(cli, answer.json);
    else
        print_psk(cli, answer.json);
    return MRL_EXIT_OK;
}

static mrl_exit list(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, "/v1/devices", mrl_cli_operand(given, 0), "psks");
    return mrl_cli_show_list(cli, mrl_buf_bytes(&target), listed, "pre-shared keys");
}

static mrl_exit revoke(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_AUTO(json_t) body = mrl_json_object();

    mrl_cli_target(&target, "/v1/devices", mrl_cli_operand(given, 0), "psks",
                   mrl_cli_operand(given, 1), "revoke");
    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "reason", mrl_cli_value(given, "reason")));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", mrl_buf_bytes(&target), body, &answer));
    mrl_cli_say(cli, "The key %s is revoked.", mrl_cli_operand(given, 1));
    return MRL_EXIT_OK;
}

const struct mrl_cli_command mrl_cli_psk_commands[] = {
    {"psk", "add", "DEVICE", add_options,
     "Gives a device a pre-shared key, made by the server or brought along, and shows it once.",
     add},
    {"psk", "list", "DEVICE", NULL, "Lists the pre-shared keys of a device, without the keys.",
     list},
    {"psk", "revoke", "DEVICE IDENTITY", revoke_options,
     "Ends a pre-shared key; its connections are closed.", revoke},
    {NULL},
};
