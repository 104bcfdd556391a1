/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"
#include "cli/commands.h"
#include "cli/reach.h"
#include "cli/request.h"
#include "net/address.h"

static const struct mrl_cli_column listed[] = {
    {"ID", "id"},           {"STATE", "state"},     {"DEVICE", "device"},
    {"GROUP", "group"},     {"USED", "used"},       {"OF", "uses"},
    {"CREATED", "created"}, {"EXPIRES", "expires"}, {NULL},
};
static const struct mrl_cli_column created[] = {
    {"Token", "token"},
    {"Id", "id"},
    {"Device", "device"},
    {"Group", "group"},
    {"Uses", "uses"},
    {"Expires", "expires"},
    {NULL},
};
static const struct mrl_cli_option create_options[] = {
    {"device", "ID", "The device that may enrol with it."},
    {"group", "GROUP", "Any device of this group may enrol with it."},
    {"life", "TIME", "How long it is good: 30m, 1h, 7d; 1h when not given."},
    {"uses", "N", "How many devices of the group may use it; 1 when not given."},
    {"approval", NULL, "Each device waits until an operator approves it: merlon approval."},
    {"token-only", NULL, "Print the token and nothing else, for scripts."},
    {NULL},
};

static mrl_err put_option(struct mrl_buf *line, const char *option, mrl_bytes value)
{
    if (value.len == 0)
        return MRL_OK;
    MRL_TRY(mrl_cli_put_word(line, option));
    return mrl_cli_put_word_bytes(line, value);
}

static mrl_err put_address(struct mrl_buf *line, const char *option, const json_t *token,
                           const char *member)
{
    MRL_SCOPED(mrl_buf) text = {0};
    mrl_bytes host;
    uint16_t port;

    if (mrl_cli_text_of(token, member).len == 0)
        return MRL_OK;
    MRL_TRY(mrl_cli_reach(mrl_cli_text_of(token, member), mrl_cli_text_of(token, "server_name"),
                          &host, &port));
    MRL_TRY(mrl_buf_printf(&text, mrl_bytes_find(host, ':', 0) < host.len ? "[%.*s]:%u" : "%.*s:%u",
                           MRL_FMT(host), port));
    return put_option(line, option, mrl_buf_bytes(&text));
}

/* What to paste on the device. The token goes through a pipe: arguments of a program are shown to
 * everyone on the machine. */
static mrl_err write_enrol_line(const json_t *token, struct mrl_buf *line)
{
    mrl_bytes device = mrl_cli_text_of(token, "device");

    MRL_TRY(put_option(line, "echo", mrl_cli_text_of(token, "token")));
    MRL_TRY(mrl_buf_append(line, MRL_LIT(" | merlon-agent enrol --token-file -")));
    MRL_TRY(put_address(line, "--server", token, "enrolment_address"));
    MRL_TRY(put_option(line, "--name", mrl_cli_text_of(token, "server_name")));
    MRL_TRY(put_option(line, "--root-sha256", mrl_cli_text_of(token, "root_sha256")));
    MRL_TRY(put_address(line, "--mqtt", token, "mqtt_address"));
    MRL_TRY(put_option(line, "--device", device.len > 0 ? device : MRL_LIT("DEVICE-ID")));
    return put_option(line, "--dir", MRL_LIT("/var/lib/merlon-agent"));
}

static void print_token(struct mrl_cli *cli, const json_t *token)
{
    MRL_SCOPED(mrl_buf) line = {0};

    mrl_cli_print_record(cli, created, token);
    mrl_cli_say(cli, "The token is shown only now. On the device:");
    if (write_enrol_line(token, &line) == MRL_OK)
        mrl_cli_say(cli, "  %.*s", MRL_FMT(mrl_buf_bytes(&line)));
    mrl_wipe(line.data, line.len);
}

static mrl_exit read_wish(struct mrl_cli *cli, const struct mrl_cli_arguments *given, json_t *body)
{
    static const char *const who[] = {"device", "group", NULL};
    static const char *const texts[] = {"device", "group", "life", NULL};
    const char *name, *value;
    uint64_t uses = 1;

    MRL_EXIT_TRY(mrl_cli_only_one(cli, given, who, &name, &value));
    MRL_EXIT_TRY(mrl_cli_body_from(cli, given, texts, body));
    MRL_EXIT_TRY(mrl_cli_number(cli, given, "uses", INT32_MAX, &uses));
    if (mrl_json_set_int(body, "uses", (int64_t)uses) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--uses cannot be sent");
    if (mrl_cli_has(given, "approval") && mrl_json_set_bool(body, "approval", true) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--approval cannot be sent");
    return MRL_EXIT_OK;
}

static mrl_exit create(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_AUTO(json_t) body = mrl_json_object();
    mrl_bytes token;

    MRL_EXIT_TRY(read_wish(cli, given, body));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", MRL_LIT("/v1/tokens"), body, &answer));
    token = mrl_cli_text_of(answer.json, "token");
    if (mrl_cli_has(given, "token-only"))
        mrl_cli_print_line(cli, token);
    else if (cli->json)
        mrl_cli_print_json(cli, answer.json);
    else
        print_token(cli, answer.json);
    return MRL_EXIT_OK;
}

static mrl_exit list(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    (void)given;
    return mrl_cli_show_list(cli, MRL_LIT("/v1/tokens"), listed, "tokens");
}

static mrl_exit cancel(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, "/v1/tokens", mrl_cli_operand(given, 0));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "DELETE", mrl_buf_bytes(&target), NULL, &answer));
    mrl_cli_say(cli, "Token %s is cancelled.", mrl_cli_operand(given, 0));
    return MRL_EXIT_OK;
}

const struct mrl_cli_command mrl_cli_token_commands[] = {
    {"token", "create", NULL, create_options,
     "Makes a one-time enrolment token and shows it once, with the line to run on the device.",
     create},
    {"token", "list", NULL, NULL, "Lists enrolment tokens, without their text.", list},
    {"token", "cancel", "ID", NULL, "Makes a token useless.", cancel},
    {NULL},
};
