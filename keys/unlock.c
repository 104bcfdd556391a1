/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/unlock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "crypto/hash.h"
#include "keys/sandbox.h"
#include "keys/unlock_process.h"

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

static mrl_err gather_passphrase(const struct mrl_unlock_source *s, struct mrl_secret **out,
                                 struct mrl_why *why)
{
    return mrl_passphrase_read(s->fd_given ? s->passphrase_fd : -1, s->passphrase_file,
                               "the passphrase", out, why);
}

/* The file that systemd decrypted. */
static mrl_err credential_path(const char *name, char *to, size_t cap, struct mrl_why *why)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");

    if (folder == NULL)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "no $CREDENTIALS_DIRECTORY: name %s by LoadCredentialEncrypted= in the "
                        "systemd unit",
                        name);
    if (strchr(name, '/') != NULL)
        return mrl_fail(why, MRL_ERR_INVALID, "credential name %s may not hold a slash", name);
    if ((size_t)snprintf(to, cap, "%s/%s", folder, name) >= cap)
        return mrl_fail(why, MRL_ERR_INVALID, "$CREDENTIALS_DIRECTORY is too long");
    return MRL_OK;
}

static mrl_err gather_credential(const char *name, struct mrl_secret **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) read = NULL;
    char path[4096];

    MRL_TRY(credential_path(name, path, sizeof(path), why));
    MRL_TRY(mrl_read_secret_file(path, /*group_ok=*/true, MATERIAL_MAX, &read, why));
    if (mrl_secret_bytes(read).len < MRL_UNLOCK_CREDENTIAL_LEAST)
        return mrl_fail(why, MRL_ERR_INVALID, "%s is shorter than %d random bytes", path,
                        MRL_UNLOCK_CREDENTIAL_LEAST);
    *out = MRL_TAKE(read);
    return MRL_OK;
}

static mrl_err read_pin(const struct mrl_unlock_source *s, struct mrl_secret **out,
                        struct mrl_why *why)
{
    char path[4096];

    if (s->pin_file != NULL)
        return mrl_read_secret_file(s->pin_file, /*group_ok=*/false, MATERIAL_MAX, out, why);
    MRL_TRY(credential_path(s->pin_credential, path, sizeof(path), why));
    return mrl_read_secret_file(path, /*group_ok=*/true, MATERIAL_MAX, out, why);
}

static mrl_err gather_pin(const struct mrl_unlock_source *s, struct mrl_secret **out,
                          struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) all = NULL;
    MRL_AUTO(mrl_secret) pin = NULL;

    if (s->pin_file == NULL && s->pin_credential == NULL)
        return MRL_OK; /* a TPM needs none */
    MRL_TRY(read_pin(s, &all, why));
    pin = without_line_end(all);
    if (mrl_secret_bytes(pin).len == 0 || mrl_secret_bytes(pin).len > MRL_PIN_MOST)
        return mrl_fail(why, MRL_ERR_INVALID, "the PIN has 1 to %d bytes", MRL_PIN_MOST);
    *out = MRL_TAKE(pin);
    return MRL_OK;
}

mrl_err mrl_unlock_gather(const struct mrl_unlock_source *s, struct mrl_unlock *out,
                          struct mrl_why *why)
{
    struct mrl_unlock u = {.kind = s->kind, .source = s};

    if (s->kind == MRL_UNLOCK_PASSPHRASE)
        MRL_TRY(gather_passphrase(s, &u.material, why));
    if (s->kind == MRL_UNLOCK_CREDENTIAL)
        MRL_TRY(gather_credential(s->credential, &u.material, why));
    if (mrl_unlock_is_hardware(s->kind))
        MRL_TRY(gather_pin(s, &u.material, why));
    *out = u;
    return MRL_OK;
}

mrl_err mrl_unlock_gather_for(const struct mrl_unlock_source *s, const char *user,
                              struct mrl_unlock *out, struct mrl_why *why)
{
    uint32_t uid, gid;

    if (user != NULL) {
        MRL_TRY(mrl_sandbox_find_user(user, &uid, &gid, why));
        mrl_secret_files_may_be_of(uid);
    }
    return mrl_unlock_gather(s, out, why);
}

mrl_err mrl_unlock_start(struct mrl_unlock *u, const char *user, struct mrl_why *why)
{
    if (!mrl_unlock_is_hardware(u->kind))
        return MRL_OK;
    return mrl_unlock_process_start(u->source, mrl_secret_bytes(u->material), user, &u->process,
                                    why);
}

mrl_err mrl_unlock_hold(struct mrl_unlock *u, struct mrl_why *why)
{
    MRL_TRY(mrl_unlock_process_hold(u->process, why));
    mrl_secret_free(MRL_TAKE(u->material));
    return MRL_OK;
}

void mrl_unlock_done(struct mrl_unlock *u)
{
    mrl_unlock_process_free(MRL_TAKE(u->process));
    mrl_secret_free(MRL_TAKE(u->material));
}

void mrl_kek_done(struct mrl_kek *k)
{
    mrl_secret_free(MRL_TAKE(k->key));
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

static mrl_err derive_from_hardware(const struct mrl_folder *f, const struct mrl_unlock *u,
                                    mrl_bytes salt, struct mrl_secret **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) blob = NULL;
    MRL_AUTO(mrl_secret) material = NULL;

    MRL_TRY(mrl_folder_read(f, mrl_unlock_file(u->kind), &blob, why));
    MRL_TRY(mrl_unlock_process_open(u->process, mrl_secret_bytes(blob), &material, why));
    return derive_from_bytes(mrl_secret_bytes(material), salt, out);
}

static const char *remedy(enum mrl_unlock_kind wanted)
{
    switch (wanted) {
    case MRL_UNLOCK_PASSPHRASE:
        return "a passphrase: give --passphrase-fd or --passphrase-file";
    case MRL_UNLOCK_CREDENTIAL:
        return "a systemd credential: give --credential";
    case MRL_UNLOCK_TPM:
        return "the TPM of the machine: give --unlock tpm";
    case MRL_UNLOCK_PKCS11:
        return "a PKCS#11 token: give --pkcs11-module, -token and -key";
    case MRL_UNLOCK_FILE:
    case MRL_UNLOCK_NONE:
        break;
    }
    return "its own unlock.key: give no passphrase and no other source";
}

static mrl_err derive_key(const struct mrl_folder *f, const struct mrl_unlock *u, mrl_bytes salt,
                          struct mrl_secret **out, struct mrl_why *why)
{
    mrl_bytes material = mrl_secret_bytes(u->material);

    if (u->kind == MRL_UNLOCK_FILE)
        return derive_from_file(f, salt, out, why);
    if (mrl_unlock_is_hardware(u->kind))
        return derive_from_hardware(f, u, salt, out, why);
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

static mrl_err make_unlock_file(const struct mrl_folder *f, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) key = mrl_secret_new(UNLOCK_FILE_SIZE);

    mrl_random(mrl_secret_data(key), UNLOCK_FILE_SIZE);
    return mrl_folder_create(f, MRL_UNLOCK_FILE_NAME, mrl_secret_bytes(key), why);
}

static mrl_err make_hardware_file(const struct mrl_folder *f, const struct mrl_unlock *u,
                                  struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) blob = {.limit = MRL_PRIVATE_FILE_MAX};

    MRL_TRY(mrl_unlock_process_make(u->process, &blob, why));
    return mrl_folder_create(f, mrl_unlock_file(u->kind), mrl_buf_bytes(&blob), why);
}

mrl_err mrl_kek_make(const struct mrl_folder *f, const struct mrl_unlock *u, struct mrl_kek *out,
                     struct mrl_why *why)
{
    uint8_t salt[MRL_UNLOCK_SALT];

    if (u->kind == MRL_UNLOCK_FILE)
        MRL_TRY(make_unlock_file(f, why));
    if (mrl_unlock_is_hardware(u->kind))
        MRL_TRY(make_hardware_file(f, u, why));
    mrl_random(salt, sizeof(salt));
    return mrl_kek_derive(f, u, u->kind, salt, out, why);
}
