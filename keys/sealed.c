/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/sealed.h"

#include <string.h>

#include "base/reader.h"
#include "base/writer.h"
#include "crypto/aead.h"
#include "crypto/hash.h"

#define MAGIC MRL_LIT("MRLKEYS\n")
enum { VERSION = 1, HEADER_MAX = 256, FILE_KEY_INFO_MAX = 96 };

struct header {
    mrl_bytes name;
    enum mrl_unlock_kind kind;
    uint8_t salt[MRL_UNLOCK_SALT];
};

static mrl_err write_header(const char *name, const struct mrl_kek *kek, struct mrl_writer *w,
                            mrl_bytes *out)
{
    mrl_put_bytes(w, MAGIC);
    mrl_put_u8(w, VERSION);
    mrl_put_blob16(w, mrl_str(name));
    mrl_put_u8(w, (uint8_t)kek->kind);
    mrl_put_blob16(w, mrl_bytes_of(kek->salt, sizeof(kek->salt)));
    return mrl_writer_end(w, out);
}

static mrl_err read_start(struct mrl_reader *r)
{
    mrl_bytes magic;
    uint8_t version;

    MRL_TRY(mrl_read_bytes(r, MAGIC.len, &magic));
    MRL_ENSURE(mrl_bytes_eq(magic, MAGIC), MRL_ERR_MALFORMED);
    MRL_TRY(mrl_read_u8(r, &version));
    return version == VERSION ? MRL_OK : MRL_ERR_MALFORMED;
}

static mrl_err read_header(struct mrl_reader *r, struct header *out)
{
    struct header h = {0};
    mrl_bytes salt;
    uint8_t kind;

    MRL_TRY(read_start(r));
    MRL_TRY(mrl_read_blob16(r, &h.name));
    MRL_TRY(mrl_read_u8(r, &kind));
    MRL_ENSURE(mrl_unlock_kind_valid(kind), MRL_ERR_MALFORMED);
    h.kind = (enum mrl_unlock_kind)kind;
    MRL_TRY(mrl_read_blob16(r, &salt));
    MRL_ENSURE(salt.len == sizeof(h.salt), MRL_ERR_MALFORMED);
    memcpy(h.salt, salt.data, salt.len);
    *out = h;
    return MRL_OK;
}

static mrl_err file_key(const char *name, const struct mrl_kek *kek, struct mrl_secret **out)
{
    char memory[FILE_KEY_INFO_MAX];
    struct mrl_writer info = mrl_writer_on(memory, sizeof(memory));
    mrl_bytes text;

    mrl_put_text(&info, "merlon keystore v1 file %s", name);
    MRL_TRY(mrl_writer_end(&info, &text));
    return mrl_hkdf_sha256(mrl_secret_bytes(kek->key), mrl_bytes_of(kek->salt, sizeof(kek->salt)),
                           text, MRL_AEAD_KEY, out);
}

mrl_err mrl_sealed_create(const struct mrl_folder *f, const char *name, const struct mrl_kek *kek,
                          mrl_bytes plain, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) file = {.limit = MRL_PRIVATE_FILE_MAX};
    MRL_AUTO(mrl_secret) key = NULL;
    uint8_t memory[HEADER_MAX];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    mrl_bytes header;

    MRL_TRY(write_header(name, kek, &w, &header));
    MRL_TRY(mrl_buf_append(&file, header));
    MRL_TRY(file_key(name, kek, &key));
    MRL_TRY(mrl_envelope_seal(key, header, plain, &file));
    return mrl_folder_create(f, name, mrl_buf_bytes(&file), why);
}

/* The file and its header; what is left in *r is the envelope. */
static mrl_err open_file(const struct mrl_folder *f, const char *name, struct mrl_secret **file,
                         struct mrl_reader *r, struct header *h, struct mrl_why *why)
{
    MRL_TRY(mrl_folder_read(f, name, file, why));
    *r = (struct mrl_reader){mrl_secret_bytes(*file)};
    if (read_header(r, h) != MRL_OK || !mrl_bytes_eq(h->name, mrl_str(name)))
        return mrl_fail(why, MRL_ERR_CORRUPT,
                        "%s/%s is damaged, or not a key file of this version: restore it from a "
                        "backup",
                        f->path, name);
    return MRL_OK;
}

static mrl_err fail_to_open(const struct mrl_folder *f, const char *name, enum mrl_unlock_kind kind,
                            struct mrl_why *why)
{
    return mrl_fail(
        why, MRL_ERR_CRYPTO, "%s/%s does not open: it was changed, or the %s is wrong", f->path,
        name, mrl_unlock_file(kind) != NULL ? mrl_unlock_file(kind) : mrl_unlock_kind_name(kind));
}

mrl_err mrl_sealed_read(const struct mrl_folder *f, const char *name, const struct mrl_kek *kek,
                        struct mrl_secret **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) file = NULL;
    MRL_AUTO(mrl_secret) key = NULL;
    struct mrl_reader r;
    struct header h;
    mrl_bytes aad;

    MRL_TRY(open_file(f, name, &file, &r, &h, why));
    aad = mrl_bytes_sub(r.in, 0, r.at);
    if (h.kind != kek->kind || memcmp(h.salt, kek->salt, sizeof(h.salt)) != 0)
        return mrl_fail(why, MRL_ERR_CORRUPT,
                        "%s/%s belongs to another keystore than the manifest: restore both from "
                        "one backup",
                        f->path, name);
    MRL_TRY(file_key(name, kek, &key));
    if (mrl_envelope_open(key, aad, mrl_read_rest(&r), out) != MRL_OK)
        return fail_to_open(f, name, kek->kind, why);
    return MRL_OK;
}

mrl_err mrl_sealed_peek(const struct mrl_folder *f, const char *name, enum mrl_unlock_kind *kind,
                        uint8_t salt[static MRL_UNLOCK_SALT], struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) file = NULL;
    struct mrl_reader r;
    struct header h;

    MRL_TRY(open_file(f, name, &file, &r, &h, why));
    *kind = h.kind;
    memcpy(salt, h.salt, MRL_UNLOCK_SALT);
    return MRL_OK;
}

bool mrl_sealed_is(const struct mrl_folder *f, const char *name)
{
    uint8_t salt[MRL_UNLOCK_SALT];
    enum mrl_unlock_kind kind;

    return mrl_sealed_peek(f, name, &kind, salt, NULL) == MRL_OK;
}
