/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <tss2/tss2_mu.h>

#include "base/random.h"
#include "crypto/hash.h"
#include "keys/hardware/blob.h"
#include "keys/hardware/hardware.h"
#include "keys/hardware/tpm_connection.h"

/* Neither without the policy (no USERWITHAUTH), nor outside of this TPM, nor exempt from its
 * protection against guessing (no NODA). */
enum { SEALED_ATTRIBUTES = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT };

/* A PIN of any length as an authorisation value, which is no longer than a digest. */
static mrl_err set_auth(mrl_bytes pin, TPM2B_AUTH *out)
{
    out->size = 0;
    if (pin.len == 0)
        return MRL_OK;
    out->size = MRL_SHA256_SIZE;
    return mrl_sha256(pin, out->buffer);
}

static mrl_err policy_digest(struct mrl_tpm *t, const struct mrl_pcrs *pcrs, bool pin,
                             TPM2B_DIGEST *out, struct mrl_why *why)
{
    TPM2B_DIGEST *digest = NULL;
    TSS2_RC rc;

    MRL_TRY(mrl_tpm_begin_session(t, TPM2_SE_TRIAL, why));
    MRL_TRY(mrl_tpm_apply_policy(t, pcrs, pin, why));
    rc = Esys_PolicyGetDigest(t->esys, t->session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                              &digest);
    if (rc != TSS2_RC_SUCCESS)
        return mrl_tpm_fail("take the policy", rc, why);
    *out = *digest;
    Esys_Free(digest);
    return MRL_OK;
}

/* What the TPM gave back as it goes into the file. */
struct sealed {
    uint8_t public_area[sizeof(TPM2B_PUBLIC)];
    uint8_t private_area[sizeof(TPM2B_PRIVATE)];
    size_t public_len;
    size_t private_len;
};

static mrl_err marshal(const TPM2B_PUBLIC *public_area, const TPM2B_PRIVATE *private_area,
                       struct sealed *out)
{
    *out = (struct sealed){0};
    MRL_ENSURE(Tss2_MU_TPM2B_PUBLIC_Marshal(public_area, out->public_area, sizeof(out->public_area),
                                            &out->public_len) == TSS2_RC_SUCCESS,
               MRL_ERR_CRYPTO);
    MRL_ENSURE(Tss2_MU_TPM2B_PRIVATE_Marshal(private_area, out->private_area,
                                             sizeof(out->private_area),
                                             &out->private_len) == TSS2_RC_SUCCESS,
               MRL_ERR_CRYPTO);
    return MRL_OK;
}

static mrl_err create(struct mrl_tpm *t, const TPM2B_SENSITIVE_CREATE *sensitive,
                      const TPM2B_DIGEST *policy, struct sealed *out, struct mrl_why *why)
{
    static const TPM2B_DATA outside;
    static const TPML_PCR_SELECTION no_pcrs;
    TPM2B_PUBLIC template = {.publicArea = {
                                 .type = TPM2_ALG_KEYEDHASH,
                                 .nameAlg = TPM2_ALG_SHA256,
                                 .objectAttributes = SEALED_ATTRIBUTES,
                                 .authPolicy = *policy,
                                 .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
                             }};
    TPM2B_PUBLIC *public_area = NULL;
    TPM2B_PRIVATE *private_area = NULL;
    mrl_err err;
    TSS2_RC rc;

    MRL_TRY(mrl_tpm_begin_session(t, TPM2_SE_HMAC, why));
    rc = Esys_Create(t->esys, t->storage, ESYS_TR_PASSWORD, t->session, ESYS_TR_NONE, sensitive,
                     &template, &outside, &no_pcrs, &private_area, &public_area, NULL, NULL, NULL);
    if (rc != TSS2_RC_SUCCESS)
        return mrl_tpm_fail("seal the key", rc, why);
    err = marshal(public_area, private_area, out);
    Esys_Free(public_area);
    Esys_Free(private_area);
    return err;
}

static mrl_err seal_random(struct mrl_tpm *t, mrl_bytes pin, const TPM2B_DIGEST *policy,
                           struct sealed *out, struct mrl_why *why)
{
    TPM2B_SENSITIVE_CREATE sensitive = {.sensitive.data.size = MRL_UNLOCK_MATERIAL};
    mrl_err err = set_auth(pin, &sensitive.sensitive.userAuth);

    mrl_random(sensitive.sensitive.data.buffer, MRL_UNLOCK_MATERIAL);
    if (err == MRL_OK)
        err = create(t, &sensitive, policy, out, why);
    mrl_wipe(&sensitive, sizeof(sensitive));
    return err;
}

static mrl_err put_blob(struct mrl_tpm *t, const struct mrl_pcrs *pcrs, bool pin,
                        const struct sealed *sealed, struct mrl_secret **out, struct mrl_why *why)
{
    uint8_t memory[MRL_UNLOCK_BLOB_MAX];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    struct mrl_tpm_name storage, endorsement;
    struct mrl_tpm_blob b = {.has_pin = pin, .pcrs = *pcrs};

    MRL_TRY(mrl_tpm_storage_name(t, &storage, why));
    mrl_tpm_endorsement_name(t, &endorsement);
    b.storage_name = mrl_bytes_of(storage.bytes, storage.len);
    b.endorsement_name = mrl_bytes_of(endorsement.bytes, endorsement.len);
    b.public_area = mrl_bytes_of(sealed->public_area, sealed->public_len);
    b.private_area = mrl_bytes_of(sealed->private_area, sealed->private_len);
    MRL_TRY(mrl_tpm_blob_write(&b, &w));
    *out = mrl_secret_copy(mrl_bytes_of(w.data, w.len));
    return MRL_OK;
}

static mrl_err make(struct mrl_tpm *t, const struct mrl_unlock_request *q, struct mrl_secret **out,
                    struct mrl_why *why)
{
    struct mrl_pcrs pcrs;
    struct sealed sealed;
    TPM2B_DIGEST policy;

    MRL_TRY(mrl_pcrs_read(q->pcrs, &pcrs, why));
    MRL_TRY(mrl_tpm_connect(q->tcti, t, why));
    MRL_TRY(mrl_tpm_check_pcrs(t, &pcrs, why));
    MRL_TRY(policy_digest(t, &pcrs, q->pin.len > 0, &policy, why));
    MRL_TRY(seal_random(t, q->pin, &policy, &sealed, why));
    mrl_tpm_end_session(t); /* a small TPM has room for three objects and sessions */
    return put_blob(t, &pcrs, q->pin.len > 0, &sealed, out, why);
}

static mrl_err fail_damaged(struct mrl_why *why)
{
    return mrl_fail(why, MRL_ERR_CORRUPT,
                    MRL_UNLOCK_TPM_NAME " is damaged: restore it from a backup");
}

static mrl_err check_same_tpm(struct mrl_tpm *t, const struct mrl_tpm_blob *b, struct mrl_why *why)
{
    struct mrl_tpm_name name;

    MRL_TRY(mrl_tpm_storage_name(t, &name, why));
    if (mrl_bytes_eq(mrl_bytes_of(name.bytes, name.len), b->storage_name))
        return MRL_OK;
    mrl_tpm_endorsement_name(t, &name);
    if (name.len > 0 && mrl_bytes_eq(mrl_bytes_of(name.bytes, name.len), b->endorsement_name))
        return mrl_fail(why, MRL_ERR_NOT_FOUND,
                        "the TPM was cleared, and with it the key that opens the keystore is gone: "
                        "restore a backup that opens with another source");
    return mrl_fail(why, MRL_ERR_NOT_FOUND,
                    "this is another TPM than the one the keystore was sealed to: move the disk "
                    "back, or restore a backup that opens with another source");
}

static mrl_err load(struct mrl_tpm *t, const struct mrl_tpm_blob *b, struct mrl_why *why)
{
    TPM2B_PUBLIC public_area = {0};
    TPM2B_PRIVATE private_area = {0};
    size_t public_at = 0, private_at = 0;
    TSS2_RC rc;

    if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(b->public_area.data, b->public_area.len, &public_at,
                                       &public_area) != TSS2_RC_SUCCESS ||
        Tss2_MU_TPM2B_PRIVATE_Unmarshal(b->private_area.data, b->private_area.len, &private_at,
                                        &private_area) != TSS2_RC_SUCCESS ||
        public_at != b->public_area.len || private_at != b->private_area.len)
        return fail_damaged(why);
    rc = Esys_Load(t->esys, t->storage, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &private_area,
                   &public_area, &t->object);
    if (rc == TSS2_RC_SUCCESS)
        return MRL_OK;
    return (rc & TPM2_RC_FMT1) != 0 ? fail_damaged(why) : mrl_tpm_fail("load the key", rc, why);
}

static mrl_err fail_unseal(TSS2_RC rc, struct mrl_why *why)
{
    switch (mrl_tpm_code(rc)) {
    case TPM2_RC_AUTH_FAIL:
        return mrl_fail(why, MRL_ERR_AUTH,
                        "the PIN is wrong; the TPM counts wrong ones and locks itself");
    case TPM2_RC_POLICY_FAIL:
    case TPM2_RC_PCR_CHANGED:
        return mrl_fail(why, MRL_ERR_STATE,
                        "the PCRs are not as they were when the keystore was sealed: start the "
                        "firmware and system of that day, or restore a backup that opens with "
                        "another source");
    default:
        return mrl_tpm_fail("unseal the key", rc, why);
    }
}

static mrl_err authorise(struct mrl_tpm *t, const struct mrl_tpm_blob *b, mrl_bytes pin,
                         struct mrl_why *why)
{
    TPM2B_AUTH auth = {0};
    TSS2_RC rc;

    MRL_TRY(mrl_tpm_begin_session(t, TPM2_SE_POLICY, why));
    MRL_TRY(mrl_tpm_apply_policy(t, &b->pcrs, b->has_pin, why));
    if (!b->has_pin)
        return MRL_OK;
    MRL_TRY(set_auth(pin, &auth));
    rc = Esys_TR_SetAuth(t->esys, t->object, &auth);
    mrl_wipe(&auth, sizeof(auth));
    return rc == TSS2_RC_SUCCESS ? MRL_OK : mrl_tpm_fail("take the PIN", rc, why);
}

static mrl_err unseal(struct mrl_tpm *t, struct mrl_secret **out, struct mrl_why *why)
{
    TPM2B_SENSITIVE_DATA *data = NULL;
    TSS2_RC rc = Esys_Unseal(t->esys, t->object, t->session, ESYS_TR_NONE, ESYS_TR_NONE, &data);

    if (rc != TSS2_RC_SUCCESS)
        return fail_unseal(rc, why);
    *out = mrl_secret_copy(mrl_bytes_of(data->buffer, data->size));
    mrl_wipe(data, sizeof(*data));
    Esys_Free(data);
    return MRL_OK;
}

static mrl_err open_sealed(struct mrl_tpm *t, const struct mrl_unlock_request *q,
                           struct mrl_secret **out, struct mrl_why *why)
{
    struct mrl_tpm_blob b;

    if (mrl_tpm_blob_read(q->blob, &b) != MRL_OK)
        return fail_damaged(why);
    if (b.has_pin && q->pin.len == 0)
        return mrl_fail(why, MRL_ERR_AUTH,
                        "the TPM wants a PIN: give --pin-file or --pin-credential");
    MRL_TRY(mrl_tpm_connect(q->tcti, t, why));
    MRL_TRY(check_same_tpm(t, &b, why));
    MRL_TRY(load(t, &b, why));
    MRL_TRY(authorise(t, &b, q->pin, why));
    return unseal(t, out, why);
}

mrl_err mrl_tpm_answer(const struct mrl_unlock_request *q, struct mrl_secret **out,
                       struct mrl_why *why)
{
    MRL_SCOPED(mrl_tpm) t = MRL_TPM_NONE;

    return q->operation == MRL_UNLOCK_MAKE ? make(&t, q, out, why) : open_sealed(&t, q, out, why);
}
