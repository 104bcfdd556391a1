/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/chip.h"

#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#include "crypto/key_outside.h"
#include "crypto/tpm2_public.h"
#include "device/agent/chip_connection.h"
#include "device/agent/chip_key.h"

enum { TCTI_MAX = 256, COORDINATE = 32 };

static const TPM2B_PUBLIC key_template = {
    .publicArea = {.type = TPM2_ALG_ECC,
                   .nameAlg = TPM2_ALG_SHA256,
                   .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                       TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
                                       TPMA_OBJECT_SIGN_ENCRYPT,
                   .parameters.eccDetail = {.symmetric.algorithm = TPM2_ALG_NULL,
                                            .scheme.scheme = TPM2_ALG_NULL,
                                            .curveID = TPM2_ECC_NIST_P256,
                                            .kdf.scheme = TPM2_ALG_NULL}}};

/* ---- a key, found again ---- */

struct found {
    char tcti[TCTI_MAX];
    TPM2B_PUBLIC public_area;
    TPM2B_PRIVATE private_area;
};

static mrl_err load(struct mrl_chip *c, const struct found *f, ESYS_TR *out, struct mrl_why *why)
{
    ESYS_TR parent, key;
    TSS2_RC rc;

    MRL_TRY(mrl_chip_storage_key(c, &parent, why));
    rc = Esys_Load(c->esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &f->private_area,
                   &f->public_area, &key);
    if (rc != TSS2_RC_SUCCESS)
        return mrl_chip_fail("load the device's key: it is of another TPM, or this one was cleared",
                             rc, why);
    *out = mrl_chip_loaded(c, key);
    return MRL_OK;
}

static bool put_number(const TPM2B_ECC_PARAMETER *n, uint8_t *to)
{
    if (n->size > COORDINATE)
        return false;
    memset(to, 0, COORDINATE);
    memcpy(&to[COORDINATE - n->size], n->buffer, n->size);
    return true;
}

static TPMI_ALG_HASH hash_of(size_t digest)
{
    if (digest == TPM2_SHA256_DIGEST_SIZE)
        return TPM2_ALG_SHA256;
    return digest == TPM2_SHA384_DIGEST_SIZE ? TPM2_ALG_SHA384 : TPM2_ALG_SHA512;
}

static mrl_err sign(struct mrl_chip *c, ESYS_TR key, mrl_bytes digest, uint8_t *r, uint8_t *s)
{
    static const TPMT_TK_HASHCHECK outside = {.tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL};
    TPMT_SIG_SCHEME scheme = {0};
    TPM2B_DIGEST in = {.size = (uint16_t)digest.len};
    TPMT_SIGNATURE *made = NULL;
    TSS2_RC rc;
    bool good;

    MRL_ENSURE(digest.len <= sizeof(in.buffer), MRL_ERR_LIMIT);
    memcpy(in.buffer, digest.data, digest.len);
    scheme.scheme = TPM2_ALG_ECDSA;
    scheme.details.ecdsa.hashAlg = hash_of(digest.len);
    rc = Esys_Sign(c->esys, key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &in, &scheme,
                   &outside, &made);
    MRL_ENSURE(rc == TSS2_RC_SUCCESS, MRL_ERR_IO);
    good = made->sigAlg == TPM2_ALG_ECDSA && put_number(&made->signature.ecdsa.signatureR, r) &&
           put_number(&made->signature.ecdsa.signatureS, s);
    Esys_Free(made);
    return good ? MRL_OK : MRL_ERR_CRYPTO;
}

/* Connects for each signature: a machine without resource manager has room for one program. */
static mrl_err on_sign(void *context, mrl_bytes digest, uint8_t r[static MRL_KEY_OUTSIDE_FIELD],
                       uint8_t s[static MRL_KEY_OUTSIDE_FIELD], size_t *len)
{
    const struct found *f = context;
    MRL_SCOPED(mrl_chip) c = {0};
    ESYS_TR key;

    MRL_TRY(mrl_chip_connect(f->tcti, &c, NULL));
    MRL_TRY(load(&c, f, &key, NULL));
    *len = COORDINATE;
    return sign(&c, key, digest, r, s);
}

static mrl_err unmarshal(const struct mrl_chip_key *key, struct found *out)
{
    size_t at = 0;

    MRL_ENSURE(Tss2_MU_TPM2B_PUBLIC_Unmarshal(key->public_area.data, key->public_area.len, &at,
                                              &out->public_area) == TSS2_RC_SUCCESS &&
                   at == key->public_area.len,
               MRL_ERR_MALFORMED);
    at = 0;
    MRL_ENSURE(Tss2_MU_TPM2B_PRIVATE_Unmarshal(key->private_area.data, key->private_area.len, &at,
                                               &out->private_area) == TSS2_RC_SUCCESS &&
                   at == key->private_area.len,
               MRL_ERR_MALFORMED);
    return MRL_OK;
}

static mrl_err spki_of(mrl_bytes public_area, struct mrl_buf *out)
{
    MRL_AUTO(mrl_key) key = NULL;
    struct mrl_tpm2_public p;

    MRL_TRY(mrl_tpm2_public_read(public_area, &p));
    MRL_TRY(mrl_tpm2_public_key(&p, &key, NULL));
    MRL_ENSURE(mrl_key_type(key) == MRL_KEY_P256, MRL_ERR_UNSUPPORTED);
    return mrl_key_to_spki(key, out);
}

static mrl_err open_key(const char *tcti, const struct mrl_chip_key *key, struct mrl_key **out)
{
    struct mrl_key_signer signer = {.sign = on_sign, .done = free};
    MRL_SCOPED(mrl_buf) pem = {0};
    MRL_SCOPED(mrl_buf) spki = {0};
    struct found *f;
    mrl_err err;

    MRL_TRY(spki_of(key->public_area, &spki));
    MRL_TRY(mrl_chip_key_write(key, &pem));
    f = calloc(1, sizeof(*f));
    if (f == NULL)
        abort();
    err = unmarshal(key, f);
    if (err == MRL_OK && !mrl_bytes_to_cstr(mrl_str(tcti), f->tcti, sizeof(f->tcti)))
        err = MRL_ERR_INVALID;
    if (err != MRL_OK) {
        free(f);
        return err;
    }
    signer.context = f;
    signer.pem = mrl_buf_bytes(&pem);
    return mrl_key_outside(mrl_buf_bytes(&spki), &signer, out);
}

mrl_err mrl_chip_key_open(const char *tcti, mrl_bytes pem, struct mrl_key **out,
                          struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_chip_key key;
    mrl_err err = mrl_chip_key_read(pem, &der, &key);

    if (err == MRL_OK)
        err = open_key(tcti, &key, out);
    return err == MRL_OK ? MRL_OK
                         : mrl_fail(why, MRL_ERR_CORRUPT, "the key of the TPM cannot be read: %s",
                                    mrl_err_name(err));
}

/* ---- a new key ---- */

static mrl_err put_private(const TPM2B_PRIVATE *p, struct mrl_buf *out)
{
    uint8_t *to;
    size_t len = 0;

    MRL_TRY(mrl_buf_reserve(out, sizeof(*p), &to));
    MRL_ENSURE(Tss2_MU_TPM2B_PRIVATE_Marshal(p, to, sizeof(*p), &len) == TSS2_RC_SUCCESS,
               MRL_ERR_CRYPTO);
    mrl_buf_added(out, len);
    return MRL_OK;
}

static mrl_err create(struct mrl_chip *c, struct mrl_buf *public_area, struct mrl_buf *private_area,
                      struct mrl_why *why)
{
    static const TPM2B_SENSITIVE_CREATE sensitive;
    static const TPM2B_DATA outside;
    static const TPML_PCR_SELECTION no_pcrs;
    TPM2B_PRIVATE *private = NULL;
    TPM2B_PUBLIC *public = NULL;
    ESYS_TR parent;
    TSS2_RC rc;
    mrl_err err;

    MRL_TRY(mrl_chip_storage_key(c, &parent, why));
    rc = Esys_Create(c->esys, parent, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &sensitive,
                     &key_template, &outside, &no_pcrs, &private, &public, NULL, NULL, NULL);
    if (rc != TSS2_RC_SUCCESS)
        return mrl_chip_fail("make the device's key", rc, why);
    err = mrl_chip_put_public(public, public_area);
    if (err == MRL_OK)
        err = put_private(private, private_area);
    Esys_Free(private);
    Esys_Free(public);
    return err;
}

mrl_err mrl_chip_key_make(const char *tcti, struct mrl_key **out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_chip) c = {0};
    MRL_SCOPED(mrl_buf) public_area = {0};
    MRL_SCOPED(mrl_buf) private_area = {0};
    struct mrl_chip_key key;

    MRL_TRY(mrl_chip_connect(tcti, &c, why));
    MRL_TRY(create(&c, &public_area, &private_area, why));
    key = (struct mrl_chip_key){mrl_buf_bytes(&public_area), mrl_buf_bytes(&private_area)};
    return open_key(tcti, &key, out);
}

/* ---- the proof ---- */

void mrl_chip_claim_done(struct mrl_chip_claim *c)
{
    mrl_buf_done(&c->ek_certificate);
    mrl_buf_done(&c->ek_public);
    mrl_buf_done(&c->ak_public);
}

mrl_err mrl_chip_claim(const char *tcti, struct mrl_chip_claim *out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_chip) c = {0};
    ESYS_TR key;

    MRL_TRY(mrl_chip_connect(tcti, &c, why));
    MRL_TRY(mrl_chip_endorsement_key(&c, &key, &out->ek_public, &out->ek_certificate, why));
    return mrl_chip_attestation_key(&c, &key, &out->ak_public, why);
}

static mrl_err read_challenge(const struct mrl_chip_challenge *in, TPM2B_ID_OBJECT *blob,
                              TPM2B_ENCRYPTED_SECRET *secret)
{
    size_t at = 0;

    MRL_ENSURE(Tss2_MU_TPM2B_ID_OBJECT_Unmarshal(in->credential_blob.data, in->credential_blob.len,
                                                 &at, blob) == TSS2_RC_SUCCESS,
               MRL_ERR_MALFORMED);
    at = 0;
    MRL_ENSURE(Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal(in->encrypted_secret.data,
                                                        in->encrypted_secret.len, &at,
                                                        secret) == TSS2_RC_SUCCESS,
               MRL_ERR_MALFORMED);
    return MRL_OK;
}

/* The EK's policy: whoever may use the endorsement hierarchy. */
static TSS2_RC begin_policy(struct mrl_chip *c, ESYS_TR *session)
{
    static const TPMT_SYM_DEF no_cipher = {.algorithm = TPM2_ALG_NULL};
    TSS2_RC rc = Esys_StartAuthSession(c->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                       ESYS_TR_NONE, ESYS_TR_NONE, NULL, TPM2_SE_POLICY, &no_cipher,
                                       TPM2_ALG_SHA256, session);

    if (rc != TSS2_RC_SUCCESS)
        return rc;
    (void)mrl_chip_loaded(c, *session);
    return Esys_PolicySecret(c->esys, ESYS_TR_RH_ENDORSEMENT, *session, ESYS_TR_PASSWORD,
                             ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL, NULL, 0, NULL, NULL);
}

static mrl_err activate(struct mrl_chip *c, const struct mrl_chip_challenge *challenge,
                        struct mrl_secret **out, struct mrl_why *why)
{
    TPM2B_ENCRYPTED_SECRET secret;
    TPM2B_DIGEST *opened = NULL;
    TPM2B_ID_OBJECT blob;
    ESYS_TR ek, ak, session;
    TSS2_RC rc;

    if (read_challenge(challenge, &blob, &secret) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED, "the server's challenge is not readable");
    MRL_TRY(mrl_chip_endorsement_key(c, &ek, NULL, NULL, why));
    MRL_TRY(mrl_chip_attestation_key(c, &ak, NULL, why));
    rc = begin_policy(c, &session);
    if (rc == TSS2_RC_SUCCESS)
        rc = Esys_ActivateCredential(c->esys, ak, ek, ESYS_TR_PASSWORD, session, ESYS_TR_NONE,
                                     &blob, &secret, &opened);
    if (rc != TSS2_RC_SUCCESS)
        return mrl_chip_fail("open the server's challenge", rc, why);
    c->count--; /* a session ends with the command that used it */
    *out = mrl_secret_copy(mrl_bytes_of(opened->buffer, opened->size));
    mrl_wipe(opened, sizeof(*opened));
    Esys_Free(opened);
    return MRL_OK;
}

static mrl_err put_proof(const TPM2B_ATTEST *attest, const TPMT_SIGNATURE *signature,
                         struct mrl_chip_proof *out)
{
    uint8_t *to;
    size_t len = 0;

    MRL_TRY(mrl_buf_append(&out->attest, mrl_bytes_of(attest->attestationData, attest->size)));
    MRL_TRY(mrl_buf_reserve(&out->signature, sizeof(*signature), &to));
    MRL_ENSURE(Tss2_MU_TPMT_SIGNATURE_Marshal(signature, to, sizeof(*signature), &len) ==
                   TSS2_RC_SUCCESS,
               MRL_ERR_CRYPTO);
    mrl_buf_added(&out->signature, len);
    return MRL_OK;
}

static mrl_err certify(struct mrl_chip *c, const struct found *f, mrl_bytes nonce,
                       struct mrl_chip_proof *out, struct mrl_why *why)
{
    static const TPMT_SIG_SCHEME of_the_key = {.scheme = TPM2_ALG_NULL};
    TPM2B_DATA qualifying = {.size = (uint16_t)nonce.len};
    TPMT_SIGNATURE *signature = NULL;
    TPM2B_ATTEST *attest = NULL;
    ESYS_TR ak, key;
    TSS2_RC rc;
    mrl_err err;

    MRL_ENSURE(nonce.len <= sizeof(qualifying.buffer), MRL_ERR_LIMIT);
    memcpy(qualifying.buffer, nonce.data, nonce.len);
    MRL_TRY(load(c, f, &key, why));
    MRL_TRY(mrl_chip_attestation_key(c, &ak, NULL, why));
    rc = Esys_Certify(c->esys, key, ak, ESYS_TR_PASSWORD, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                      &qualifying, &of_the_key, &attest, &signature);
    if (rc != TSS2_RC_SUCCESS)
        return mrl_chip_fail("certify the device's key", rc, why);
    err = put_proof(attest, signature, out);
    Esys_Free(attest);
    Esys_Free(signature);
    return err;
}

void mrl_chip_proof_done(struct mrl_chip_proof *p)
{
    mrl_secret_free(p->secret);
    mrl_buf_done(&p->key_public);
    mrl_buf_done(&p->attest);
    mrl_buf_done(&p->signature);
}

mrl_err mrl_chip_prove(const char *tcti, const struct mrl_key *key,
                       const struct mrl_chip_challenge *challenge, struct mrl_chip_proof *out,
                       struct mrl_why *why)
{
    MRL_SCOPED(mrl_chip) c = {0};
    MRL_AUTO(mrl_secret) pem = NULL;
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_chip_key parts;
    struct found f = {0};

    MRL_TRY(mrl_key_to_pem(key, MRL_BYTES_NONE, &pem));
    MRL_TRY(mrl_chip_key_read(mrl_secret_bytes(pem), &der, &parts));
    MRL_TRY(unmarshal(&parts, &f));
    MRL_TRY(mrl_buf_append(&out->key_public, parts.public_area));
    MRL_TRY(mrl_chip_connect(tcti, &c, why));
    MRL_TRY(activate(&c, challenge, &out->secret, why));
    mrl_chip_clear(&c);
    return certify(&c, &f, challenge->nonce, out, why);
}
