/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/chip_connection.h"

#include <stdlib.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

#include "crypto/der.h"

enum { NV_CHUNK = 512, CERTIFICATE_MAX = 4096 };

#define FIXED (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_SENSITIVEDATAORIGIN)
#define STORES (FIXED | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT)
#define AES_128                                                                 \
    {                                                                           \
        .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB \
    }
/* Whoever may use the endorsement hierarchy. TCG EK Credential Profile B.6.2 */
#define POLICY_A                \
    {                           \
        .size = 32, .buffer = { \
            0x83,               \
            0x71,               \
            0x97,               \
            0x67,               \
            0x44,               \
            0x84,               \
            0xb3,               \
            0xf8,               \
            0x1a,               \
            0x90,               \
            0xcc,               \
            0x8d,               \
            0x46,               \
            0xa5,               \
            0xd7,               \
            0x24,               \
            0xfd,               \
            0x52,               \
            0xd7,               \
            0x6e,               \
            0x06,               \
            0x52,               \
            0x0b,               \
            0x64,               \
            0xf2,               \
            0xa1,               \
            0xda,               \
            0x1b,               \
            0x33,               \
            0x14,               \
            0x69,               \
            0xaa                \
        }                       \
    }

/* TCG TPM v2.0 Provisioning Guidance 7.5.1 */
static const TPM2B_PUBLIC storage_template = {
    .publicArea = {.type = TPM2_ALG_ECC,
                   .nameAlg = TPM2_ALG_SHA256,
                   .objectAttributes = STORES | TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_NODA,
                   .parameters.eccDetail = {.symmetric = AES_128,
                                            .scheme.scheme = TPM2_ALG_NULL,
                                            .curveID = TPM2_ECC_NIST_P256,
                                            .kdf.scheme = TPM2_ALG_NULL},
                   .unique.ecc = {.x.size = 32, .y.size = 32}}};

static const TPM2B_PUBLIC attestation_template = {
    .publicArea = {.type = TPM2_ALG_ECC,
                   .nameAlg = TPM2_ALG_SHA256,
                   .objectAttributes = FIXED | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_SIGN_ENCRYPT |
                                       TPMA_OBJECT_USERWITHAUTH,
                   .parameters.eccDetail = {.symmetric.algorithm = TPM2_ALG_NULL,
                                            .scheme = {.scheme = TPM2_ALG_ECDSA,
                                                       .details.ecdsa.hashAlg = TPM2_ALG_SHA256},
                                            .curveID = TPM2_ECC_NIST_P256,
                                            .kdf.scheme = TPM2_ALG_NULL}}};

static const TPM2B_PUBLIC ek_rsa_template = {
    .publicArea = {.type = TPM2_ALG_RSA,
                   .nameAlg = TPM2_ALG_SHA256,
                   .objectAttributes = STORES | TPMA_OBJECT_ADMINWITHPOLICY,
                   .authPolicy = POLICY_A,
                   .parameters.rsaDetail = {.symmetric = AES_128,
                                            .scheme.scheme = TPM2_ALG_NULL,
                                            .keyBits = 2048},
                   .unique.rsa.size = 256}};

static const TPM2B_PUBLIC ek_ecc_template = {
    .publicArea = {.type = TPM2_ALG_ECC,
                   .nameAlg = TPM2_ALG_SHA256,
                   .objectAttributes = STORES | TPMA_OBJECT_ADMINWITHPOLICY,
                   .authPolicy = POLICY_A,
                   .parameters.eccDetail = {.symmetric = AES_128,
                                            .scheme.scheme = TPM2_ALG_NULL,
                                            .curveID = TPM2_ECC_NIST_P256,
                                            .kdf.scheme = TPM2_ALG_NULL},
                   .unique.ecc = {.x.size = 32, .y.size = 32}}};

/* TCG EK Credential Profile 2.2.1.4, Provisioning Guidance 7.8 */
static const struct ek {
    TPM2_HANDLE certificate;
    TPM2_HANDLE persistent; /* where it may be already: to make an RSA key again takes seconds */
    const TPM2B_PUBLIC *template;
} eks[] = {
    {0x01c00002, 0x81010001, &ek_rsa_template},
    {0x01c0000a, 0x81010002, &ek_ecc_template},
};

/* ---- the connection ---- */

mrl_err mrl_chip_fail(const char *doing, TSS2_RC rc, struct mrl_why *why)
{
    return mrl_fail(why, MRL_ERR_IO, "the TPM could not %s: %.120s (0x%x)", doing,
                    Tss2_RC_Decode(rc), (unsigned)rc);
}

mrl_err mrl_chip_connect(const char *tcti, struct mrl_chip *out, struct mrl_why *why)
{
    TSS2_RC rc;

    (void)setenv("TSS2_LOG", "all+none", /*overwrite=*/0); /* what failed is ours to say */
    rc = Tss2_TctiLdr_Initialize(tcti, &out->tcti);
    if (rc != TSS2_RC_SUCCESS)
        return mrl_fail(why, MRL_ERR_IO,
                        "there is no TPM 2.0 at %.100s, or this account may not use it (usermod "
                        "-aG tss ...)",
                        tcti);
    rc = Esys_Initialize(&out->esys, out->tcti, NULL);
    return rc == TSS2_RC_SUCCESS ? MRL_OK : mrl_chip_fail("be used", rc, why);
}

ESYS_TR mrl_chip_loaded(struct mrl_chip *c, ESYS_TR handle)
{
    c->loaded[c->count++] = handle; /* callers load no more than MRL_CHIP_OBJECTS before clear */
    return handle;
}

void mrl_chip_clear(struct mrl_chip *c)
{
    while (c->count > 0)
        (void)Esys_FlushContext(c->esys,
                                c->loaded[--c->count]); /* the resource manager does it otherwise */
}

void mrl_chip_done(struct mrl_chip *c)
{
    if (c->esys != NULL) {
        mrl_chip_clear(c);
        Esys_Finalize(&c->esys);
    }
    if (c->tcti != NULL)
        Tss2_TctiLdr_Finalize(&c->tcti);
    *c = (struct mrl_chip){0};
}

/* ---- keys from seeds ---- */

mrl_err mrl_chip_put_public(const TPM2B_PUBLIC *p, struct mrl_buf *out)
{
    uint8_t *to;
    size_t len = 0;

    MRL_TRY(mrl_buf_reserve(out, sizeof(*p), &to));
    MRL_ENSURE(Tss2_MU_TPM2B_PUBLIC_Marshal(p, to, sizeof(*p), &len) == TSS2_RC_SUCCESS,
               MRL_ERR_CRYPTO);
    mrl_buf_added(out, len);
    return MRL_OK;
}

static mrl_err create(struct mrl_chip *c, ESYS_TR hierarchy, const TPM2B_PUBLIC *template,
                      ESYS_TR *out, struct mrl_buf *public_area, struct mrl_why *why)
{
    static const TPM2B_SENSITIVE_CREATE sensitive;
    static const TPM2B_DATA outside;
    static const TPML_PCR_SELECTION no_pcrs;
    TPM2B_PUBLIC *made = NULL;
    ESYS_TR handle;
    TSS2_RC rc;
    mrl_err err = MRL_OK;

    rc = Esys_CreatePrimary(c->esys, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                            &sensitive, template, &outside, &no_pcrs, &handle, &made, NULL, NULL,
                            NULL);
    if (rc != TSS2_RC_SUCCESS)
        return mrl_chip_fail("make a key of its own (has the hierarchy a password?)", rc, why);
    *out = mrl_chip_loaded(c, handle);
    if (public_area != NULL)
        err = mrl_chip_put_public(made, public_area);
    Esys_Free(made);
    return err;
}

mrl_err mrl_chip_storage_key(struct mrl_chip *c, ESYS_TR *out, struct mrl_why *why)
{
    return create(c, ESYS_TR_RH_OWNER, &storage_template, out, NULL, why);
}

mrl_err mrl_chip_attestation_key(struct mrl_chip *c, ESYS_TR *out, struct mrl_buf *public_area,
                                 struct mrl_why *why)
{
    return create(c, ESYS_TR_RH_ENDORSEMENT, &attestation_template, out, public_area, why);
}

/* ---- the endorsement key ---- */

static bool find_object(struct mrl_chip *c, TPM2_HANDLE at, ESYS_TR *out)
{
    return Esys_TR_FromTPMPublic(c->esys, at, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, out) ==
           TSS2_RC_SUCCESS;
}

static mrl_err nv_size(struct mrl_chip *c, ESYS_TR nv, uint16_t *out, struct mrl_why *why)
{
    TPM2B_NV_PUBLIC *p = NULL;
    TSS2_RC rc =
        Esys_NV_ReadPublic(c->esys, nv, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &p, NULL);

    if (rc != TSS2_RC_SUCCESS)
        return mrl_chip_fail("tell the size of its EK certificate", rc, why);
    *out = p->nvPublic.dataSize;
    Esys_Free(p);
    return *out <= CERTIFICATE_MAX
               ? MRL_OK
               : mrl_fail(why, MRL_ERR_LIMIT, "the EK certificate is too large");
}

static mrl_err read_nv(struct mrl_chip *c, ESYS_TR nv, struct mrl_buf *out, struct mrl_why *why)
{
    uint16_t size, at = 0;

    MRL_TRY(nv_size(c, nv, &size, why));
    while (at < size) {
        uint16_t want = size - at < NV_CHUNK ? (uint16_t)(size - at) : NV_CHUNK;
        TPM2B_MAX_NV_BUFFER *data = NULL;
        TSS2_RC rc = Esys_NV_Read(c->esys, nv, nv, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                  want, at, &data);
        mrl_err err;

        if (rc != TSS2_RC_SUCCESS)
            return mrl_chip_fail("read its EK certificate", rc, why);
        err = mrl_buf_append(out, mrl_bytes_of(data->buffer, data->size));
        Esys_Free(data);
        MRL_TRY(err);
        at = (uint16_t)(at + want);
    }
    return MRL_OK;
}

/* Some TPMs have a larger place than the certificate needs. */
static mrl_err read_certificate(struct mrl_chip *c, ESYS_TR nv, struct mrl_buf *out,
                                struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) raw = {0};
    struct mrl_reader r;
    mrl_bytes whole;

    MRL_TRY(read_nv(c, nv, &raw, why));
    r = (struct mrl_reader){mrl_buf_bytes(&raw), 0};
    if (mrl_der_read_any(&r, NULL, NULL, &whole) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED, "the EK certificate in the TPM is not readable");
    return mrl_buf_append(out, whole);
}

static mrl_err read_public(struct mrl_chip *c, ESYS_TR key, struct mrl_buf *out,
                           struct mrl_why *why)
{
    TPM2B_PUBLIC *p = NULL;
    TSS2_RC rc =
        Esys_ReadPublic(c->esys, key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &p, NULL, NULL);
    mrl_err err;

    if (rc != TSS2_RC_SUCCESS)
        return mrl_chip_fail("show its endorsement key", rc, why);
    err = mrl_chip_put_public(p, out);
    Esys_Free(p);
    return err;
}

mrl_err mrl_chip_endorsement_key(struct mrl_chip *c, ESYS_TR *out, struct mrl_buf *public_area,
                                 struct mrl_buf *certificate, struct mrl_why *why)
{
    for (size_t i = 0; i < sizeof(eks) / sizeof(eks[0]); i++) {
        ESYS_TR nv;

        if (!find_object(c, eks[i].certificate, &nv))
            continue;
        if (certificate != NULL)
            MRL_TRY(read_certificate(c, nv, certificate, why));
        if (!find_object(c, eks[i].persistent, out))
            return create(c, ESYS_TR_RH_ENDORSEMENT, eks[i].template, out, public_area, why);
        return public_area == NULL ? MRL_OK : read_public(c, *out, public_area, why);
    }
    return mrl_fail(why, MRL_ERR_IO,
                    "the maker put no EK certificate into this TPM: it cannot prove what it is");
}
