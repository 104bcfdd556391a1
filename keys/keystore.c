/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/keystore.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "keys/keystore_files.h"
#include "keys/sealed.h"
#include "keys/staging.h"

enum { ED25519_SPKI_SIZE = 44 }; /* RFC 8410: 12 bytes that are always the same, then the key */

/* The content of the manifest, views into it. */
struct manifest {
    mrl_bytes tenant;
    mrl_bytes root_cert;
    mrl_bytes issuing_cert;
    mrl_bytes audit_public;
};

/* RFC 8410 4: always the same before the key. */
static void audit_spki(const uint8_t *public_key, uint8_t out[static ED25519_SPKI_SIZE])
{
    static const uint8_t start[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                    0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};

    memcpy(out, start, sizeof(start));
    memcpy(out + sizeof(start), public_key, MRL_KEYS_AUDIT_KEY_SIZE);
}

bool mrl_keystore_needs_hardware(const struct mrl_keystore *k)
{
    bool needs = k->audit_held != NULL;

    for (size_t i = 0; i < k->cas.count; i++)
        needs |= k->cas.at[i].held != NULL;
    return needs;
}

static mrl_err read_manifest(mrl_bytes content, struct manifest *out)
{
    struct mrl_reader r = {content};
    struct manifest m;
    uint8_t version;

    MRL_TRY(mrl_read_u8(&r, &version));
    MRL_ENSURE(version == MRL_KEYSTORE_MANIFEST_VERSION, MRL_ERR_UNSUPPORTED);
    MRL_TRY(mrl_read_blob16(&r, &m.tenant));
    MRL_TRY(mrl_read_blob16(&r, &m.root_cert));
    MRL_TRY(mrl_read_blob16(&r, &m.issuing_cert));
    MRL_TRY(mrl_read_blob16(&r, &m.audit_public));
    MRL_TRY(mrl_reader_end(&r));
    MRL_ENSURE(mrl_keys_tenant_valid(m.tenant), MRL_ERR_MALFORMED);
    MRL_ENSURE(m.audit_public.len == MRL_KEYS_AUDIT_KEY_SIZE, MRL_ERR_MALFORMED);
    *out = m;
    return MRL_OK;
}

static mrl_err fail_part(const struct mrl_folder *f, const char *name, mrl_err err,
                         struct mrl_why *why)
{
    return mrl_fail(why, err, "%s/%s holds no usable content: restore it from a backup", f->path,
                    name);
}

/* Empty: this keystore was made for an offline root, and all its CAs are later ones. */
static mrl_err take_first(enum mrl_ca_kind kind, mrl_bytes cert, struct mrl_generations *all)
{
    MRL_SCOPED(mrl_generation) g = {.kind = kind, .number = 1};

    if (cert.len == 0)
        return MRL_OK;
    MRL_TRY(mrl_cert_from_der(cert, &g.cert));
    return mrl_generations_add(all, &g);
}

static mrl_err take_manifest(const struct mrl_folder *f, mrl_bytes content, struct mrl_keystore *k,
                             struct mrl_why *why)
{
    struct manifest m;

    if (read_manifest(content, &m) != MRL_OK ||
        take_first(MRL_CA_ROOT, m.root_cert, &k->cas) != MRL_OK ||
        take_first(MRL_CA_ISSUING, m.issuing_cert, &k->cas) != MRL_OK ||
        !mrl_bytes_to_cstr(m.tenant, k->tenant, sizeof(k->tenant)))
        return fail_part(f, MRL_KEYSTORE_MANIFEST, MRL_ERR_CORRUPT, why);
    memcpy(k->audit_public, m.audit_public.data, sizeof(k->audit_public));
    return MRL_OK;
}

static mrl_err load_key(const struct mrl_folder *f, const char *name, const struct mrl_kek *kek,
                        struct mrl_key **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) plain = NULL;

    MRL_TRY(mrl_sealed_read(f, name, kek, &plain, why));
    if (mrl_key_from_pkcs8(mrl_secret_bytes(plain), out) != MRL_OK)
        return fail_part(f, name, MRL_ERR_CORRUPT, why);
    return MRL_OK;
}

/* Of what the manifest brought. */
static mrl_err load_first_keys(const struct mrl_folder *f, const struct mrl_kek *kek,
                               struct mrl_generations *all, struct mrl_why *why)
{
    for (size_t i = 0; i < all->count; i++)
        if (!mrl_generation_is_dropped(f, all->at[i].kind, /*number=*/1))
            MRL_TRY(load_key(
                f, all->at[i].kind == MRL_CA_ROOT ? MRL_KEYSTORE_ROOT : MRL_KEYSTORE_ISSUING, kek,
                &all->at[i].key, why));
    return MRL_OK;
}

/* What init put there: PKCS#8 (a SEQUENCE), or how the hardware names it. */
static mrl_err load_audit(const struct mrl_folder *f, const struct mrl_kek *kek,
                          const struct mrl_unlock *u, struct mrl_keystore *k, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) plain = NULL;
    uint8_t spki[ED25519_SPKI_SIZE];
    mrl_bytes content;

    MRL_TRY(mrl_sealed_read(f, MRL_KEYSTORE_AUDIT, kek, &plain, why));
    content = mrl_secret_bytes(plain);
    if (content.len > 0 && mrl_unlock_is_hardware((enum mrl_unlock_kind)content.data[0])) {
        audit_spki(k->audit_public, spki);
        return mrl_held_open(u, content, mrl_bytes_of(spki, sizeof(spki)), &k->audit_held,
                             &k->audit, why);
    }
    if (mrl_key_from_pkcs8(content, &k->audit) != MRL_OK)
        return fail_part(f, MRL_KEYSTORE_AUDIT, MRL_ERR_CORRUPT, why);
    return MRL_OK;
}

static mrl_err load_keys(const struct mrl_folder *f, const struct mrl_kek *kek,
                         const struct mrl_unlock *u, struct mrl_keystore *k, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) manifest = NULL;

    MRL_TRY(mrl_sealed_read(f, MRL_KEYSTORE_MANIFEST, kek, &manifest, why));
    MRL_TRY(take_manifest(f, mrl_secret_bytes(manifest), k, why));
    MRL_TRY(load_first_keys(f, kek, &k->cas, why));
    MRL_TRY(mrl_generations_load(f, kek, u, &k->cas, why));
    MRL_TRY(load_audit(f, kek, u, k, why));
    return mrl_sealing_load(f, kek, &k->sealing, why);
}

static bool is_audit_public(const struct mrl_key *key, const uint8_t *expected)
{
    MRL_SCOPED(mrl_buf) spki = {0};

    return mrl_key_type(key) == MRL_KEY_ED25519 && mrl_key_to_spki(key, &spki) == MRL_OK &&
           spki.len == ED25519_SPKI_SIZE &&
           mrl_bytes_ends(mrl_buf_bytes(&spki), mrl_bytes_of(expected, MRL_KEYS_AUDIT_KEY_SIZE));
}

/* Sealing already ties the files together; this also catches a fault of whoever wrote them. */
static mrl_err check_together(const struct mrl_folder *f, const struct mrl_keystore *k,
                              struct mrl_why *why)
{
    if (!is_audit_public(k->audit, k->audit_public) ||
        mrl_generations_check(&k->cas, NULL) != MRL_OK)
        return mrl_fail(why, MRL_ERR_CORRUPT,
                        "keys and certificates in %s do not fit together: restore the folder from "
                        "a backup",
                        f->path);
    return MRL_OK;
}

/* An absent file could mean that somebody wants a second export: refused, not recreated. */
static mrl_err read_export_record(const struct mrl_folder *f, bool *exported, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) record = NULL;

    MRL_TRY(mrl_folder_read(f, MRL_KEYSTORE_EXPORT, &record, why));
    *exported = mrl_secret_bytes(record).len > 0; /* even half a record means that it was begun */
    return MRL_OK;
}

static mrl_err check_finished(const struct mrl_folder *f, struct mrl_why *why)
{
    if (mrl_folder_has(f, MRL_KEYSTORE_MANIFEST))
        return MRL_OK;
    if (mrl_folder_has(f, MRL_KEYSTORE_UNFINISHED))
        return mrl_fail(why, MRL_ERR_STATE,
                        "init of %s was interrupted: run merlon-keys init again", f->path);
    if (mrl_folder_has(f, MRL_KEYSTORE_ROOT) || mrl_folder_has(f, MRL_KEYSTORE_ISSUING))
        return mrl_fail(why, MRL_ERR_STATE,
                        "%s has key files but no manifest: restore the folder from a backup",
                        f->path);
    return mrl_fail(why, MRL_ERR_NOT_FOUND, "%s holds no keystore: run merlon-keys init --dir %s",
                    f->path, f->path);
}

mrl_err mrl_keystore_kek(const struct mrl_folder *f, const struct mrl_unlock *u,
                         struct mrl_kek *out, struct mrl_why *why)
{
    uint8_t salt[MRL_UNLOCK_SALT];
    enum mrl_unlock_kind kind;

    MRL_TRY(mrl_staging_settle(f, why));
    MRL_TRY(check_finished(f, why));
    MRL_TRY(mrl_sealed_peek(f, MRL_KEYSTORE_MANIFEST, &kind, salt, why));
    return mrl_kek_derive(f, u, kind, salt, out, why);
}

static mrl_err open_all(const struct mrl_folder *f, const struct mrl_unlock *u,
                        struct mrl_keystore *k, struct mrl_why *why)
{
    MRL_SCOPED(mrl_kek) kek = {0};

    MRL_TRY(mrl_keystore_kek(f, u, &kek, why));
    MRL_TRY(load_keys(f, &kek, u, k, why));
    MRL_TRY(check_together(f, k, why));
    return read_export_record(f, &k->root_exported, why);
}

mrl_err mrl_keystore_open(const struct mrl_folder *f, const struct mrl_unlock *u,
                          struct mrl_keystore *out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_keystore) k = {0};

    MRL_TRY(open_all(f, u, &k, why));
    *out = k;
    k = (struct mrl_keystore){0};
    return MRL_OK;
}

void mrl_keystore_done(struct mrl_keystore *k)
{
    mrl_generations_done(&k->cas);
    mrl_key_free(k->audit);
    mrl_held_free(k->audit_held);
    mrl_sealing_keys_done(&k->sealing);
    *k = (struct mrl_keystore){0};
}

static mrl_err write_export_record(const struct mrl_folder *f, int64_t now, struct mrl_why *why)
{
    char record[MRL_TIME_TEXT];
    size_t len;
    int fd;
    bool durable;

    mrl_time_format(now * 1000, record);
    len = strlen(record);
    record[len++] = '\n'; /* in the place of the NUL */
    MRL_TRY(mrl_folder_open_file(f, MRL_KEYSTORE_EXPORT, O_RDWR, &fd, why));
    durable = pwrite(fd, record, len, 0) == (ssize_t)len && fsync(fd) == 0;
    (void)close(fd); /* synced or refused */
    if (!durable)
        return mrl_fail(why, MRL_ERR_IO, "the export cannot be recorded, so it is not made");
    return MRL_OK;
}

mrl_err mrl_keystore_mark_exported(const struct mrl_folder *f, struct mrl_keystore *k, int64_t now,
                                   struct mrl_why *why)
{
    if (k->root_exported)
        return mrl_fail(why, MRL_ERR_STATE,
                        "the root key was exported before; this is possible only once");
    k->root_exported = true; /* also when the record fails: never twice */
    return write_export_record(f, now, why);
}
