/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/random.h"
#include "keys/ca.h"
#include "keys/keystore.h"
#include "keys/keystore_files.h"
#include "keys/sealed.h"

struct making {
    const struct mrl_folder *f;
    const struct mrl_keystore_plan *plan;
    const struct mrl_unlock *unlock;
    struct mrl_kek kek;
};

static mrl_err create_key(const struct making *m, const char *name, enum mrl_key_type type,
                          struct mrl_key **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_key) key = NULL;
    MRL_AUTO(mrl_secret) pkcs8 = NULL;

    MRL_TRY(mrl_key_generate(type, &key, why));
    MRL_TRY(mrl_key_to_pkcs8(key, &pkcs8));
    MRL_TRY(mrl_sealed_create(m->f, name, &m->kek, mrl_secret_bytes(pkcs8), why));
    *out = MRL_TAKE(key);
    return MRL_OK;
}

static mrl_err create_sealing(const struct making *m, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) key = mrl_secret_new(MRL_KEYSTORE_SEALING_SIZE);

    mrl_random(mrl_secret_data(key), MRL_KEYSTORE_SEALING_SIZE);
    return mrl_sealed_create(m->f, MRL_KEYSTORE_SEALING, &m->kek, mrl_secret_bytes(key), why);
}

static mrl_err create_cas(const struct making *m, struct mrl_generation *root,
                          struct mrl_generation *issuing, struct mrl_why *why)
{
    MRL_TRY(create_key(m, MRL_KEYSTORE_ROOT, m->plan->root_type, &root->key, why));
    MRL_TRY(create_key(m, MRL_KEYSTORE_ISSUING, m->plan->issuing_type, &issuing->key, why));
    MRL_TRY(mrl_ca_build_root(root->key, m->plan->now, &root->cert, why));
    return mrl_ca_build_issuing(MRL_LIT("Merlon Issuing CA"), issuing->key, root, m->plan->now,
                                &issuing->cert, why);
}

static mrl_err create_audit(const struct making *m, uint8_t *audit_public, struct mrl_why *why)
{
    MRL_AUTO(mrl_held) held = NULL;
    MRL_AUTO(mrl_key) audit = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};
    mrl_bytes raw;

    if (m->plan->hold_audit) {
        MRL_TRY(mrl_held_make(m->unlock, MRL_KEY_ED25519, "merlon-audit", &held, &audit, why));
        MRL_TRY(
            mrl_sealed_create(m->f, MRL_KEYSTORE_AUDIT, &m->kek, mrl_held_reference(held), why));
    } else {
        MRL_TRY(create_key(m, MRL_KEYSTORE_AUDIT, MRL_KEY_ED25519, &audit, why));
    }
    MRL_TRY(mrl_key_to_spki(audit, &spki));
    MRL_ENSURE(spki.len > MRL_KEYS_AUDIT_KEY_SIZE, MRL_ERR_CRYPTO);
    raw = mrl_bytes_sub(mrl_buf_bytes(&spki), spki.len - MRL_KEYS_AUDIT_KEY_SIZE, SIZE_MAX);
    memcpy(audit_public, raw.data, raw.len);
    return MRL_OK;
}

static mrl_err create_manifest(const struct making *m, mrl_bytes root_cert, mrl_bytes issuing_cert,
                               const uint8_t *audit_public, struct mrl_why *why)
{
    uint8_t memory[MRL_KEYSTORE_MANIFEST_MAX];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    mrl_bytes content;

    mrl_put_u8(&w, MRL_KEYSTORE_MANIFEST_VERSION);
    mrl_put_blob16(&w, m->plan->tenant);
    mrl_put_blob16(&w, root_cert);
    mrl_put_blob16(&w, issuing_cert);
    mrl_put_blob16(&w, mrl_bytes_of(audit_public, MRL_KEYS_AUDIT_KEY_SIZE));
    MRL_TRY(mrl_writer_end(&w, &content));
    return mrl_sealed_create(m->f, MRL_KEYSTORE_MANIFEST, &m->kek, content, why);
}

static mrl_bytes der_of(const struct mrl_generation *g)
{
    return g->cert != NULL ? mrl_cert_facts(g->cert)->der : MRL_BYTES_NONE;
}

/* The manifest comes last: with it everything is there, without it nothing was ever used. */
static mrl_err create_parts(const struct making *m, struct mrl_why *why)
{
    MRL_SCOPED(mrl_generation) root = {0};
    MRL_SCOPED(mrl_generation) issuing = {0};
    uint8_t audit_public[MRL_KEYS_AUDIT_KEY_SIZE];

    if (!m->plan->root_offline)
        MRL_TRY(create_cas(m, &root, &issuing, why));
    MRL_TRY(create_audit(m, audit_public, why));
    MRL_TRY(create_sealing(m, why));
    MRL_TRY(mrl_folder_create(m->f, MRL_KEYSTORE_EXPORT, MRL_BYTES_NONE, why));
    return create_manifest(m, der_of(&root), der_of(&issuing), audit_public, why);
}

/* Of every kind of unlock key: an interrupted init may have been of another one. */
static const char *part(size_t at)
{
    static const char *const parts[] = MRL_KEYSTORE_PARTS;
    static const char *const of_hardware[] = {MRL_UNLOCK_TPM_NAME, MRL_UNLOCK_PKCS11_NAME};

    if (at < MRL_COUNT(parts))
        return parts[at];
    at -= MRL_COUNT(parts);
    return at < MRL_COUNT(of_hardware) ? of_hardware[at] : NULL;
}

static mrl_err remove_unfinished(const struct mrl_folder *f, struct mrl_why *why)
{
    for (size_t i = 0; part(i) != NULL; i++)
        MRL_TRY(mrl_folder_remove(f, part(i), why));
    return mrl_folder_remove(f, MRL_KEYSTORE_UNFINISHED, why);
}

static mrl_err refuse_stray_parts(const struct mrl_folder *f, struct mrl_why *why)
{
    for (size_t i = 0; part(i) != NULL; i++)
        if (mrl_folder_has(f, part(i)))
            return mrl_fail(why, MRL_ERR_STATE,
                            "%s/%s exists without a manifest: restore the folder from a backup, "
                            "or move it away to start anew",
                            f->path, part(i));
    return MRL_OK;
}

/* Leaves a folder without a keystore, or refuses. */
static mrl_err clear_way(const struct mrl_folder *f, struct mrl_why *why)
{
    bool finished = mrl_folder_has(f, MRL_KEYSTORE_MANIFEST);
    bool begun = mrl_folder_has(f, MRL_KEYSTORE_UNFINISHED);

    if (finished && begun) /* only the last step of that init is missing */
        MRL_TRY(mrl_folder_remove(f, MRL_KEYSTORE_UNFINISHED, why));
    if (finished)
        return mrl_fail(why, MRL_ERR_EXISTS,
                        "%s holds a keystore already; existing keys are never replaced", f->path);
    return begun ? remove_unfinished(f, why) : refuse_stray_parts(f, why);
}

static mrl_err check_plan(const struct mrl_keystore_plan *plan, struct mrl_why *why)
{
    if ((plan->root_type != MRL_KEY_P256 && plan->root_type != MRL_KEY_P384) ||
        (plan->issuing_type != MRL_KEY_P256 && plan->issuing_type != MRL_KEY_P384))
        return mrl_fail(why, MRL_ERR_INVALID, "the keys of CAs are P-256 or P-384");
    if (!mrl_keys_tenant_valid(plan->tenant))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "a tenant has 1 to %d characters of a-z, 0-9 and '-', and does not begin "
                        "with '-'",
                        MRL_KEYS_TENANT_MAX);
    return mrl_random_check(why);
}

mrl_err mrl_keystore_create(const struct mrl_folder *f, const struct mrl_unlock *u,
                            const struct mrl_keystore_plan *plan, struct mrl_why *why)
{
    struct making m = {.f = f, .plan = plan, .unlock = u};
    mrl_err err;

    MRL_TRY(check_plan(plan, why));
    MRL_TRY(clear_way(f, why));
    MRL_TRY(mrl_folder_create(f, MRL_KEYSTORE_UNFINISHED, MRL_BYTES_NONE, why));
    err = mrl_kek_make(f, u, &m.kek, why);
    if (err == MRL_OK)
        err = create_parts(&m, why);
    mrl_kek_done(&m.kek);
    MRL_TRY(err);
    return mrl_folder_remove(f, MRL_KEYSTORE_UNFINISHED, why);
}
