/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/tpm2_attest.h"

#include "crypto/der.h"

enum { GENERATED = 0xff544347, ATTEST_CERTIFY = 0x8017, CLOCK_INFO = 17, FIRMWARE = 8 };

static mrl_err read_name(struct mrl_reader *r, mrl_bytes *out)
{
    MRL_TRY(mrl_read_blob16(r, out));
    MRL_ENSURE(out->len <= MRL_TPM2_NAME_MAX, MRL_ERR_MALFORMED);
    return MRL_OK;
}

mrl_err mrl_tpm2_certified_read(mrl_bytes attest, struct mrl_tpm2_certified *out)
{
    struct mrl_reader r = {attest, 0};
    struct mrl_tpm2_certified c = {0};
    uint32_t magic;
    uint16_t type;
    mrl_bytes skipped;

    MRL_ENSURE(attest.len <= MRL_TPM2_ATTEST_MAX, MRL_ERR_LIMIT);
    MRL_TRY(mrl_read_u32(&r, &magic));
    MRL_ENSURE(magic == GENERATED, MRL_ERR_MALFORMED); /* only what a TPM made begins so */
    MRL_TRY(mrl_read_u16(&r, &type));
    MRL_ENSURE(type == ATTEST_CERTIFY, MRL_ERR_UNSUPPORTED);
    MRL_TRY(read_name(&r, &c.signer));
    MRL_TRY(mrl_read_blob16(&r, &c.extra));
    MRL_TRY(mrl_read_bytes(&r, CLOCK_INFO + FIRMWARE, &skipped));
    MRL_TRY(read_name(&r, &c.name));
    MRL_TRY(read_name(&r, &c.qualified));
    MRL_TRY(mrl_reader_end(&r));
    *out = c;
    return MRL_OK;
}

/* ---- the signature ---- */

static mrl_err algorithm_of(struct mrl_tpm2_scheme scheme, enum mrl_sign_alg *out)
{
    static const struct {
        struct mrl_tpm2_scheme scheme;
        enum mrl_sign_alg alg;
    } table[] = {
        {{MRL_TPM2_ECDSA, MRL_TPM2_SHA256}, MRL_SIGN_ECDSA_SHA256},
        {{MRL_TPM2_ECDSA, MRL_TPM2_SHA384}, MRL_SIGN_ECDSA_SHA384},
        {{MRL_TPM2_ECDSA, MRL_TPM2_SHA512}, MRL_SIGN_ECDSA_SHA512},
        {{MRL_TPM2_RSASSA, MRL_TPM2_SHA256}, MRL_SIGN_RSA_SHA256},
        {{MRL_TPM2_RSASSA, MRL_TPM2_SHA384}, MRL_SIGN_RSA_SHA384},
        {{MRL_TPM2_RSASSA, MRL_TPM2_SHA512}, MRL_SIGN_RSA_SHA512},
    };

    for (size_t i = 0; i < MRL_COUNT(table); i++) {
        if (table[i].scheme.id != scheme.id || table[i].scheme.hash != scheme.hash)
            continue;
        *out = table[i].alg;
        return MRL_OK;
    }
    return MRL_ERR_UNSUPPORTED;
}

/* What X.509 calls the same: SEQUENCE of r and s. */
static mrl_err read_ecdsa(struct mrl_reader *r, struct mrl_buf *out)
{
    struct mrl_der d = mrl_der_on(out);
    mrl_bytes numbers[2];

    MRL_TRY(mrl_read_blob16(r, &numbers[0]));
    MRL_TRY(mrl_read_blob16(r, &numbers[1]));
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_unsigned(&d, numbers[0]);
    mrl_der_unsigned(&d, numbers[1]);
    mrl_der_end(&d);
    return mrl_der_finish(&d);
}

static mrl_err read_rsassa(struct mrl_reader *r, struct mrl_buf *out)
{
    mrl_bytes signature;

    MRL_TRY(mrl_read_blob16(r, &signature));
    return mrl_buf_append(out, signature);
}

static mrl_err read_signature(mrl_bytes in, enum mrl_sign_alg *alg, struct mrl_buf *out)
{
    struct mrl_reader r = {in, 0};
    struct mrl_tpm2_scheme scheme;

    MRL_ENSURE(in.len <= MRL_TPM2_SIGNATURE_MAX, MRL_ERR_LIMIT);
    MRL_TRY(mrl_read_u16(&r, &scheme.id));
    MRL_TRY(mrl_read_u16(&r, &scheme.hash));
    MRL_TRY(algorithm_of(scheme, alg));
    MRL_TRY(scheme.id == MRL_TPM2_ECDSA ? read_ecdsa(&r, out) : read_rsassa(&r, out));
    return mrl_reader_end(&r);
}

mrl_err mrl_tpm2_attest_verify(const struct mrl_key *ak, mrl_bytes attest, mrl_bytes signature)
{
    MRL_SCOPED(mrl_buf) plain = {0};
    enum mrl_sign_alg alg;

    MRL_TRY(read_signature(signature, &alg, &plain));
    return mrl_key_verify(ak, alg, attest, mrl_buf_bytes(&plain));
}
