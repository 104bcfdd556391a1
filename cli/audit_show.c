/* SPDX-License-Identifier: Apache-2.0 */
/* One entry for people, and what there is to do about the log as a whole. */
#include "base/hex.h"
#include "cli/audit.h"
#include "cli/audit_opened.h"
#include "cli/request.h"
#include "crypto/key.h"

const struct mrl_cli_option mrl_audit_show_options[] = {
    {"text", NULL, "Print the text of the entry alone, as it was hashed."},
    {NULL},
};
const struct mrl_cli_option mrl_audit_key_options[] = {
    {"vkey", NULL, "Print the verifier key alone, for a file: what --log-key takes."},
    {"pem", NULL, "Print the public key in PEM."},
    {NULL},
};
const struct mrl_cli_option mrl_audit_erase_options[] = {
    {"reason", "TEXT", "Why, for the audit log.", .required = true},
    {NULL},
};
const struct mrl_cli_option mrl_audit_prune_options[] = {
    {"before", "N", "Drop the entries before this number, as far as whole bundles of 256 go.",
     .required = true},
    {"reason", "TEXT", "Why, for the audit log.", .required = true},
    {"force", NULL, "Also drop what an export has not got: a gap there, which is recorded."},
    {NULL},
};

static mrl_err format_actor(const json_t *actor, struct mrl_buf *out)
{
    mrl_bytes kind = mrl_cli_text_of(actor, "kind"), id = mrl_cli_text_of(actor, "id");

    return mrl_buf_printf(out, "%.*s%s%.*s", MRL_FMT(kind), id.len > 0 ? ":" : "", MRL_FMT(id));
}

static mrl_err format_covered(const json_t *size, struct mrl_buf *out)
{
    if (json_integer_value(size) == 0)
        return mrl_buf_append(out, MRL_LIT("no checkpoint yet"));
    return mrl_buf_printf(out, "the checkpoint of size %lld", (long long)json_integer_value(size));
}

static const struct mrl_cli_column shown[] = {
    {"Number", "seq"},
    {"Time", "time", mrl_cli_format_ms},
    {"Action", "action"},
    {"Outcome", "outcome"},
    {"Actor", "actor", format_actor},
    {"Authenticated by", "actor.auth"},
    {"Source", "source"},
    {"Target", "target"},
    {"Reason", "reason"},
    {"Node", "node"},
    {"Request", "request"},
    {"Stands for more", "repeated"},
    {"Details", "details"},
    {"Record before", "before"},
    {"Record after", "after"},
    {"Cut", "truncated"},
    {"Leaf hash", "leaf"},
    {"Covered by", "covered_by", format_covered},
    {NULL},
};

/* The entry with its opened values, its hash and what covers it, as one object. */
static mrl_err make_page(const json_t *answer, mrl_bytes text, json_t **out, struct mrl_why *why)
{
    MRL_AUTO(json_t) entry = NULL;
    struct mrl_tlog_hash leaf;
    char hex[2 * MRL_TLOG_HASH + 1];

    MRL_TRY(mrl_json_read(text, &MRL_JSON_LIMITS_DEFAULT, &entry, why));
    MRL_TRY(mrl_audit_opened_merge(entry, json_object_get(answer, "opened")));
    MRL_TRY(mrl_tlog_leaf(text, &leaf));
    mrl_hex(mrl_bytes_of(leaf.bytes, sizeof(leaf.bytes)), hex);
    MRL_TRY(mrl_json_set_str(entry, "leaf", mrl_str(hex)));
    MRL_TRY(mrl_json_set_int(entry, "covered_by",
                             json_integer_value(json_object_get(answer, "covered_by"))));
    *out = MRL_TAKE(entry);
    return MRL_OK;
}

static mrl_exit print_page(struct mrl_cli *cli, const json_t *answer, mrl_bytes text)
{
    MRL_AUTO(json_t) page = NULL;

    cli->why.text[0] = '\0';
    if (make_page(answer, text, &page, &cli->why) != MRL_OK)
        return cli->why.text[0] != '\0'
                   ? MRL_EXIT_REFUSED
                   : mrl_cli_fail(cli, MRL_EXIT_REFUSED, "the entry cannot be shown");
    mrl_cli_print_record(cli, shown, page);
    return MRL_EXIT_OK;
}

mrl_exit mrl_audit_show(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    mrl_bytes text;
    uint64_t seq;

    MRL_EXIT_TRY(mrl_audit_number(cli, mrl_cli_operand(given, 0), &seq));
    mrl_cli_target(&target, "/v1/audit/entries", mrl_cli_operand(given, 0));
    MRL_EXIT_TRY(mrl_cli_get(cli, mrl_buf_bytes(&target), &answer));
    if (mrl_json_get_str(answer.json, "entry", &text, &cli->why) != MRL_OK)
        return MRL_EXIT_REFUSED;
    if (mrl_cli_has(given, "text"))
        mrl_cli_print_line(cli, text);
    else if (cli->json)
        mrl_cli_print_json(cli, answer.json);
    else
        return print_page(cli, answer.json, text);
    return MRL_EXIT_OK;
}

static const struct mrl_cli_column key_columns[] = {
    {"Log", "origin"},
    {"Verifier key", "vkey"},
    {"Algorithm", "algorithm"},
    {"Public key", "public_key"},
    {NULL},
};

/* SubjectPublicKeyInfo: for `openssl pkeyutl -verify`. */
static mrl_exit print_pem(struct mrl_cli *cli, mrl_bytes vkey)
{
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) pem = {0};
    struct mrl_note_key key = {0};
    mrl_err err = mrl_note_key_parse(vkey, &key, &cli->why);

    if (err != MRL_OK)
        return MRL_EXIT_UNVERIFIED;
    err = mrl_key_to_spki(key.key, &spki);
    mrl_note_key_done(&key);
    if (err != MRL_OK || mrl_base64_write(mrl_buf_bytes(&spki), 64, &pem) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "the key cannot be shown");
    (void)fprintf(cli->out, "-----BEGIN PUBLIC KEY-----\n%.*s-----END PUBLIC KEY-----\n",
                  MRL_FMT(mrl_buf_bytes(&pem)));
    return MRL_EXIT_OK;
}

mrl_exit mrl_audit_key(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    mrl_bytes vkey;

    if (mrl_cli_has(given, "pem") && mrl_cli_has(given, "vkey"))
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "give one of --vkey or --pem");
    MRL_EXIT_TRY(mrl_cli_get(cli, MRL_LIT("/v1/audit/key"), &answer));
    if (mrl_json_get_str(answer.json, "vkey", &vkey, &cli->why) != MRL_OK)
        return MRL_EXIT_REFUSED;
    if (mrl_cli_has(given, "pem"))
        return print_pem(cli, vkey);
    if (mrl_cli_has(given, "vkey"))
        mrl_cli_print_line(cli, vkey);
    else
        mrl_cli_show_answer(cli, &answer, key_columns);
    return MRL_EXIT_OK;
}

static const struct mrl_cli_column witness_columns[] = {
    {"WITNESS", "name"},
    {"STATE", "state"},
    {"COSIGNED", "size"},
    {"AT", "time"},
    {"BEHIND", "lag_entries"},
    {"SECONDS", "lag_s"},
    {"ADDRESS", "url"},
    {"WHY", "why"},
    {NULL},
};

mrl_exit mrl_audit_witness(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    (void)given;
    return mrl_cli_show_list(cli, MRL_LIT("/v1/audit/witnesses"), witness_columns, "witnesses");
}

static const struct mrl_cli_column erased_columns[] = {
    {"Entries erased", "erased"}, {"Recorded as entry", "seq"}, {NULL}};
static const struct mrl_cli_column pruned_columns[] = {
    {"Entries pruned", "pruned"}, {"Oldest entry now", "first_entry"}, {NULL}};

mrl_exit mrl_audit_erase(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_AUTO(json_t) body = mrl_json_object();

    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "actor", mrl_cli_operand(given, 0)));
    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "reason", mrl_cli_value(given, "reason")));
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", MRL_LIT("/v1/audit/erase"), body, &answer));
    mrl_cli_show_answer(cli, &answer, erased_columns);
    return MRL_EXIT_OK;
}

mrl_exit mrl_audit_prune(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    MRL_AUTO(json_t) body = mrl_json_object();
    uint64_t before = 0;

    MRL_EXIT_TRY(mrl_cli_number(cli, given, "before", INT64_MAX, &before));
    if (mrl_json_set_int(body, "before", (int64_t)before) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--before cannot be sent");
    MRL_EXIT_TRY(mrl_cli_body_set(cli, body, "reason", mrl_cli_value(given, "reason")));
    if (mrl_cli_has(given, "force") && mrl_json_set_bool(body, "force", true) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--force cannot be sent");
    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", MRL_LIT("/v1/audit/prune"), body, &answer));
    mrl_cli_show_answer(cli, &answer, pruned_columns);
    return MRL_EXIT_OK;
}
