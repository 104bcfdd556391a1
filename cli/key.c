/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that nobody may have. */
#include "cli/commands.h"
#include "cli/file.h"
#include "cli/key_list.h"
#include "cli/progress.h"
#include "cli/request.h"

enum {
    BATCH = 500,               /* keys of one request */
    LIST_BYTES_MAX = 64 << 20, /* about a million lines */
};

static const struct mrl_cli_option deny_options[] = {
    {"reason", "TEXT", "Why nobody may have them; whoever shows one is told.", .required = true},
    {"hash", "HASH", "SHA-256 of a SubjectPublicKeyInfo, 64 hexadecimal digits.", .many = true},
    {"from", "FILE", "The key of this certificate, request, public or private key, in PEM.",
     .many = true},
    {"file", "FILE", "A list, one key a line: HASH, or 20 digits as openssl-blacklist has them."},
    {NULL},
};
static const struct mrl_cli_option allow_options[] = {
    {"reason", "TEXT", "Why, for the audit log."},
    {NULL},
};
static const struct mrl_cli_column listed[] = {
    {"KEY", "key"}, {"REASON", "reason"}, {"BY", "by"}, {"SINCE", "created"}, {NULL}};
static const struct mrl_cli_column shown[] = {
    {"Keys added", "added"}, {"Certificates revoked", "revoked"}, {NULL}};

struct denying {
    struct mrl_cli *cli;
    const char *reason;
    json_t *keys; /* of the present request */
    int64_t added, revoked;
    uint64_t sent;
    struct mrl_cli_progress progress;
};

static int64_t number_of(const struct mrl_cli_answer *answer, const char *name)
{
    return json_integer_value(mrl_cli_member(answer->json, name));
}

static mrl_exit send_keys(struct denying *d)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_AUTO(json_t) body = mrl_json_object();

    if (json_array_size(d->keys) == 0)
        return MRL_EXIT_OK;
    d->sent += json_array_size(d->keys);
    MRL_EXIT_TRY(mrl_cli_body_set(d->cli, body, "reason", d->reason));
    if (mrl_json_set(body, "keys", MRL_TAKE(d->keys)) != MRL_OK)
        return mrl_cli_fail(d->cli, MRL_EXIT_USAGE, "the keys cannot be sent");
    d->keys = mrl_json_array();
    MRL_EXIT_TRY(mrl_cli_ask(d->cli, "POST", MRL_LIT("/v1/denied-keys"), body, &answer));
    d->added += number_of(&answer, "added");
    d->revoked += number_of(&answer, "revoked");
    mrl_cli_progress(&d->progress, d->sent);
    return MRL_EXIT_OK;
}

static mrl_exit add_key(struct denying *d, mrl_bytes name)
{
    if (mrl_json_append_str(d->keys, name) != MRL_OK)
        return mrl_cli_fail(d->cli, MRL_EXIT_USAGE, "--hash: not hexadecimal digits");
    return json_array_size(d->keys) == BATCH ? send_keys(d) : MRL_EXIT_OK;
}

static mrl_exit add_given(struct denying *d, const struct mrl_cli_arguments *given)
{
    const char *hash;
    size_t at = 0;

    while ((hash = mrl_cli_next(given, "hash", &at)) != NULL)
        MRL_EXIT_TRY(add_key(d, mrl_str(hash)));
    return MRL_EXIT_OK;
}

static mrl_exit add_from(struct denying *d, const struct mrl_cli_arguments *given)
{
    const char *path;
    size_t at = 0;

    while ((path = mrl_cli_next(given, "from", &at)) != NULL) {
        MRL_SCOPED(mrl_buf) pem = {.secret = true}; /* it may be a private key */
        MRL_SCOPED(mrl_buf) name = {0};

        MRL_EXIT_TRY(mrl_cli_file_read(d->cli, path, &pem));
        if (mrl_key_name_of_pem(mrl_buf_bytes(&pem), &name) != MRL_OK)
            return mrl_cli_fail(d->cli, MRL_EXIT_REFUSED,
                                "%s: no certificate, request or key in PEM", path);
        MRL_EXIT_TRY(add_key(d, mrl_buf_bytes(&name)));
    }
    return MRL_EXIT_OK;
}

/* d NULL: only looks whether every line is good. */
static mrl_exit walk_list(struct mrl_cli *cli, const char *path, mrl_bytes text, struct denying *d)
{
    struct mrl_key_list list = {.text = text};
    struct mrl_why why = {""};
    mrl_bytes name;
    mrl_err err;

    while ((err = mrl_key_list_next(&list, &name, &why)) == MRL_OK)
        if (d != NULL)
            MRL_EXIT_TRY(add_key(d, name));
    return err == MRL_ERR_NOT_FOUND ? MRL_EXIT_OK
                                    : mrl_cli_fail(cli, MRL_EXIT_REFUSED, "%s: %s", path, why.text);
}

static mrl_exit deny_all(struct denying *d, const struct mrl_cli_arguments *given)
{
    const char *path = mrl_cli_value(given, "file");
    MRL_SCOPED(mrl_buf) text = {0};

    if (path != NULL) {
        MRL_EXIT_TRY(mrl_cli_file_read_max(d->cli, path, LIST_BYTES_MAX, &text, /*there=*/NULL));
        MRL_EXIT_TRY(walk_list(d->cli, path, mrl_buf_bytes(&text), /*d=*/NULL));
    }
    MRL_EXIT_TRY(add_given(d, given));
    MRL_EXIT_TRY(add_from(d, given));
    if (path != NULL)
        MRL_EXIT_TRY(walk_list(d->cli, path, mrl_buf_bytes(&text), d));
    MRL_EXIT_TRY(send_keys(d));
    return d->sent > 0 ? MRL_EXIT_OK
                       : mrl_cli_fail(d->cli, MRL_EXIT_USAGE, "no key: --hash, --from or --file");
}

static void say_done(const struct denying *d)
{
    MRL_SCOPED(mrl_cli_answer) answer = {.json = mrl_json_object()};

    if (mrl_json_set_int(answer.json, "added", d->added) == MRL_OK &&
        mrl_json_set_int(answer.json, "revoked", d->revoked) == MRL_OK)
        mrl_cli_show_answer(d->cli, &answer, shown);
}

static mrl_exit deny(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    struct denying d = {.cli = cli,
                        .reason = mrl_cli_value(given, "reason"),
                        .keys = mrl_json_array(),
                        .progress = {.cli = cli, .what = "keys denied"}};
    mrl_exit code = deny_all(&d, given);

    mrl_cli_progress_end(&d.progress);
    json_decref(d.keys);
    if (code == MRL_EXIT_OK)
        say_done(&d);
    return code;
}

static mrl_exit denied(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    (void)given;
    return mrl_cli_show_list(cli, MRL_LIT("/v1/denied-keys"), listed, "denied keys");
}

static mrl_exit allow(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_AUTO(json_t) body = mrl_json_object();

    mrl_cli_target(&target, "/v1/denied-keys", mrl_cli_operand(given, 0), "allow");
    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "reason", mrl_cli_value(given, "reason")));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", mrl_buf_bytes(&target), body, &answer));
    mrl_cli_say(cli, "%s", "The key is off the list; what was revoked stays revoked.");
    return MRL_EXIT_OK;
}

const struct mrl_cli_command mrl_cli_key_commands[] = {
    {"key", "deny", NULL, deny_options,
     "Puts keys on the deny-list: nobody gets a certificate for them, and who has one loses it.",
     deny},
    {"key", "denied", NULL, NULL, "Lists the keys on the deny-list.", denied},
    {"key", "allow", "HASH", allow_options, "Takes a key off the deny-list.", allow},
    {NULL},
};
