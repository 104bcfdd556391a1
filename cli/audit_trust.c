/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit_trust.h"

#include <stdlib.h>

#include "cli/file.h"
#include "cli/print.h"
#include "cli/session.h"

static void free_keys(struct mrl_note_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mrl_note_key_done(&keys[i]);
    free(keys);
}

void mrl_audit_trust_done(struct mrl_audit_trust *t)
{
    if (t->key.key != NULL)
        mrl_note_key_done(&t->key);
    free_keys(t->witnesses, t->witness_count);
    free(t->kept);
    *t = (struct mrl_audit_trust){0};
}

/* A verifier key has two plus signs and no slash outside of its base64: what is no key is a file.
 */
static mrl_exit read_key(struct mrl_cli *cli, const char *option, const char *given,
                         enum mrl_note_kind kind, struct mrl_note_key *out)
{
    MRL_SCOPED(mrl_buf) file = {0};
    struct mrl_note_key key = {0};
    struct mrl_why why;
    bool there;

    if (mrl_note_key_parse(mrl_str(given), &key, NULL) != MRL_OK) {
        MRL_EXIT_TRY(mrl_cli_file_read_max(cli, given, MRL_CLI_FILE_MAX, &file, &there));
        if (!there)
            return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--%s: %s is no verifier key, and no file",
                                option, given);
        if (mrl_note_key_parse(mrl_bytes_trim(mrl_buf_bytes(&file)), &key, &why) != MRL_OK)
            return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--%s: %s: %s", option, given, why.text);
    }
    if (key.kind == kind) {
        *out = key;
        return MRL_EXIT_OK;
    }
    mrl_note_key_done(&key);
    return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--%s: %s is the key of a %s", option, given,
                        kind == MRL_NOTE_ED25519 ? "witness" : "log");
}

static mrl_exit ask_key(struct mrl_cli *cli, struct mrl_note_key *out)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    struct mrl_why why;

    MRL_EXIT_TRY(mrl_cli_get(cli, MRL_LIT("/v1/audit/key"), &answer));
    if (mrl_note_key_parse(mrl_cli_text_of(answer.json, "vkey"), out, &why) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_UNVERIFIED, "the log's key as the server says it: %s",
                            why.text);
    return MRL_EXIT_OK;
}

static mrl_exit read_witnesses(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                               struct mrl_audit_trust *out)
{
    const char *value;
    size_t at = 0;

    out->witnesses = calloc(MRL_CLI_GIVEN_MAX, sizeof(*out->witnesses));
    if (out->witnesses == NULL)
        abort();
    while ((value = mrl_cli_next(given, "witness", &at)) != NULL) {
        MRL_EXIT_TRY(read_key(cli, "witness", value, MRL_NOTE_COSIGNATURE,
                              &out->witnesses[out->witness_count]));
        out->witness_count++;
    }
    return MRL_EXIT_OK;
}

mrl_exit mrl_audit_trust_read(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                              bool offline, bool witnesses, struct mrl_audit_trust *out)
{
    const char *key = mrl_cli_value(given, "log-key");

    if (witnesses)
        MRL_EXIT_TRY(read_witnesses(cli, given, out));
    out->pinned = key != NULL;
    if (key != NULL)
        return read_key(cli, "log-key", key, MRL_NOTE_ED25519, &out->key);
    if (offline)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE,
                            "without a server the log's key is needed: --log-key");
    return ask_key(cli, &out->key);
}

static mrl_exit check_key(struct mrl_cli *cli, const struct mrl_audit_trust *t, mrl_bytes note,
                          const char *where, struct mrl_note *parsed, struct mrl_checkpoint *out)
{
    struct mrl_why why;
    mrl_err err = mrl_checkpoint_open(note, &t->key, parsed, out, &why);

    if (err == MRL_OK)
        return MRL_EXIT_OK;
    return mrl_cli_fail(cli, MRL_EXIT_UNVERIFIED, "%s: %s%s", where, why.text,
                        err != MRL_ERR_NOT_FOUND ? ""
                        : t->pinned              ? " with the key you know"
                                                 : " with the key the server says");
}

/* seconds: when it cosigned. */
static mrl_exit check_witness(struct mrl_cli *cli, const struct mrl_note_key *witness,
                              const struct mrl_note *n, const char *where, bool *there)
{
    uint64_t seconds;
    mrl_err err = mrl_note_check(n, witness, &seconds);

    *there = err == MRL_OK;
    if (err == MRL_OK || err == MRL_ERR_NOT_FOUND)
        return MRL_EXIT_OK;
    return mrl_cli_fail(cli, MRL_EXIT_UNVERIFIED, "%s: the cosignature of %s does not hold", where,
                        witness->name);
}

mrl_exit mrl_audit_trust_cosigned(struct mrl_cli *cli, const struct mrl_audit_trust *t,
                                  mrl_bytes note, bool *all)
{
    struct mrl_note parsed;

    if (mrl_note_read(note, &parsed, &cli->why) != MRL_OK)
        return MRL_EXIT_UNVERIFIED;
    *all = true;
    for (size_t i = 0; i < t->witness_count && *all; i++)
        MRL_EXIT_TRY(check_witness(cli, &t->witnesses[i], &parsed, "the checkpoint", all));
    return MRL_EXIT_OK;
}

mrl_exit mrl_audit_trust_open(struct mrl_cli *cli, const struct mrl_audit_trust *t, mrl_bytes note,
                              const char *where, struct mrl_checkpoint *out)
{
    struct mrl_note parsed;
    bool there;

    MRL_EXIT_TRY(check_key(cli, t, note, where, &parsed, out));
    for (size_t i = 0; i < t->witness_count; i++) {
        MRL_EXIT_TRY(check_witness(cli, &t->witnesses[i], &parsed, where, &there));
        if (!there)
            return mrl_cli_fail(cli, MRL_EXIT_UNVERIFIED, "%s: not cosigned by %s", where,
                                t->witnesses[i].name);
    }
    return MRL_EXIT_OK;
}

/* In order of size. */
static void insert(struct mrl_audit_trust *t, struct mrl_audit_kept kept)
{
    size_t at = t->kept_count++;

    t->kept = reallocarray(t->kept, t->kept_count, sizeof(*t->kept));
    if (t->kept == NULL)
        abort();
    for (; at > 0 && t->kept[at - 1].at.size > kept.at.size; at--)
        t->kept[at] = t->kept[at - 1];
    t->kept[at] = kept;
}

mrl_exit mrl_audit_trust_keep(struct mrl_cli *cli, struct mrl_audit_trust *t, const char *path,
                              bool may_be_missing)
{
    MRL_SCOPED(mrl_buf) note = {0};
    struct mrl_audit_kept kept = {.path = path};
    struct mrl_note parsed;
    bool there;

    MRL_EXIT_TRY(
        mrl_cli_file_read_max(cli, path, MRL_NOTE_MAX, &note, may_be_missing ? &there : NULL));
    if (may_be_missing && !there)
        return MRL_EXIT_OK;
    MRL_EXIT_TRY(check_key(cli, t, mrl_buf_bytes(&note), path, &parsed, &kept.at));
    kept.at.origin = MRL_BYTES_NONE; /* was a view of the note */
    insert(t, kept);
    return MRL_EXIT_OK;
}

static mrl_err describe_lists(const struct mrl_audit_trust *t, json_t *result)
{
    MRL_AUTO(json_t) witnesses = mrl_json_array();
    MRL_AUTO(json_t) kept = mrl_json_array();

    for (size_t i = 0; i < t->witness_count; i++)
        MRL_TRY(mrl_json_append_str(witnesses, mrl_str(t->witnesses[i].name)));
    for (size_t i = 0; i < t->kept_count; i++)
        MRL_TRY(mrl_json_append(kept, json_integer((json_int_t)t->kept[i].at.size)));
    if (t->witness_count > 0)
        MRL_TRY(mrl_json_set(result, "witnesses", MRL_TAKE(witnesses)));
    return t->kept_count > 0 ? mrl_json_set(result, "kept", MRL_TAKE(kept)) : MRL_OK;
}

mrl_err mrl_audit_trust_describe(const struct mrl_audit_trust *t, json_t *result)
{
    char vkey[MRL_NOTE_VKEY_MAX];

    MRL_TRY(mrl_note_key_format(&t->key, vkey));
    MRL_TRY(mrl_json_set_str(result, "key", mrl_str(vkey)));
    MRL_TRY(mrl_json_set_str(result, "key_from", t->pinned ? MRL_LIT("you") : MRL_LIT("server")));
    return describe_lists(t, result);
}
