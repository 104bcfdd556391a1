/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/algorithm.h"

#include "crypto/oid.h"

enum family { FAMILY_ECDSA, FAMILY_EDDSA, FAMILY_RSA };

static const struct algorithm {
    mrl_bytes oid;
    const char *digest;
    enum family family;
} algorithms[] = {
    [MRL_SIGN_ECDSA_SHA256] = {MRL_LIT_INIT(MRL_OID_ECDSA_SHA256), "SHA256", FAMILY_ECDSA},
    [MRL_SIGN_ECDSA_SHA384] = {MRL_LIT_INIT(MRL_OID_ECDSA_SHA384), "SHA384", FAMILY_ECDSA},
    [MRL_SIGN_ECDSA_SHA512] = {MRL_LIT_INIT(MRL_OID_ECDSA_SHA512), "SHA512", FAMILY_ECDSA},
    [MRL_SIGN_ED25519] = {MRL_LIT_INIT(MRL_OID_ED25519), NULL, FAMILY_EDDSA},
    [MRL_SIGN_RSA_SHA256] = {MRL_LIT_INIT(MRL_OID_RSA_SHA256), "SHA256", FAMILY_RSA},
    [MRL_SIGN_RSA_SHA384] = {MRL_LIT_INIT(MRL_OID_RSA_SHA384), "SHA384", FAMILY_RSA},
    [MRL_SIGN_RSA_SHA512] = {MRL_LIT_INIT(MRL_OID_RSA_SHA512), "SHA512", FAMILY_RSA},
};

static const enum family families[] = {
    [MRL_KEY_P256] = FAMILY_ECDSA,
    [MRL_KEY_P384] = FAMILY_ECDSA,
    [MRL_KEY_ED25519] = FAMILY_EDDSA,
    [MRL_KEY_RSA] = FAMILY_RSA,
};

void mrl_sign_alg_write(struct mrl_der *d, enum mrl_sign_alg alg)
{
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, algorithms[alg].oid);
    if (algorithms[alg].family == FAMILY_RSA)
        mrl_der_put(d, MRL_DER_NULL, MRL_BYTES_NONE); /* RFC 4055 5 */
    mrl_der_end(d);
}

/* RFC 5758 3.2 and RFC 8410 3: no parameters; RFC 4055 5: NULL, and absent must be read too. */
static mrl_err read_parameters(struct mrl_reader *r, enum family family)
{
    mrl_bytes null = {0};

    if (family == FAMILY_RSA && mrl_reader_left(r) > 0)
        MRL_TRY(mrl_der_read(r, MRL_DER_NULL, &null));
    MRL_ENSURE(null.len == 0, MRL_ERR_MALFORMED);
    return mrl_reader_end(r);
}

mrl_err mrl_sign_alg_read(struct mrl_reader *r, enum mrl_sign_alg *out)
{
    struct mrl_reader inside;
    mrl_bytes oid;

    MRL_TRY(mrl_der_enter(r, MRL_DER_SEQUENCE, &inside));
    MRL_TRY(mrl_der_read(&inside, MRL_DER_OID, &oid));
    for (size_t i = 0; i < MRL_COUNT(algorithms); i++) {
        if (!mrl_bytes_eq(oid, algorithms[i].oid))
            continue;
        MRL_TRY(read_parameters(&inside, algorithms[i].family));
        *out = (enum mrl_sign_alg)i;
        return MRL_OK;
    }
    return MRL_ERR_UNSUPPORTED;
}

const char *mrl_sign_alg_digest(enum mrl_sign_alg alg)
{
    return algorithms[alg].digest;
}

bool mrl_sign_alg_fits(enum mrl_sign_alg alg, enum mrl_key_type type)
{
    return algorithms[alg].family == families[type];
}
