/* SPDX-License-Identifier: Apache-2.0 */
/* Offline proofs, c2sp.org/tlog-proof: made by the server, believed by nobody. */
#include <string.h>

#include "cli/audit.h"
#include "cli/audit_opened.h"
#include "cli/file.h"
#include "cli/request.h"

enum { PROOF_MAX = 8 << 20, PUBLIC_MODE = 0644, PRIVATE_MODE = 0600 };

const struct mrl_cli_option mrl_audit_prove_options[] = {
    {"reveal", NULL, "Put the entry, with what is personal in it, into the file."},
    {"log-key", "VKEY", "The log's key as you know it, or a file with it; else the server's word."},
    {"witness", "VKEY", "Demand a cosignature of this witness (its key, or a file with it).",
     .many = true},
    {NULL},
};

static const struct mrl_json_limits limits = {.bytes = PROOF_MAX, .depth = 16};

/* A proof being checked. */
struct proven {
    struct mrl_cli *cli;
    struct mrl_audit_trust trust;
    struct mrl_buf extra; /* of the file, decoded */
    struct mrl_proof_file file;
    struct mrl_checkpoint at;
    json_t *revealed; /* extra as JSON; NULL: none */
};

static void proven_done(struct proven *p)
{
    mrl_audit_trust_done(&p->trust);
    mrl_buf_done(&p->extra);
    json_decref(p->revealed);
}

static mrl_exit read_proof(struct proven *p, mrl_bytes text, const char *where)
{
    mrl_err err = mrl_proof_file_read(text, &p->extra, &p->file);

    if (err != MRL_OK)
        return mrl_cli_fail(p->cli, MRL_EXIT_UNVERIFIED, "%s is no proof: %s", where,
                            mrl_err_name(err));
    if (p->file.extra.len > 0 &&
        mrl_json_read(p->file.extra, &limits, &p->revealed, &p->cli->why) != MRL_OK)
        return MRL_EXIT_UNVERIFIED;
    return mrl_audit_trust_open(p->cli, &p->trust, p->file.note, where, &p->at);
}

static mrl_exit check_inclusion(struct proven *p, mrl_bytes entry)
{
    struct mrl_tlog_hash leaf;
    mrl_err err = mrl_tlog_leaf(entry, &leaf);

    if (err == MRL_OK)
        err =
            mrl_tlog_check_inclusion(&p->file.proof, p->file.index, p->at.size, &leaf, &p->at.root);
    if (err == MRL_OK)
        return MRL_EXIT_OK;
    return mrl_cli_fail(p->cli, MRL_EXIT_UNVERIFIED,
                        "the proof does not hold: entry %llu of the log of size %llu is another",
                        (unsigned long long)p->file.index + 1, (unsigned long long)p->at.size);
}

/* The entry as people read it, with what was opened. */
static mrl_exit read_entry(struct proven *p, mrl_bytes text, json_t **out)
{
    const json_t *opened = json_object_get(p->revealed, "opened");
    MRL_AUTO(json_t) entry = NULL;

    if (mrl_json_read(text, &limits, &entry, &p->cli->why) != MRL_OK ||
        mrl_audit_opened_check(entry, opened, &p->cli->why) != MRL_OK ||
        mrl_audit_opened_merge(entry, opened) != MRL_OK)
        return MRL_EXIT_UNVERIFIED;
    *out = MRL_TAKE(entry);
    return MRL_EXIT_OK;
}

static mrl_exit show_proven(struct proven *p, mrl_bytes text)
{
    MRL_AUTO(json_t) result = mrl_json_object();
    MRL_AUTO(json_t) entry = NULL;

    MRL_EXIT_TRY(read_entry(p, text, &entry));
    if (mrl_audit_describe(&p->at, &p->trust, result) != MRL_OK ||
        mrl_json_set_int(result, "number", (int64_t)p->file.index + 1) != MRL_OK ||
        mrl_json_set(result, "entry", MRL_TAKE(entry)) != MRL_OK)
        return mrl_cli_fail(p->cli, MRL_EXIT_REFUSED, "the result cannot be shown");
    mrl_audit_print_result(p->cli, result);
    return MRL_EXIT_OK;
}

/* From --entry, else from the proof. An editor may have ended the file with a LF. */
static mrl_exit find_entry(struct proven *p, const char *path, struct mrl_buf *out)
{
    mrl_bytes text;

    if (path != NULL) {
        MRL_EXIT_TRY(mrl_cli_file_read(p->cli, path, out));
        out->len -= out->len > 0 && out->data[out->len - 1] == '\n';
        return MRL_EXIT_OK;
    }
    text = mrl_cli_text_of(p->revealed, "entry");
    if (text.len == 0)
        return mrl_cli_fail(p->cli, MRL_EXIT_USAGE,
                            "the proof does not carry the entry: give its text with --entry");
    if (mrl_buf_append(out, text) != MRL_OK)
        return mrl_cli_fail(p->cli, MRL_EXIT_REFUSED, "the entry is too large");
    return MRL_EXIT_OK;
}

static mrl_exit verify_file(struct proven *p, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_buf) text = {0};
    MRL_SCOPED(mrl_buf) entry = {0};
    const char *path = mrl_cli_value(given, "proof");

    MRL_EXIT_TRY(
        mrl_audit_trust_read(p->cli, given, /*offline=*/true, /*witnesses=*/true, &p->trust));
    MRL_EXIT_TRY(mrl_cli_file_read_max(p->cli, path, PROOF_MAX, &text, NULL));
    MRL_EXIT_TRY(read_proof(p, mrl_buf_bytes(&text), path));
    MRL_EXIT_TRY(find_entry(p, mrl_cli_value(given, "entry"), &entry));
    MRL_EXIT_TRY(check_inclusion(p, mrl_buf_bytes(&entry)));
    return show_proven(p, mrl_buf_bytes(&entry));
}

mrl_exit mrl_audit_verify_proof(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    struct proven p = {.cli = cli};
    mrl_exit code = verify_file(&p, given);

    proven_done(&p);
    return code;
}

static mrl_exit ask_entry(struct mrl_cli *cli, const char *number, struct mrl_buf *out)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    mrl_bytes entry;

    mrl_cli_target(&target, "/v1/audit/entries", number);
    MRL_EXIT_TRY(mrl_cli_get(cli, mrl_buf_bytes(&target), &answer));
    if (mrl_json_get_str(answer.json, "entry", &entry, &cli->why) != MRL_OK ||
        mrl_buf_append(out, entry) != MRL_OK)
        return MRL_EXIT_REFUSED;
    return MRL_EXIT_OK;
}

static mrl_exit ask_proof(struct mrl_cli *cli, const char *number, bool reveal,
                          struct mrl_cli_answer *out)
{
    MRL_SCOPED(mrl_buf) target = {0};

    mrl_cli_target(&target, "/v1/audit/entries", number, "proof");
    if (reveal)
        mrl_cli_target_query(&target, "reveal", MRL_LIT("1"));
    return mrl_cli_get(cli, mrl_buf_bytes(&target), out);
}

/* Nothing is handed out that others would refuse. */
static mrl_exit check_answer(struct proven *p, uint64_t number, mrl_bytes proof, mrl_bytes entry)
{
    MRL_AUTO(json_t) opened = NULL;

    MRL_EXIT_TRY(read_proof(p, proof, "the answer"));
    if (p->file.index + 1 != number)
        return mrl_cli_fail(p->cli, MRL_EXIT_UNVERIFIED, "the server proves another entry: %llu",
                            (unsigned long long)p->file.index + 1);
    MRL_EXIT_TRY(check_inclusion(p, entry));
    return read_entry(p, entry, &opened);
}

static mrl_exit prove(struct proven *p, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) entry = {0};
    const char *number = mrl_cli_operand(given, 0), *path = mrl_cli_operand(given, 1);
    bool reveal = mrl_cli_has(given, "reveal");
    mrl_bytes proof;
    uint64_t seq;

    MRL_EXIT_TRY(mrl_audit_number(p->cli, number, &seq));
    MRL_EXIT_TRY(
        mrl_audit_trust_read(p->cli, given, /*offline=*/false, /*witnesses=*/true, &p->trust));
    MRL_EXIT_TRY(ask_entry(p->cli, number, &entry));
    MRL_EXIT_TRY(ask_proof(p->cli, number, reveal, &answer));
    proof = mrl_buf_bytes(&answer.raw.body);
    MRL_EXIT_TRY(check_answer(p, seq, proof, mrl_buf_bytes(&entry)));
    if (strcmp(path, "-") == 0) {
        mrl_cli_print_text(p->cli, proof);
        return MRL_EXIT_OK;
    }
    MRL_EXIT_TRY(mrl_cli_file_create(p->cli, path, reveal ? PRIVATE_MODE : PUBLIC_MODE, proof));
    mrl_cli_say(p->cli, "Written to %s: entry %llu is in the log of size %llu.", path,
                (unsigned long long)seq, (unsigned long long)p->at.size);
    return MRL_EXIT_OK;
}

mrl_exit mrl_audit_prove(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    struct proven p = {.cli = cli};
    mrl_exit code = prove(&p, given);

    proven_done(&p);
    return code;
}
