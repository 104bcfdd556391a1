/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/unlock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "crypto/hash.h"

enum { KEK_SIZE = 32, UNLOCK_FILE_SIZE = 32, MATERIAL_MAX = 4096 };

static const struct mrl_scrypt_cost passphrase_cost = {.n = 1 << 17, .r = 8, .p = 1};

/* One line end is how editors and echo close a file, not part of the passphrase. */
static struct mrl_secret *without_line_end(const struct mrl_secret *text)
{
    mrl_bytes b = mrl_secret_bytes(text);

    if (mrl_bytes_ends(b, MRL_LIT("\n")))
        b.len--;
    return mrl_secret_copy(b);
}

mrl_err mrl_passphrase_read(int fd, const char *file, const char *what, struct mrl_secret **out,
                            struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) all = NULL;
    MRL_AUTO(mrl_secret) text = NULL;

    if (fd >= 0)
        MRL_TRY(mrl_read_secret_fd(fd, MATERIAL_MAX, what, &all, why));
    else
        MRL_TRY(mrl_read_secret_file(file, /*group_ok=*/false, MATERIAL_MAX, &all, why));
    text = without_line_end(all);
    if (mrl_secret_bytes(text).len < MRL_PASSPHRASE_LEAST)
        return mrl_fail(why, MRL_ERR_INVALID, "%s is shorter than %d bytes", what,
                        MRL_PASSPHRASE_LEAST);
    *out = MRL_TAKE(text);
    return MRL_OK;
}

static mrl_err gather_passphrase(const struct mrl_unlock_source *s, struct mrl_unlock *out,
                                 struct mrl_why *why)
{
    struct mrl_secret *text = NULL;

    MRL_TRY(
        mrl_passphrase_read(s->passphrase_fd, s->passphrase_file, "the passphrase", &text, why));
    *out = (struct mrl_unlock){MRL_UNLOCK_PASSPHRASE, text};
    return MRL_OK;
}

static mrl_err gather_credential(const char *name, struct mrl_unlock *out, struct mrl_why *why)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    MRL_AUTO(mrl_secret) read = NULL;
    char path[4096];

    if (folder == NULL)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "no $CREDENTIALS_DIRECTORY: name %s by LoadCredentialEncrypted= in the "
                        "systemd unit",
                        name);
    if (strchr(name, '/') != NULL)
        return mrl_fail(why, MRL_ERR_INVALID, "credential name %s may not hold a slash", name);
    if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) >= sizeof(path))
        return mrl_fail(why, MRL_ERR_INVALID, "$CREDENTIALS_DIRECTORY is too long");
    MRL_TRY(mrl_read_secret_file(path, /*group_ok=*/true, MATERIAL_MAX, &read, why));
    if (mrl_secret_bytes(read).len < MRL_UNLOCK_CREDENTIAL_LEAST)
        return mrl_fail(why, MRL_ERR_INVALID, "%s is shorter than %d random bytes", path,
                        MRL_UNLOCK_CREDENTIAL_LEAST);
    *out = (struct mrl_unlock){MRL_UNLOCK_CREDENTIAL, MRL_TAKE(read)};
    return MRL_OK;
}

mrl_err mrl_unlock_gather(const struct mrl_unlock_source *s, struct mrl_unlock *out,
                          struct mrl_why *why)
{
    int sources = (s->passphrase_fd >= 0) + (s->passphrase_file != NULL) + (s->credential != NULL);

    if (sources > 1)
        return mrl_fail(why, MRL_ERR_INVALID, "more than one source for the unlock key is given");
    if (s->credential != NULL)
        return gather_credential(s->credential, out, why);
    if (sources == 1)
        return gather_passphrase(s, out, why);
    *out = (struct mrl_unlock){MRL_UNLOCK_FILE, NULL};
    return MRL_OK;
}

void mrl_unlock_done(struct mrl_unlock *u)
{
    mrl_secret_free(MRL_TAKE(u->material));
}

void mrl_kek_done(struct mrl_kek *k)
{
    mrl_secret_free(MRL_TAKE(k->key));
}

mrl_err mrl_unlock_make_file(const struct mrl_folder *f, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) key = mrl_secret_new(UNLOCK_FILE_SIZE);

    mrl_random(mrl_secret_data(key), UNLOCK_FILE_SIZE);
    return mrl_folder_create(f, MRL_UNLOCK_FILE_NAME, mrl_secret_bytes(key), why);
}

static mrl_err derive_from_bytes(mrl_bytes material, mrl_bytes salt, struct mrl_secret **out)
{
    return mrl_hkdf_sha256(material, salt, MRL_LIT("merlon keystore v1 kek"), KEK_SIZE, out);
}

static mrl_err derive_from_file(const struct mrl_folder *f, mrl_bytes salt, struct mrl_secret **out,
                                struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) content = NULL;

    MRL_TRY(mrl_folder_read(f, MRL_UNLOCK_FILE_NAME, &content, why));
    if (mrl_secret_bytes(content).len != UNLOCK_FILE_SIZE)
        return mrl_fail(why, MRL_ERR_CORRUPT,
                        "%s/" MRL_UNLOCK_FILE_NAME " must have %d bytes: restore it", f->path,
                        UNLOCK_FILE_SIZE);
    return derive_from_bytes(mrl_secret_bytes(content), salt, out);
}

static const char *remedy(enum mrl_unlock_kind wanted)
{
    switch (wanted) {
    case MRL_UNLOCK_PASSPHRASE:
        return "a passphrase: give --passphrase-fd or --passphrase-file";
    case MRL_UNLOCK_CREDENTIAL:
        return "a systemd credential: give --credential";
    case MRL_UNLOCK_FILE:
    case MRL_UNLOCK_NONE:
        break;
    }
    return "its own unlock.key: give no passphrase and no credential";
}

static mrl_err derive_key(const struct mrl_folder *f, const struct mrl_unlock *u, mrl_bytes salt,
                          struct mrl_secret **out, struct mrl_why *why)
{
    mrl_bytes material = mrl_secret_bytes(u->material);

    if (u->kind == MRL_UNLOCK_FILE)
        return derive_from_file(f, salt, out, why);
    if (u->kind == MRL_UNLOCK_PASSPHRASE)
        return mrl_scrypt(material, salt, passphrase_cost, KEK_SIZE, out);
    return derive_from_bytes(material, salt, out);
}

mrl_err mrl_kek_derive(const struct mrl_folder *f, const struct mrl_unlock *u,
                       enum mrl_unlock_kind kind, const uint8_t salt[static MRL_UNLOCK_SALT],
                       struct mrl_kek *out, struct mrl_why *why)
{
    struct mrl_kek kek = {.kind = kind};

    if (u->kind != kind)
        return mrl_fail(why, MRL_ERR_INVALID, "the keystore in %s is unlocked by %s", f->path,
                        remedy(kind));
    memcpy(kek.salt, salt, sizeof(kek.salt));
    MRL_TRY(derive_key(f, u, mrl_bytes_of(salt, MRL_UNLOCK_SALT), &kek.key, why));
    *out = kek;
    return MRL_OK;
}
