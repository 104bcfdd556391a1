/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/device_revoke.h"

#include "cli/file.h"
#include "cli/request.h"

/* Of one request: what the server takes in one transaction, and in one body. */
enum { AT_ONCE = 1000, BYTES_AT_ONCE = 60000 };

const struct mrl_cli_option mrl_device_revoke_options[] = {
    {"group", "GROUP", "All devices of this group, in place of ID."},
    {"from-file", "FILE", "The devices named there, one a line, in place of ID."},
    {"reason", "TEXT", "Why, for the audit log."},
    {NULL},
};

static mrl_exit ask(struct mrl_cli *cli, const struct mrl_cli_arguments *given, json_t *body,
                    int64_t *revoked)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};

    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "reason", mrl_cli_value(given, "reason")));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", MRL_LIT("/v1/revocations"), body, &answer));
    *revoked += json_integer_value(mrl_cli_member(answer.json, "devices"));
    return MRL_EXIT_OK;
}

static mrl_exit revoke_group(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                             int64_t *revoked)
{
    MRL_AUTO(json_t) body = mrl_json_object();

    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "group", mrl_cli_value(given, "group")));
    return ask(cli, given, body, revoked);
}

/* Takes lines from the front of text until a request is full. Empty ones do not count. */
static mrl_exit take_lines(struct mrl_cli *cli, mrl_bytes *text, json_t *ids)
{
    size_t bytes = 0;
    mrl_bytes line;
    bool more = text->len > 0;

    while (more && json_array_size(ids) < AT_ONCE && bytes < BYTES_AT_ONCE) {
        more = mrl_bytes_split(*text, '\n', &line, text);
        line = mrl_bytes_trim(line);
        if (line.len == 0)
            continue;
        bytes += line.len + 3;
        if (mrl_json_append_str(ids, line) != MRL_OK)
            return mrl_cli_fail(cli, MRL_EXIT_USAGE, "the file has a line that is not UTF-8 text");
    }
    if (!more)
        *text = MRL_BYTES_NONE;
    return MRL_EXIT_OK;
}

static mrl_exit revoke_lines(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                             mrl_bytes text, int64_t *revoked)
{
    while (text.len > 0) {
        MRL_AUTO(json_t) body = mrl_json_object();
        MRL_AUTO(json_t) ids = mrl_json_array();

        MRL_EXIT_TRY(take_lines(cli, &text, ids));
        if (json_array_size(ids) == 0)
            break;
        if (mrl_json_set(body, "devices", MRL_TAKE(ids)) != MRL_OK)
            return mrl_cli_fail(cli, MRL_EXIT_USAGE, "the names cannot be sent");
        MRL_EXIT_TRY(ask(cli, given, body, revoked));
    }
    return *revoked > 0 ? MRL_EXIT_OK
                        : mrl_cli_fail(cli, MRL_EXIT_USAGE, "the file names no device");
}

static mrl_exit revoke_file(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                            int64_t *revoked)
{
    MRL_SCOPED(mrl_buf) text = {0};

    MRL_EXIT_TRY(mrl_cli_file_read(cli, mrl_cli_value(given, "from-file"), &text));
    return revoke_lines(cli, given, mrl_buf_bytes(&text), revoked);
}

mrl_exit mrl_device_revoke(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                           mrl_exit (*of_one)(struct mrl_cli *cli,
                                              const struct mrl_cli_arguments *given))
{
    bool group = mrl_cli_has(given, "group"), file = mrl_cli_has(given, "from-file");
    int64_t revoked = 0;
    mrl_exit code;

    if (group + file + (given->operand_count > 0) != 1)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "give one of ID, --group and --from-file");
    if (!group && !file)
        return of_one(cli, given);
    code = group ? revoke_group(cli, given, &revoked) : revoke_file(cli, given, &revoked);
    if (code == MRL_EXIT_OK || revoked > 0)
        mrl_cli_say(cli, "%lld devices are revoked.", (long long)revoked);
    return code;
}
