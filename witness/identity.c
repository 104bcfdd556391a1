/* SPDX-License-Identifier: Apache-2.0 */
#include "witness/identity.h"

#include "base/writer.h"

enum { TIME = 8, PUBLIC_KEY = 32 };

static const char file_name[] = "witness.key";

void mrl_witness_identity_done(struct mrl_witness_identity *i)
{
    mrl_key_free(MRL_TAKE(i->key));
    mrl_note_key_done(&i->public);
}

mrl_err mrl_witness_identity_create(const struct mrl_witness_folder *f, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) present = NULL;
    MRL_AUTO(mrl_secret) pem = NULL;
    MRL_AUTO(mrl_key) key = NULL;
    mrl_err err = mrl_witness_folder_read(f, file_name, &present, why);

    if (err == MRL_OK)
        return mrl_fail(why, MRL_ERR_EXISTS, "%s/%s exists and is never replaced", f->path,
                        file_name);
    MRL_ENSURE(err == MRL_ERR_NOT_FOUND, err);
    MRL_TRY(mrl_key_generate(MRL_KEY_ED25519, &key, why));
    MRL_TRY(mrl_key_to_pem(key, MRL_BYTES_NONE, &pem));
    return mrl_witness_folder_replace(f, file_name, mrl_secret_bytes(pem), why);
}

static mrl_err public_half(const struct mrl_key *key, mrl_bytes name, struct mrl_note_key *out,
                           struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) spki = {0};
    mrl_bytes raw;

    MRL_TRY(mrl_key_to_spki(key, &spki));
    raw = mrl_bytes_sub(mrl_buf_bytes(&spki), spki.len - PUBLIC_KEY, PUBLIC_KEY); /* RFC 8410 4 */
    if (mrl_note_key_make(name, MRL_NOTE_COSIGNATURE, raw, out) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "[witness] name: blanks, control characters and + are not possible in it");
    return MRL_OK;
}

mrl_err mrl_witness_identity_load(const struct mrl_witness_folder *f, mrl_bytes name,
                                  struct mrl_witness_identity *out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_witness_identity) i = {0};
    MRL_AUTO(mrl_secret) pem = NULL;

    MRL_TRY(mrl_witness_folder_read(f, file_name, &pem, why));
    if (mrl_key_from_pem(mrl_secret_bytes(pem), MRL_BYTES_NONE, &i.key) != MRL_OK ||
        mrl_key_type(i.key) != MRL_KEY_ED25519)
        return mrl_fail(why, MRL_ERR_CORRUPT, "%s/%s is no Ed25519 key", f->path, file_name);
    MRL_TRY(public_half(i.key, name, &i.public, why));
    *out = i;
    i = (struct mrl_witness_identity){0};
    return MRL_OK;
}

mrl_err mrl_witness_cosign(const struct mrl_witness_identity *i, mrl_bytes text, uint64_t time,
                           struct mrl_buf *line)
{
    MRL_SCOPED(mrl_buf) message = {0};
    MRL_SCOPED(mrl_buf) signature = {0};
    uint8_t stamp[TIME];
    struct mrl_writer w = mrl_writer_on(stamp, sizeof(stamp));

    mrl_put_u64(&w, time);
    MRL_TRY(mrl_buf_append(&signature, mrl_bytes_of(stamp, sizeof(stamp))));
    MRL_TRY(mrl_cosignature_message(text, time, &message));
    MRL_TRY(mrl_key_sign(i->key, mrl_buf_bytes(&message), &signature));
    return mrl_note_put_signature(line, mrl_str(i->public.name), i->public.id,
                                  mrl_buf_bytes(&signature));
}
