/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/hardware/tpm_connection.h"

#include <string.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tctildr.h>

enum { TCTI_MAX = 1025, PCR_BYTES = 3 };

/* TCG TPM v2.0 Provisioning Guidance 7.5.1: the storage key of everybody, ECC P-256. */
static const TPM2B_PUBLIC storage_template = {
    .publicArea = {
        .type = TPM2_ALG_ECC,
        .nameAlg = TPM2_ALG_SHA256,
        .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                            TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
                            TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
        .parameters.eccDetail = {.symmetric = {.algorithm = TPM2_ALG_AES,
                                               .keyBits.aes = 128,
                                               .mode.aes = TPM2_ALG_CFB},
                                 .scheme.scheme = TPM2_ALG_NULL,
                                 .curveID = TPM2_ECC_NIST_P256,
                                 .kdf.scheme = TPM2_ALG_NULL},
        .unique.ecc = {.x.size = 32, .y.size = 32},
    }};

TSS2_RC mrl_tpm_code(TSS2_RC rc)
{
    if ((rc & TSS2_RC_LAYER_MASK) == 0 && (rc & TPM2_RC_FMT1) != 0)
        return rc & (TPM2_RC_FMT1 | 0x3f); /* TPM 2.0 part 2, 6.6.3 */
    return rc;
}

mrl_err mrl_tpm_fail(const char *doing, TSS2_RC rc, struct mrl_why *why)
{
    if (mrl_tpm_code(rc) == TPM2_RC_LOCKOUT)
        return mrl_fail(why, MRL_ERR_BUSY,
                        "the TPM is locked after wrong PINs: wait until it takes one again, or "
                        "run tpm2_dictionarylockout --clear-lockout");
    return mrl_fail(why, MRL_ERR_IO, "the TPM could not %s: %s (0x%x)", doing, Tss2_RC_Decode(rc),
                    (unsigned)rc);
}

static mrl_err create_primary(struct mrl_tpm *t, ESYS_TR hierarchy, ESYS_TR *out, TSS2_RC *rc)
{
    static const TPM2B_SENSITIVE_CREATE sensitive;
    static const TPM2B_DATA outside;
    static const TPML_PCR_SELECTION no_pcrs;

    *rc = Esys_CreatePrimary(t->esys, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                             &sensitive, &storage_template, &outside, &no_pcrs, out, NULL, NULL,
                             NULL, NULL);
    return *rc == TSS2_RC_SUCCESS ? MRL_OK : MRL_ERR_IO;
}

static mrl_err create_storage(struct mrl_tpm *t, struct mrl_why *why)
{
    TSS2_RC rc;

    if (create_primary(t, ESYS_TR_RH_OWNER, &t->storage, &rc) == MRL_OK)
        return MRL_OK;
    if (mrl_tpm_code(rc) == TPM2_RC_BAD_AUTH)
        return mrl_fail(why, MRL_ERR_AUTH,
                        "the owner hierarchy of the TPM has a password, which is not supported: "
                        "tpm2_changeauth -c owner -p OLD sets an empty one");
    return mrl_tpm_fail("make its storage key", rc, why);
}

mrl_err mrl_tpm_connect(mrl_bytes tcti, struct mrl_tpm *out, struct mrl_why *why)
{
    char name[TCTI_MAX];
    TSS2_RC rc;

    if (!mrl_bytes_to_cstr(tcti, name, sizeof(name)))
        return mrl_fail(why, MRL_ERR_INVALID, "the name of the TPM is too long");
    rc = Tss2_TctiLdr_Initialize(name, &out->tcti);
    if (rc != TSS2_RC_SUCCESS)
        return mrl_fail(why, MRL_ERR_NOT_FOUND,
                        "there is no TPM 2.0 at %.100s: switch it on in the firmware, and give the "
                        "keys account access (usermod -aG tss ...)",
                        name);
    rc = Esys_Initialize(&out->esys, out->tcti, NULL);
    if (rc != TSS2_RC_SUCCESS)
        return mrl_tpm_fail("be used", rc, why);
    return create_storage(out, why);
}

static void flush(struct mrl_tpm *t, ESYS_TR *handle)
{
    if (*handle != ESYS_TR_NONE)
        (void)Esys_FlushContext(t->esys, *handle); /* the resource manager does it otherwise */
    *handle = ESYS_TR_NONE;
}

void mrl_tpm_end_session(struct mrl_tpm *t)
{
    flush(t, &t->session);
}

void mrl_tpm_done(struct mrl_tpm *t)
{
    if (t->esys != NULL) {
        flush(t, &t->session);
        flush(t, &t->object);
        flush(t, &t->storage);
        Esys_Finalize(&t->esys);
    }
    if (t->tcti != NULL)
        Tss2_TctiLdr_Finalize(&t->tcti);
    *t = MRL_TPM_NONE;
}

static TSS2_RC name_of(struct mrl_tpm *t, ESYS_TR handle, struct mrl_tpm_name *out)
{
    TPM2B_NAME *name = NULL;
    TSS2_RC rc = Esys_TR_GetName(t->esys, handle, &name);

    if (rc == TSS2_RC_SUCCESS && name->size <= sizeof(out->bytes)) {
        out->len = name->size;
        memcpy(out->bytes, name->name, name->size);
    }
    Esys_Free(name);
    return rc;
}

mrl_err mrl_tpm_storage_name(const struct mrl_tpm *t, struct mrl_tpm_name *out, struct mrl_why *why)
{
    struct mrl_tpm at = *t;
    TSS2_RC rc = name_of(&at, t->storage, out);

    return rc == TSS2_RC_SUCCESS ? MRL_OK : mrl_tpm_fail("name its storage key", rc, why);
}

void mrl_tpm_endorsement_name(struct mrl_tpm *t, struct mrl_tpm_name *out)
{
    ESYS_TR key = ESYS_TR_NONE;
    TSS2_RC rc;

    out->len = 0;
    if (create_primary(t, ESYS_TR_RH_ENDORSEMENT, &key, &rc) != MRL_OK)
        return; /* it may have a password: then a clear and another TPM look the same */
    (void)name_of(t, key, out);
    flush(t, &key);
}

mrl_err mrl_tpm_begin_session(struct mrl_tpm *t, TPM2_SE type, struct mrl_why *why)
{
    static const TPMT_SYM_DEF cipher = {
        .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB};
    const TPMA_SESSION wanted =
        TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT;
    TSS2_RC rc;

    mrl_tpm_end_session(t);
    rc = Esys_StartAuthSession(t->esys, t->storage, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                               ESYS_TR_NONE, NULL, type, &cipher, TPM2_ALG_SHA256, &t->session);
    if (rc == TSS2_RC_SUCCESS && type != TPM2_SE_TRIAL)
        rc = Esys_TRSess_SetAttributes(t->esys, t->session, wanted, 0xff);
    return rc == TSS2_RC_SUCCESS ? MRL_OK : mrl_tpm_fail("begin a session", rc, why);
}

static TPML_PCR_SELECTION selection_of(const struct mrl_pcrs *pcrs)
{
    TPML_PCR_SELECTION s = {.count = 1};

    s.pcrSelections[0].hash = pcrs->bank;
    s.pcrSelections[0].sizeofSelect = PCR_BYTES;
    for (size_t i = 0; i < PCR_BYTES; i++)
        s.pcrSelections[0].pcrSelect[i] = (uint8_t)(pcrs->mask >> (8 * i));
    return s;
}

mrl_err mrl_tpm_apply_policy(struct mrl_tpm *t, const struct mrl_pcrs *pcrs, bool pin,
                             struct mrl_why *why)
{
    static const TPM2B_DIGEST as_they_are;
    TPML_PCR_SELECTION selection = selection_of(pcrs);
    TSS2_RC rc = Esys_PolicyCommandCode(t->esys, t->session, ESYS_TR_NONE, ESYS_TR_NONE,
                                        ESYS_TR_NONE, TPM2_CC_Unseal);

    if (rc == TSS2_RC_SUCCESS && pcrs->bank != 0)
        rc = Esys_PolicyPCR(t->esys, t->session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                            &as_they_are, &selection);
    if (rc == TSS2_RC_SUCCESS && pin)
        rc = Esys_PolicyAuthValue(t->esys, t->session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE);
    return rc == TSS2_RC_SUCCESS ? MRL_OK : mrl_tpm_fail("take the policy", rc, why);
}

static bool same_selection(const TPML_PCR_SELECTION *a, const TPML_PCR_SELECTION *b)
{
    return a->count == 1 && a->pcrSelections[0].hash == b->pcrSelections[0].hash &&
           a->pcrSelections[0].sizeofSelect >= PCR_BYTES &&
           memcmp(a->pcrSelections[0].pcrSelect, b->pcrSelections[0].pcrSelect, PCR_BYTES) == 0;
}

mrl_err mrl_tpm_check_pcrs(struct mrl_tpm *t, const struct mrl_pcrs *pcrs, struct mrl_why *why)
{
    TPML_PCR_SELECTION wanted = selection_of(pcrs);
    TPML_PCR_SELECTION *got = NULL;
    bool all;
    TSS2_RC rc;

    if (pcrs->bank == 0)
        return MRL_OK;
    rc =
        Esys_PCR_Read(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &wanted, NULL, &got, NULL);
    all = rc == TSS2_RC_SUCCESS && same_selection(got, &wanted);
    Esys_Free(got);
    if (rc != TSS2_RC_SUCCESS)
        return mrl_tpm_fail("read its PCRs", rc, why);
    if (!all)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "the TPM does not have these PCRs: tpm2_getcap pcrs shows its banks");
    return MRL_OK;
}
