/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in a TPM 2.0 that sign: made there, loaded from what it gave back, wrapped by its storage
 * key. A TPM has no Ed25519 (TCG Algorithm Registry 1.34, table 4: no Edwards curve is required,
 * and no PC client TPM has one). */
#include <string.h>
#include <tss2/tss2_mu.h>

#include "crypto/der.h"
#include "crypto/hash.h"
#include "crypto/oid.h"
#include "keys/hardware/hardware.h"
#include "keys/hardware/tpm_connection.h"

enum { HALF_MAX = 48, POINT_MAX = 1 + 2 * HALF_MAX, SPKI_MAX = 256, DER_MAX = 128 };

static const struct kind {
    mrl_bytes curve_oid;
    TPM2_ECC_CURVE curve;
    TPM2_ALG_ID hash; /* that the signature is made with */
    size_t half;      /* bytes of a coordinate */
    size_t digest;
} kinds[] = {
    [MRL_UNLOCK_P256] = {MRL_LIT_INIT(MRL_OID_P256), TPM2_ECC_NIST_P256, TPM2_ALG_SHA256, 32, 32},
    [MRL_UNLOCK_P384] = {MRL_LIT_INIT(MRL_OID_P384), TPM2_ECC_NIST_P384, TPM2_ALG_SHA384, 48, 48},
};

/* The connection, what authorises, and the key that was used last. */
static struct mrl_tpm held = {NULL, NULL, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE};
static TPM2B_AUTH held_auth;
static uint8_t last[MRL_UNLOCK_BLOB_MAX];
static size_t last_len;

static mrl_err auth_of(mrl_bytes pin, TPM2B_AUTH *out)
{
    out->size = pin.len == 0 ? 0 : MRL_SHA256_SIZE;
    return pin.len == 0 ? MRL_OK : mrl_sha256(pin, out->buffer);
}

mrl_err mrl_tpm_hold(const struct mrl_unlock_request *q, struct mrl_why *why)
{
    MRL_TRY(auth_of(q->pin, &held_auth));
    return mrl_tpm_connect(q->tcti, &held, why);
}

/* --- making one --- */

static TPM2B_PUBLIC template_of(const struct kind *k)
{
    return (TPM2B_PUBLIC){
        .publicArea = {.type = TPM2_ALG_ECC,
                       .nameAlg = TPM2_ALG_SHA256,
                       .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                           TPMA_OBJECT_SENSITIVEDATAORIGIN |
                                           TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_SIGN_ENCRYPT,
                       .parameters.eccDetail = {
                           .symmetric.algorithm = TPM2_ALG_NULL,
                           .scheme = {.scheme = TPM2_ALG_ECDSA, .details.ecdsa.hashAlg = k->hash},
                           .curveID = k->curve,
                           .kdf.scheme = TPM2_ALG_NULL}}};
}

static mrl_err create(struct mrl_tpm *t, const struct kind *k, mrl_bytes pin,
                      TPM2B_PUBLIC **public_area, TPM2B_PRIVATE **private_area, struct mrl_why *why)
{
    static const TPM2B_DATA outside;
    static const TPML_PCR_SELECTION no_pcrs;
    TPM2B_SENSITIVE_CREATE sensitive = {0};
    TPM2B_PUBLIC template = template_of(k);
    TSS2_RC rc;

    MRL_TRY(auth_of(pin, &sensitive.sensitive.userAuth));
    MRL_TRY(mrl_tpm_begin_session(t, TPM2_SE_HMAC, why)); /* encrypts the PIN on the bus */
    rc = Esys_Create(t->esys, t->storage, ESYS_TR_PASSWORD, t->session, ESYS_TR_NONE, &sensitive,
                     &template, &outside, &no_pcrs, private_area, public_area, NULL, NULL, NULL);
    mrl_wipe(&sensitive, sizeof(sensitive));
    return rc == TSS2_RC_SUCCESS ? MRL_OK : mrl_tpm_fail("make a signing key", rc, why);
}

/* Coordinates have no leading zeros in a TPM: each to its full size. SEC 1 2.3.3 */
static mrl_err write_point(const struct kind *k, const TPMS_ECC_POINT *p,
                           uint8_t out[static POINT_MAX])
{
    MRL_ENSURE(p->x.size <= k->half && p->y.size <= k->half, MRL_ERR_CRYPTO);
    memset(out, 0, POINT_MAX);
    out[0] = 0x04;
    memcpy(out + 1 + k->half - p->x.size, p->x.buffer, p->x.size);
    memcpy(out + 1 + 2 * k->half - p->y.size, p->y.buffer, p->y.size);
    return MRL_OK;
}

static mrl_err write_spki(const struct kind *k, const TPM2B_PUBLIC *public_area,
                          struct mrl_buf *out)
{
    struct mrl_der d = mrl_der_on(out);
    uint8_t point[POINT_MAX];

    MRL_TRY(write_point(k, &public_area->publicArea.unique.ecc, point));
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_put(&d, MRL_DER_OID, MRL_LIT(MRL_OID_EC_PUBLIC_KEY));
    mrl_der_put(&d, MRL_DER_OID, k->curve_oid);
    mrl_der_end(&d);
    mrl_der_bits(&d, mrl_bytes_of(point, 1 + 2 * k->half));
    mrl_der_end(&d);
    return mrl_der_finish(&d);
}

/* The public area and what the TPM wrapped, one after the other: both say how long they are. */
static mrl_err write_reference(const TPM2B_PUBLIC *public_area, const TPM2B_PRIVATE *private_area,
                               uint8_t memory[static MRL_UNLOCK_BLOB_MAX], size_t *len)
{
    *len = 0;
    MRL_ENSURE(Tss2_MU_TPM2B_PUBLIC_Marshal(public_area, memory, MRL_UNLOCK_BLOB_MAX, len) ==
                   TSS2_RC_SUCCESS,
               MRL_ERR_CRYPTO);
    MRL_ENSURE(Tss2_MU_TPM2B_PRIVATE_Marshal(private_area, memory, MRL_UNLOCK_BLOB_MAX, len) ==
                   TSS2_RC_SUCCESS,
               MRL_ERR_CRYPTO);
    return MRL_OK;
}

static mrl_err tell(const struct kind *k, const TPM2B_PUBLIC *public_area,
                    const TPM2B_PRIVATE *private_area, struct mrl_secret **out)
{
    uint8_t reference[MRL_UNLOCK_BLOB_MAX], answer[MRL_UNLOCK_BLOB_MAX];
    struct mrl_writer w = mrl_writer_on(answer, sizeof(answer));
    MRL_SCOPED(mrl_buf) spki = {.limit = SPKI_MAX};
    struct mrl_unlock_made made;
    size_t len;

    MRL_TRY(write_reference(public_area, private_area, reference, &len));
    MRL_TRY(write_spki(k, public_area, &spki));
    made = (struct mrl_unlock_made){mrl_bytes_of(reference, len), mrl_buf_bytes(&spki)};
    MRL_TRY(mrl_unlock_write_made(&made, &w));
    *out = mrl_secret_copy(mrl_bytes_of(w.data, w.len));
    return MRL_OK;
}

mrl_err mrl_tpm_make_key(const struct mrl_unlock_request *q, struct mrl_secret **out,
                         struct mrl_why *why)
{
    MRL_SCOPED(mrl_tpm) t = MRL_TPM_NONE;
    TPM2B_PUBLIC *public_area = NULL;
    TPM2B_PRIVATE *private_area = NULL;
    const struct kind *k = &kinds[q->data.data[0] % MRL_COUNT(kinds)];
    mrl_err err;

    if (q->data.data[0] >= MRL_COUNT(kinds))
        return mrl_fail(why, MRL_ERR_UNSUPPORTED,
                        "a TPM 2.0 has no Ed25519, which is what checkpoints of the audit log are "
                        "signed with: keep the audit key in the keystore, or in a PKCS#11 token");
    MRL_TRY(mrl_tpm_connect(q->tcti, &t, why));
    MRL_TRY(create(&t, k, q->pin, &public_area, &private_area, why));
    err = tell(k, public_area, private_area, out);
    Esys_Free(public_area);
    Esys_Free(private_area);
    return err;
}

/* --- signing --- */

static mrl_err fail_reference(struct mrl_why *why)
{
    return mrl_fail(why, MRL_ERR_CORRUPT, "the key in the keystore is not one of this TPM");
}

static mrl_err load(struct mrl_tpm *t, mrl_bytes reference, struct mrl_why *why)
{
    TPM2B_PUBLIC public_area = {0};
    TPM2B_PRIVATE private_area = {0};
    size_t at = 0;
    TSS2_RC rc;

    if (Tss2_MU_TPM2B_PUBLIC_Unmarshal(reference.data, reference.len, &at, &public_area) !=
            TSS2_RC_SUCCESS ||
        Tss2_MU_TPM2B_PRIVATE_Unmarshal(reference.data, reference.len, &at, &private_area) !=
            TSS2_RC_SUCCESS ||
        at != reference.len)
        return fail_reference(why);
    rc = Esys_Load(t->esys, t->storage, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &private_area,
                   &public_area, &t->object);
    if (rc == TSS2_RC_SUCCESS)
        return MRL_OK;
    return (rc & TPM2_RC_FMT1) != 0 ? fail_reference(why) : mrl_tpm_fail("load the key", rc, why);
}

static mrl_err load_with(struct mrl_tpm *t, mrl_bytes reference, const TPM2B_AUTH *auth,
                         struct mrl_why *why)
{
    TSS2_RC rc;

    if (t->object != ESYS_TR_NONE)
        (void)Esys_FlushContext(t->esys, t->object); /* room for the next one */
    t->object = ESYS_TR_NONE;
    MRL_TRY(load(t, reference, why));
    rc = Esys_TR_SetAuth(t->esys, t->object, auth);
    return rc == TSS2_RC_SUCCESS ? MRL_OK : mrl_tpm_fail("take the PIN", rc, why);
}

static mrl_err write_ecdsa(const TPMS_SIGNATURE_ECC *s, struct mrl_secret **out)
{
    MRL_SCOPED(mrl_buf) der = {.limit = DER_MAX};
    struct mrl_der d = mrl_der_on(&der);

    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_unsigned(&d, mrl_bytes_of(s->signatureR.buffer, s->signatureR.size));
    mrl_der_unsigned(&d, mrl_bytes_of(s->signatureS.buffer, s->signatureS.size));
    mrl_der_end(&d);
    MRL_TRY(mrl_der_finish(&d));
    *out = mrl_secret_copy(mrl_buf_bytes(&der));
    return MRL_OK;
}

static const struct kind *kind_of(size_t digest)
{
    for (size_t i = MRL_UNLOCK_P256; i < MRL_COUNT(kinds); i++)
        if (kinds[i].digest == digest)
            return &kinds[i];
    return NULL;
}

static mrl_err sign_with(struct mrl_tpm *t, mrl_bytes data, struct mrl_secret **out,
                         struct mrl_why *why)
{
    static const TPMT_TK_HASHCHECK no_ticket = {.tag = TPM2_ST_HASHCHECK,
                                                .hierarchy = TPM2_RH_NULL};
    const struct kind *k = kind_of(data.len);
    TPMT_SIG_SCHEME scheme = {0};
    TPM2B_DIGEST digest = {.size = (uint16_t)data.len};
    TPMT_SIGNATURE *signature = NULL;
    TSS2_RC rc;
    mrl_err err;

    if (k == NULL)
        return mrl_fail(why, MRL_ERR_INVALID, "a TPM signs digests of SHA-256 and SHA-384");
    scheme.scheme = TPM2_ALG_ECDSA;
    scheme.details.ecdsa.hashAlg = k->hash;
    memcpy(digest.buffer, data.data, data.len);
    rc = Esys_Sign(t->esys, t->object, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &digest,
                   &scheme, &no_ticket, &signature);
    if (mrl_tpm_code(rc) == TPM2_RC_AUTH_FAIL)
        return mrl_fail(why, MRL_ERR_AUTH, "the PIN of the signing key is wrong");
    if (rc != TSS2_RC_SUCCESS)
        return mrl_tpm_fail("sign", rc, why);
    err = write_ecdsa(&signature->signature.ecdsa, out);
    Esys_Free(signature);
    return err;
}

static mrl_err sign_held(const struct mrl_unlock_request *q, struct mrl_secret **out,
                         struct mrl_why *why)
{
    if (!mrl_bytes_eq(q->blob, mrl_bytes_of(last, last_len))) {
        last_len = 0;
        MRL_TRY(load_with(&held, q->blob, &held_auth, why));
        memcpy(last, q->blob.data, q->blob.len);
        last_len = q->blob.len;
    }
    return sign_with(&held, q->data, out, why);
}

mrl_err mrl_tpm_sign(const struct mrl_unlock_request *q, struct mrl_secret **out,
                     struct mrl_why *why)
{
    MRL_SCOPED(mrl_tpm) t = MRL_TPM_NONE;
    TPM2B_AUTH auth = {0};
    mrl_err err;

    if (held.esys != NULL)
        return sign_held(q, out, why);
    MRL_TRY(mrl_tpm_connect(q->tcti, &t, why));
    MRL_TRY(auth_of(q->pin, &auth));
    err = load_with(&t, q->blob, &auth, why);
    mrl_wipe(&auth, sizeof(auth));
    MRL_TRY(err);
    return sign_with(&t, q->data, out, why);
}
