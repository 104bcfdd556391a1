/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/reader.h"
#include "crypto/hash.h"
#include "tlog/note.h"
#include "tlog/text.h"

enum { PUBLIC_KEY = 32, ID_TEXT = 8 };

/* RFC 8410 4: all that stands before the key in a SubjectPublicKeyInfo. */
static const uint8_t spki_prefix[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                      0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

static mrl_err key_of(mrl_bytes public_key, struct mrl_key **out)
{
    uint8_t spki[sizeof(spki_prefix) + PUBLIC_KEY];

    memcpy(spki, spki_prefix, sizeof(spki_prefix));
    memcpy(spki + sizeof(spki_prefix), public_key.data, PUBLIC_KEY);
    return mrl_key_from_spki(mrl_bytes_of(spki, sizeof(spki)), out, NULL);
}

static mrl_err id_of(mrl_bytes name, enum mrl_note_kind kind, mrl_bytes public_key, uint32_t *out)
{
    const uint8_t between[] = {'\n', (uint8_t)kind};
    const mrl_bytes parts[] = {name, mrl_bytes_of(between, sizeof(between)), public_key};
    uint8_t digest[MRL_SHA256_SIZE];
    struct mrl_reader r = {mrl_bytes_of(digest, sizeof(digest))};

    MRL_TRY(mrl_sha256_parts(parts, MRL_COUNT(parts), digest));
    return mrl_read_u32(&r, out);
}

mrl_err mrl_note_key_make(mrl_bytes name, enum mrl_note_kind kind, mrl_bytes public_key,
                          struct mrl_note_key *out)
{
    struct mrl_note_key k = {.kind = kind};

    MRL_ENSURE(mrl_tlog_name_valid(name) && public_key.len == PUBLIC_KEY, MRL_ERR_INVALID);
    MRL_ENSURE(mrl_bytes_to_cstr(name, k.name, sizeof(k.name)), MRL_ERR_INVALID);
    MRL_TRY(id_of(name, kind, public_key, &k.id));
    MRL_TRY(key_of(public_key, &k.key));
    *out = k;
    return MRL_OK;
}

void mrl_note_key_done(struct mrl_note_key *k)
{
    mrl_key_free(MRL_TAKE(k->key));
}

static mrl_err known_kind(uint8_t kind, enum mrl_note_kind *out, struct mrl_why *why)
{
    if (kind != MRL_NOTE_ED25519 && kind != MRL_NOTE_COSIGNATURE)
        return mrl_fail(why, MRL_ERR_UNSUPPORTED,
                        "the verifier key is of kind 0x%02x; only Ed25519 (0x01) and its "
                        "cosignatures (0x04) are known",
                        kind);
    *out = (enum mrl_note_kind)kind;
    return MRL_OK;
}

struct vkey {
    mrl_bytes name;
    uint8_t id[4];
    struct mrl_buf key; /* owned: kind and public key */
};

static void vkey_done(struct vkey *v)
{
    mrl_buf_done(&v->key);
}

static mrl_err split_vkey(mrl_bytes text, struct vkey *out)
{
    mrl_bytes rest, id, key;

    MRL_ENSURE(mrl_bytes_split(text, '+', &out->name, &rest), MRL_ERR_MALFORMED);
    MRL_ENSURE(mrl_bytes_split(rest, '+', &id, &key), MRL_ERR_MALFORMED); /* base64 may have more */
    MRL_ENSURE(mrl_tlog_name_valid(out->name), MRL_ERR_MALFORMED);
    MRL_TRY(mrl_unhex(id, out->id, sizeof(out->id)));
    MRL_TRY(mrl_tlog_base64(key, &out->key));
    return out->key.len > 0 ? MRL_OK : MRL_ERR_MALFORMED;
}

static mrl_err read_vkey(const struct vkey *v, struct mrl_note_key *out, struct mrl_why *why)
{
    struct mrl_reader r = {mrl_buf_bytes(&v->key)},
                      id_reader = {mrl_bytes_of(v->id, sizeof(v->id))};
    MRL_SCOPED(mrl_note_key) k = {0};
    enum mrl_note_kind kind;
    uint8_t kind_byte;
    uint32_t id;

    MRL_TRY(mrl_read_u8(&r, &kind_byte));
    MRL_TRY(mrl_read_u32(&id_reader, &id));
    MRL_TRY(known_kind(kind_byte, &kind, why));
    if (mrl_note_key_make(v->name, kind, mrl_read_rest(&r), &k) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED, "the verifier key holds no Ed25519 key");
    if (k.id != id)
        return mrl_fail(why, MRL_ERR_MALFORMED,
                        "the hash in the verifier key is not that of its name and key");
    *out = k;
    k.key = NULL; /* out has it */
    return MRL_OK;
}

mrl_err mrl_note_key_parse(mrl_bytes vkey, struct mrl_note_key *out, struct mrl_why *why)
{
    MRL_SCOPED(vkey) v = {.key = {.limit = MRL_NOTE_VKEY_MAX}};

    if (vkey.len >= MRL_NOTE_VKEY_MAX || split_vkey(vkey, &v) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED,
                        "a verifier key is <name>+<hash of 8 hex digits>+<key in base64>");
    return read_vkey(&v, out, why);
}

mrl_err mrl_note_key_format(const struct mrl_note_key *k, char to[static MRL_NOTE_VKEY_MAX])
{
    const uint8_t kind = (uint8_t)k->kind;
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) raw = {0};
    MRL_SCOPED(mrl_buf) text = {0};

    MRL_TRY(mrl_key_to_spki(k->key, &spki));
    MRL_ENSURE(spki.len == sizeof(spki_prefix) + PUBLIC_KEY, MRL_ERR_INVALID);
    MRL_TRY(mrl_buf_append(&raw, mrl_bytes_of(&kind, 1)));
    MRL_TRY(
        mrl_buf_append(&raw, mrl_bytes_sub(mrl_buf_bytes(&spki), sizeof(spki_prefix), PUBLIC_KEY)));
    MRL_TRY(mrl_buf_printf(&text, "%s+%08" PRIx32 "+", k->name, k->id));
    MRL_TRY(mrl_base64_write(mrl_buf_bytes(&raw), 0, &text));
    return mrl_bytes_to_cstr(mrl_buf_bytes(&text), to, MRL_NOTE_VKEY_MAX) ? MRL_OK
                                                                          : MRL_ERR_INVALID;
}
