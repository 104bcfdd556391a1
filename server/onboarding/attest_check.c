/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/attest_check.h"

#include "crypto/weak_key.h"

/* Made in this TPM and never leaves it. TPM 2.0 Library, part 1, 25.2 */
enum {
    BORN_HERE = MRL_TPM2_FIXED_TPM | MRL_TPM2_FIXED_PARENT | MRL_TPM2_SENSITIVE_DATA_ORIGIN,
    PURPOSES = MRL_TPM2_RESTRICTED | MRL_TPM2_SIGN | MRL_TPM2_DECRYPT,
};

static bool has(const struct mrl_tpm2_public *p, uint32_t purposes)
{
    return (p->attributes & BORN_HERE) == BORN_HERE && (p->attributes & PURPOSES) == purposes;
}

static mrl_err read_public(mrl_bytes in, const char *what, struct mrl_tpm2_public *out,
                           struct mrl_why *why)
{
    mrl_err err = mrl_tpm2_public_read(in, out);

    if (err == MRL_ERR_UNSUPPORTED)
        return mrl_fail(why, MRL_ERR_DENIED, "%s is of a type or algorithm that is not accepted",
                        what);
    return err == MRL_OK ? MRL_OK
                         : mrl_fail(why, MRL_ERR_MALFORMED, "%s is not a TPM2B_PUBLIC", what);
}

/* ---- the endorsement key ---- */

static mrl_err read_chain(const struct mrl_attest_claim *claim, struct mrl_cert_list *out,
                          struct mrl_why *why)
{
    for (size_t i = 0; i < claim->ek_chain_count; i++) {
        struct mrl_cert *c = NULL;

        if (mrl_cert_from_der(claim->ek_chain[i], &c) != MRL_OK)
            return mrl_fail(why, MRL_ERR_MALFORMED, "ek_chain holds something else than X.509");
        MRL_TRY(mrl_cert_list_add(out, c));
    }
    return MRL_OK;
}

static mrl_err check_chain(const struct mrl_attest_claim *claim, const struct mrl_cert *ek,
                           const struct mrl_cert_list *roots, int64_t now, struct mrl_why *why)
{
    MRL_SCOPED(mrl_cert_list) between = {0};
    enum mrl_chain_reason reason;

    MRL_TRY(read_chain(claim, &between, why));
    if (mrl_cert_verify_chain(ek, &between, roots, MRL_PURPOSE_ANY, now, &reason) != MRL_OK)
        return mrl_fail(why, MRL_ERR_DENIED, "the EK certificate is of no maker we trust: %s",
                        mrl_chain_reason_name(reason));
    return MRL_OK;
}

/* There are machines whose EK certificate is for another EK than the one in them. */
static mrl_err check_same_key(const struct mrl_cert *cert, struct mrl_attest_tpm *t,
                              struct mrl_why *why)
{
    MRL_AUTO(mrl_key) used = NULL;
    MRL_AUTO(mrl_key) certified = NULL;
    MRL_SCOPED(mrl_buf) spki = {0};
    enum mrl_key_weakness weakness;

    if (mrl_tpm2_public_key(&t->ek_public, &used, NULL) != MRL_OK ||
        mrl_cert_key(cert, &certified) != MRL_OK)
        return mrl_fail(why, MRL_ERR_DENIED, "the EK is no key of a kind we accept");
    if (!mrl_key_public_eq(used, certified))
        return mrl_fail(why, MRL_ERR_DENIED,
                        "the EK certificate is for another key than the EK that is used");
    MRL_TRY(mrl_key_to_spki(used, &spki));
    weakness = mrl_key_weakness_of(used, mrl_buf_bytes(&spki));
    if (weakness != MRL_KEY_SOUND)
        return mrl_fail(why, MRL_ERR_DENIED, "the EK: %s: %s", mrl_key_weakness_name(weakness),
                        mrl_key_weakness_text(weakness));
    return mrl_sha256(mrl_buf_bytes(&spki), t->ek);
}

static mrl_err check_ek(const struct mrl_attest_claim *claim, const struct mrl_cert_list *roots,
                        int64_t now, struct mrl_attest_tpm *t, struct mrl_why *why)
{
    MRL_AUTO(mrl_cert) cert = NULL;

    if (mrl_cert_from_der(claim->ek_certificate, &cert) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED, "ek_certificate is not one X.509 certificate");
    MRL_TRY(read_public(claim->ek_public, "ek_public", &t->ek_public, why));
    MRL_TRY(check_chain(claim, cert, roots, now, why));
    if (mrl_tpm2_ek_read(cert, &t->names, why) != MRL_OK)
        return MRL_ERR_DENIED;
    if (!has(&t->ek_public, MRL_TPM2_RESTRICTED | MRL_TPM2_DECRYPT))
        return mrl_fail(why, MRL_ERR_DENIED,
                        "the EK is not fixedTPM, fixedParent, sensitiveDataOrigin, restricted and "
                        "decrypt");
    return check_same_key(cert, t, why);
}

/* ---- the attestation key ---- */

static mrl_err name_signers(struct mrl_attest_tpm *t)
{
    const struct mrl_tpm2_name endorsement = mrl_tpm2_hierarchy(MRL_TPM2_ENDORSEMENT),
                               owner = mrl_tpm2_hierarchy(MRL_TPM2_OWNER);
    struct mrl_tpm2_name ek;

    MRL_TRY(mrl_tpm2_name_of(&t->ek_public, &ek));
    MRL_TRY(mrl_tpm2_qualify(mrl_tpm2_name_bytes(&endorsement), &ek, &ek));
    MRL_TRY(mrl_tpm2_qualify(mrl_tpm2_name_bytes(&ek), &t->ak_name, &t->signers[0]));
    MRL_TRY(mrl_tpm2_qualify(mrl_tpm2_name_bytes(&endorsement), &t->ak_name, &t->signers[1]));
    return mrl_tpm2_qualify(mrl_tpm2_name_bytes(&owner), &t->ak_name, &t->signers[2]);
}

/* Restricted: it signs nothing that begins like an attestation unless its TPM made it. */
static mrl_err check_ak(mrl_bytes ak_public, struct mrl_attest_tpm *t, struct mrl_why *why)
{
    struct mrl_tpm2_public ak;

    MRL_TRY(read_public(ak_public, "ak_public", &ak, why));
    if (!has(&ak, MRL_TPM2_RESTRICTED | MRL_TPM2_SIGN))
        return mrl_fail(why, MRL_ERR_DENIED,
                        "the AK is not fixedTPM, fixedParent, sensitiveDataOrigin, restricted and "
                        "sign");
    if (mrl_tpm2_public_key(&ak, &t->ak, NULL) != MRL_OK)
        return mrl_fail(why, MRL_ERR_DENIED, "the AK is no key of a kind we accept");
    if (mrl_tpm2_name_of(&ak, &t->ak_name) != MRL_OK || name_signers(t) != MRL_OK)
        return mrl_fail(why, MRL_ERR_DENIED,
                        "the Name of EK or AK is not by SHA-256, SHA-384 or SHA-512");
    return MRL_OK;
}

mrl_err mrl_attest_check_tpm(const struct mrl_attest_claim *claim,
                             const struct mrl_cert_list *roots, int64_t now,
                             struct mrl_attest_tpm *out, struct mrl_why *why)
{
    struct mrl_attest_tpm t = {0};
    mrl_err err = check_ek(claim, roots, now, &t, why);

    if (err == MRL_OK)
        err = check_ak(claim->ak_public, &t, why);
    if (err != MRL_OK) {
        mrl_attest_tpm_done(&t);
        return err;
    }
    *out = t;
    return MRL_OK;
}

void mrl_attest_tpm_done(struct mrl_attest_tpm *t)
{
    mrl_key_free(t->ak);
    t->ak = NULL;
}

/* ---- the key of the request ---- */

static bool is_signer(const struct mrl_attest_tpm *t, mrl_bytes qualified)
{
    for (size_t i = 0; i < MRL_ATTEST_SIGNERS; i++)
        if (mrl_bytes_eq(qualified, mrl_tpm2_name_bytes(&t->signers[i])))
            return true;
    return false;
}

static mrl_err check_certified(const struct mrl_attest_tpm *t,
                               const struct mrl_tpm2_certified *certified, mrl_bytes nonce,
                               const struct mrl_tpm2_name *name, struct mrl_why *why)
{
    if (!mrl_bytes_eq(certified->extra, nonce))
        return mrl_fail(why, MRL_ERR_DENIED, "qualifyingData of the attestation is not the nonce");
    if (!is_signer(t, certified->signer))
        return mrl_fail(why, MRL_ERR_DENIED,
                        "the AK is neither a child of the EK nor a primary key");
    if (!mrl_bytes_eq(certified->name, mrl_tpm2_name_bytes(name)))
        return mrl_fail(why, MRL_ERR_DENIED, "the attestation is about another key");
    return MRL_OK;
}

static mrl_err check_attest(const struct mrl_attest_tpm *t, const struct mrl_attest_answer *answer,
                            mrl_bytes nonce, const struct mrl_tpm2_name *name, struct mrl_why *why)
{
    struct mrl_tpm2_certified certified;
    mrl_err err = mrl_tpm2_certified_read(answer->attest, &certified);

    if (err != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED,
                        "attest is not a TPMS_ATTEST that TPM2_Certify made");
    err = mrl_tpm2_attest_verify(t->ak, answer->attest, answer->signature);
    if (err == MRL_ERR_CRYPTO)
        return mrl_fail(why, MRL_ERR_DENIED, "the attestation is not signed by the AK");
    if (err != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED,
                        "signature is not a TPMT_SIGNATURE of RSASSA or ECDSA with SHA-2");
    return check_certified(t, &certified, nonce, name, why);
}

static mrl_err check_request_key(const struct mrl_tpm2_public *p, mrl_bytes spki,
                                 struct mrl_why *why)
{
    MRL_AUTO(mrl_key) key = NULL;
    MRL_SCOPED(mrl_buf) own = {0};

    if (mrl_tpm2_public_key(p, &key, NULL) != MRL_OK || mrl_key_to_spki(key, &own) != MRL_OK)
        return mrl_fail(why, MRL_ERR_DENIED, "key_public is no key of a kind we accept");
    if (!mrl_bytes_eq(mrl_buf_bytes(&own), spki))
        return mrl_fail(why, MRL_ERR_DENIED, "the request is for another key than key_public");
    return MRL_OK;
}

mrl_err mrl_attest_check_key(const struct mrl_attest_tpm *t, const struct mrl_attest_answer *answer,
                             mrl_bytes nonce, mrl_bytes spki, struct mrl_why *why)
{
    struct mrl_tpm2_public p;
    struct mrl_tpm2_name name;

    MRL_TRY(read_public(answer->key_public, "key_public", &p, why));
    if (!has(&p, MRL_TPM2_SIGN))
        return mrl_fail(why, MRL_ERR_DENIED,
                        "the key is not fixedTPM, fixedParent, sensitiveDataOrigin and sign, or "
                        "restricted or decrypt");
    if (mrl_tpm2_name_of(&p, &name) != MRL_OK)
        return mrl_fail(why, MRL_ERR_DENIED,
                        "the Name of the key is not by SHA-256, SHA-384 or SHA-512");
    MRL_TRY(check_attest(t, answer, nonce, &name, why));
    return check_request_key(&p, spki, why);
}
