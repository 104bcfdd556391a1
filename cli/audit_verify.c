/* SPDX-License-Identifier: Apache-2.0 */
/* merlon audit verify: believes neither daemon nor files, computes everything here. */
#include <time.h>

#include "base/hex.h"
#include "cli/audit.h"
#include "cli/audit_check.h"
#include "cli/file.h"
#include "cli/request.h"

enum { COSIGNED_MS = 250, COSIGNED_TRIES = 40 };

const struct mrl_cli_option mrl_audit_verify_options[] = {
    {"log-key", "VKEY", "The log's key as you know it, or a file with it; else the server's word."},
    {"checkpoint", "FILE", "A checkpoint kept from earlier: what it covers must be there.",
     .many = true},
    {"witness", "VKEY", "Demand a cosignature of this witness (its key, or a file with it).",
     .many = true},
    {"save-checkpoint", "FILE",
     "Keep the newest checkpoint there; what was kept there before is demanded."},
    {"dir", "DIR", "Verify what was exported with --tiles, without a server."},
    {"proof", "FILE", "Verify one proof (merlon audit prove), without a server."},
    {"entry", "FILE", "The text of the proven entry, when the proof does not carry it."},
    {"server-side", NULL, "Let the daemon verify, instead of reading the whole log."},
    {NULL},
};

static const struct mrl_cli_column result_columns[] = {
    {"Verified", "verified"},
    {"Entry number", "number"},
    {"Entry", "entry"},
    {"Entries", "entries"},
    {"Oldest with its text", "first_entry"},
    {"Root", "root"},
    {"Log", "origin"},
    {"Key", "key"},
    {"Key known from", "key_from"},
    {"Contains checkpoints of size", "kept"},
    {"Cosigned by", "witnesses"},
    {"First bad entry", "first_bad_entry"},
    {"Last bad entry", "last_bad_entry"},
    {"Why", "why"},
    {NULL},
};

void mrl_audit_print_result(struct mrl_cli *cli, const json_t *result)
{
    if (cli->json)
        mrl_cli_print_json(cli, result);
    else
        mrl_cli_print_record(cli, result_columns, result);
}

mrl_err mrl_audit_describe(const struct mrl_checkpoint *at, const struct mrl_audit_trust *trust,
                           json_t *result)
{
    MRL_SCOPED(mrl_buf) root = {0};

    MRL_TRY(mrl_base64_write(mrl_bytes_of(at->root.bytes, sizeof(at->root.bytes)), 0, &root));
    MRL_TRY(mrl_json_set_bool(result, "verified", true));
    MRL_TRY(mrl_json_set_int(result, "entries", (int64_t)at->size));
    MRL_TRY(mrl_json_set_str(result, "origin", at->origin));
    MRL_TRY(mrl_json_set_str(result, "root", mrl_buf_bytes(&root)));
    return mrl_audit_trust_describe(trust, result);
}

/* A cosignature comes a moment after the checkpoint: waits for it, within reason. */
static mrl_exit read_checkpoint(struct mrl_audit_source *source,
                                const struct mrl_audit_trust *trust, struct mrl_buf *note)
{
    const struct timespec pause = {.tv_nsec = COSIGNED_MS * 1000000L};
    bool all = false;

    for (unsigned i = 0; i < COSIGNED_TRIES && !all; i++) {
        if (i > 0)
            (void)nanosleep(&pause, NULL); /* shorter is fine too */
        MRL_EXIT_TRY(mrl_audit_source_checkpoint(source, note));
        MRL_EXIT_TRY(mrl_audit_trust_cosigned(source->cli, trust, mrl_buf_bytes(note), &all));
        all = all || source->dir != NULL;
    }
    return MRL_EXIT_OK; /* what is still missing is named by who opens it */
}

static mrl_exit read_kept(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                          struct mrl_audit_trust *trust)
{
    const char *save = mrl_cli_value(given, "save-checkpoint"), *path;
    size_t at = 0;

    while ((path = mrl_cli_next(given, "checkpoint", &at)) != NULL)
        MRL_EXIT_TRY(mrl_audit_trust_keep(cli, trust, path, /*may_be_missing=*/false));
    if (save != NULL)
        return mrl_audit_trust_keep(cli, trust, save, /*may_be_missing=*/true);
    return MRL_EXIT_OK;
}

static mrl_exit print_verified(struct mrl_cli *cli, const struct mrl_audit_check *check,
                               const struct mrl_audit_trust *trust)
{
    MRL_AUTO(json_t) result = mrl_json_object();

    if (mrl_audit_describe(&check->to, trust, result) != MRL_OK ||
        mrl_json_set_int(result, "first_entry", (int64_t)check->first) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "the result cannot be shown");
    mrl_audit_print_result(cli, result);
    return MRL_EXIT_OK;
}

/* The checkpoint first: however fast the log grows, it holds at least that. */
static mrl_exit verify_log(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                           struct mrl_audit_source *source, struct mrl_audit_trust *trust)
{
    MRL_SCOPED(mrl_buf) note = {0};
    struct mrl_audit_check check = {.cli = cli, .source = source};
    const char *save = mrl_cli_value(given, "save-checkpoint");

    MRL_EXIT_TRY(mrl_audit_trust_read(cli, given, /*offline=*/source->dir != NULL,
                                      /*witnesses=*/true, trust));
    MRL_EXIT_TRY(read_kept(cli, given, trust));
    MRL_EXIT_TRY(read_checkpoint(source, trust, &note));
    MRL_EXIT_TRY(
        mrl_audit_trust_open(cli, trust, mrl_buf_bytes(&note), "the checkpoint", &check.to));
    source->size = check.to.size;
    check.kept = trust->kept;
    check.kept_count = trust->kept_count;
    MRL_EXIT_TRY(mrl_audit_check_run(&check));
    if (save != NULL)
        MRL_EXIT_TRY(mrl_cli_file_replace(cli, save, 0644, mrl_buf_bytes(&note), /*sync=*/true));
    return print_verified(cli, &check, trust);
}

static mrl_exit ask_server(struct mrl_cli *cli)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    bool verified = false;

    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", MRL_LIT("/v1/audit/verify"), NULL, &answer));
    mrl_audit_print_result(cli, answer.json);
    if (mrl_json_get_bool(answer.json, "verified", &verified, &cli->why) != MRL_OK || !verified)
        return mrl_cli_fail(cli, MRL_EXIT_UNVERIFIED, "the log is not what was written");
    return MRL_EXIT_OK;
}

/* Options that do not go with the kind of verification (NULL at the end). */
static mrl_exit refuse_with(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                            const char *kind, const char *const *names)
{
    for (; *names != NULL; names++)
        if (mrl_cli_has(given, *names))
            return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--%s and --%s exclude each other", kind,
                                *names);
    return MRL_EXIT_OK;
}

static mrl_exit verify_whole(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    struct mrl_audit_source source = {.cli = cli, .dir = mrl_cli_value(given, "dir")};
    struct mrl_audit_trust trust = {0};
    mrl_exit code;

    if (mrl_cli_has(given, "entry"))
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--entry goes with --proof");
    code = verify_log(cli, given, &source, &trust);
    mrl_audit_source_done(&source);
    mrl_audit_trust_done(&trust);
    return code;
}

mrl_exit mrl_audit_verify(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    static const char *const not_server[] = {"log-key", "checkpoint", "witness", "save-checkpoint",
                                             "dir",     "proof",      "entry",   NULL};
    static const char *const not_proof[] = {"checkpoint", "save-checkpoint", "dir", NULL};

    if (mrl_cli_has(given, "server-side")) {
        MRL_EXIT_TRY(refuse_with(cli, given, "server-side", not_server));
        return ask_server(cli);
    }
    if (!mrl_cli_has(given, "proof"))
        return verify_whole(cli, given);
    MRL_EXIT_TRY(refuse_with(cli, given, "proof", not_proof));
    return mrl_audit_verify_proof(cli, given);
}
