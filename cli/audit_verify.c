/* SPDX-License-Identifier: Apache-2.0 */
/* merlon audit verify: does not believe the daemon, recomputes everything here. */
#include "base/hex.h"
#include "cli/audit_walk.h"

enum { PUBLIC_KEY_SIZE = 32, SIGNATURE_MAX = 64 };

const struct mrl_cli_option mrl_audit_verify_options[] = {
    {"server-side", NULL, "Let the daemon verify, instead of reading the whole log."},
    {"audit-key", "HEX", "The public audit key as you know it; else the server is asked for it."},
    {"head", "SIZE:HASH", "A head you wrote down earlier: the log must still contain it."},
    {NULL},
};

static const struct mrl_cli_column result_columns[] = {
    {"Verified", "verified"},
    {"Entries", "entries"},
    {"Head", "hash"},
    {"Signed up to", "signed_entries"},
    {"Audit key", "public_key"},
    {"First bad entry", "first_bad_entry"},
    {"Why", "why"},
    {NULL},
};

struct verification {
    struct mrl_audit_chain chain;
    struct mrl_key *key;
    char key_hex[2 * PUBLIC_KEY_SIZE + 1];
    json_t *heads; /* items, in order of size */
    size_t next_head;
    struct mrl_audit_head kept; /* what was written down; size 0: nothing */
};

static void verification_done(struct verification *v)
{
    mrl_key_free(v->key);
    json_decref(v->heads);
}

/* RFC 8410 4: the SubjectPublicKeyInfo of an Ed25519 key is these bytes and the key. */
static mrl_err set_key(struct verification *v, mrl_bytes hex)
{
    static const uint8_t prefix[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                     0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    MRL_SCOPED(mrl_buf) spki = {0};
    uint8_t key[PUBLIC_KEY_SIZE];

    MRL_TRY(mrl_unhex(hex, key, sizeof(key)));
    mrl_hex(mrl_bytes_of(key, sizeof(key)), v->key_hex);
    MRL_TRY(mrl_buf_append(&spki, mrl_bytes_of(prefix, sizeof(prefix))));
    MRL_TRY(mrl_buf_append(&spki, mrl_bytes_of(key, sizeof(key))));
    return mrl_key_from_spki(mrl_buf_bytes(&spki), &v->key, NULL);
}

static mrl_exit find_key(struct mrl_cli *cli, const char *known, struct verification *v)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};

    if (known != NULL)
        return set_key(v, mrl_str(known)) == MRL_OK
                   ? MRL_EXIT_OK
                   : mrl_cli_fail(cli, MRL_EXIT_USAGE, "--audit-key: 64 hex digits");
    MRL_EXIT_TRY(mrl_cli_get(cli, MRL_LIT("/v1/audit/key"), &answer));
    if (set_key(v, mrl_cli_text_of(answer.json, "public_key")) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_UNVERIFIED, "the server has no audit key");
    return MRL_EXIT_OK;
}

static mrl_exit read_kept(struct mrl_cli *cli, const char *text, struct verification *v)
{
    mrl_bytes size, hash;

    if (text == NULL)
        return MRL_EXIT_OK;
    if (!mrl_bytes_split(mrl_str(text), ':', &size, &hash) ||
        !mrl_bytes_to_u64(size, INT64_MAX, &v->kept.size) || v->kept.size == 0 ||
        mrl_unhex(hash, v->kept.hash, sizeof(v->kept.hash)) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_USAGE, "--head: a number, a colon, 64 hex digits");
    return MRL_EXIT_OK;
}

static uint64_t size_of(const json_t *head)
{
    json_int_t size = json_integer_value(json_object_get(head, "size"));

    return size < 0 ? 0 : (uint64_t)size;
}

/* MRL_ERR_CORRUPT: the head is not good for the log as read so far. */
static mrl_err check_head(struct verification *v, const json_t *head, struct mrl_why *why)
{
    uint8_t hash[MRL_AUDIT_HASH_SIZE], signature[SIGNATURE_MAX];
    const struct mrl_audit_signed_head h = {size_of(head), mrl_bytes_of(hash, sizeof(hash)),
                                            mrl_bytes_of(signature, sizeof(signature))};

    if (mrl_unhex(mrl_cli_text_of(head, "hash"), hash, sizeof(hash)) != MRL_OK ||
        mrl_unhex(mrl_cli_text_of(head, "signature"), signature, sizeof(signature)) != MRL_OK)
        return mrl_fail(why, MRL_ERR_CORRUPT, "the signed head of entry %llu cannot be read",
                        (unsigned long long)h.size);
    return mrl_audit_chain_head(&v->chain, &h, v->key, why);
}

/* All heads up to the entry read last; to_end: all that are left. */
static mrl_err check_heads(struct verification *v, bool to_end, struct mrl_why *why)
{
    const json_t *head;

    while ((head = json_array_get(v->heads, v->next_head)) != NULL &&
           (to_end || size_of(head) <= v->chain.at.size)) {
        MRL_TRY(check_head(v, head, why));
        v->next_head++;
    }
    return MRL_OK;
}

static mrl_err check_kept(const struct verification *v, struct mrl_why *why)
{
    const struct mrl_audit_head *at = &v->chain.at;

    if (v->kept.size != at->size || v->kept.size == 0 ||
        mrl_bytes_eq(mrl_bytes_of(v->kept.hash, sizeof(v->kept.hash)),
                     mrl_bytes_of(at->hash, sizeof(at->hash))))
        return MRL_OK;
    return mrl_fail(why, MRL_ERR_CORRUPT, "entry %llu is another than the head you wrote down says",
                    (unsigned long long)at->size);
}

static mrl_exit on_row(struct mrl_cli *cli, void *context, const struct mrl_audit_line *line)
{
    struct verification *v = context;

    if (mrl_audit_chain_row(&v->chain, &line->row, &cli->why) != MRL_OK ||
        check_heads(v, /*to_end=*/false, &cli->why) != MRL_OK || check_kept(v, &cli->why) != MRL_OK)
        return MRL_EXIT_UNVERIFIED;
    return MRL_EXIT_OK;
}

static mrl_exit check_end(struct mrl_cli *cli, struct verification *v)
{
    if (check_heads(v, /*to_end=*/true, &cli->why) != MRL_OK)
        return MRL_EXIT_UNVERIFIED;
    if (v->kept.size > v->chain.at.size)
        return mrl_cli_fail(cli, MRL_EXIT_UNVERIFIED,
                            "the log ends at entry %llu, before the head you wrote down",
                            (unsigned long long)v->chain.at.size);
    if (v->chain.at.size > 0 && v->chain.signed_size == 0)
        return mrl_cli_fail(cli, MRL_EXIT_UNVERIFIED, "the log has no signed head");
    return MRL_EXIT_OK;
}

static mrl_err describe(const struct verification *v, json_t *o)
{
    char hex[2 * MRL_AUDIT_HASH_SIZE + 1];

    mrl_hex(mrl_bytes_of(v->chain.at.hash, sizeof(v->chain.at.hash)), hex);
    MRL_TRY(mrl_json_set_bool(o, "verified", true));
    MRL_TRY(mrl_json_set_int(o, "entries", (int64_t)v->chain.at.size));
    MRL_TRY(mrl_json_set_str(o, "hash", mrl_str(hex)));
    MRL_TRY(mrl_json_set_int(o, "signed_entries", (int64_t)v->chain.signed_size));
    return mrl_json_set_str(o, "public_key", mrl_str(v->key_hex));
}

static void print_result(struct mrl_cli *cli, const json_t *result)
{
    if (cli->json)
        mrl_cli_print_json(cli, result);
    else
        mrl_cli_print_record(cli, result_columns, result);
}

/* Heads first: the log then holds at least what they cover, however fast it grows. */
static mrl_exit verify(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                       struct verification *v)
{
    MRL_AUTO(json_t) result = mrl_json_object();

    MRL_EXIT_TRY(read_kept(cli, mrl_cli_value(given, "head"), v));
    MRL_EXIT_TRY(find_key(cli, mrl_cli_value(given, "audit-key"), v));
    MRL_EXIT_TRY(mrl_cli_list(cli, MRL_LIT("/v1/audit/heads"), /*max=*/0, &v->heads));
    MRL_EXIT_TRY(mrl_audit_walk(cli, on_row, v));
    MRL_EXIT_TRY(check_end(cli, v));
    if (describe(v, result) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "the result cannot be shown");
    print_result(cli, result);
    return MRL_EXIT_OK;
}

static mrl_exit ask_server(struct mrl_cli *cli)
{
    MRL_SCOPED(mrl_cli_answer) answer = {0};
    bool verified = false;

    MRL_EXIT_TRY(mrl_cli_ask(cli, "POST", MRL_LIT("/v1/audit/verify"), NULL, &answer));
    print_result(cli, answer.json);
    if (mrl_json_get_bool(answer.json, "verified", &verified, &cli->why) != MRL_OK || !verified)
        return mrl_cli_fail(cli, MRL_EXIT_UNVERIFIED, "the log is not what was written");
    return MRL_EXIT_OK;
}

mrl_exit mrl_audit_verify_run(struct mrl_cli *cli, const struct mrl_cli_arguments *given)
{
    struct verification v = {0};
    mrl_exit code;

    if (mrl_cli_has(given, "server-side"))
        return ask_server(cli);
    code = verify(cli, given, &v);
    verification_done(&v);
    return code;
}
