/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/csrattrs.h"

#include "crypto/der.h"
#include "crypto/oid.h"

static const struct {
    mrl_bytes curve; /* empty: the key type says it all */
    mrl_bytes signature;
} wants[] = {
    [MRL_KEY_P256] = {MRL_LIT_INIT(MRL_OID_P256), MRL_LIT_INIT(MRL_OID_ECDSA_SHA256)},
    [MRL_KEY_P384] = {MRL_LIT_INIT(MRL_OID_P384), MRL_LIT_INIT(MRL_OID_ECDSA_SHA384)},
    [MRL_KEY_ED25519] = {{0}, MRL_LIT_INIT(MRL_OID_ED25519)},
};

/* RFC 7030 4.5.2: CsrAttrs ::= SEQUENCE OF CHOICE { oid, attribute } */
mrl_err mrl_csrattrs_write(const struct mrl_csrattrs *want, struct mrl_buf *out)
{
    struct mrl_der d = mrl_der_on(out);

    MRL_ENSURE((size_t)want->key < MRL_COUNT(wants), MRL_ERR_UNSUPPORTED);
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    if (want->challenge_password)
        mrl_der_put(&d, MRL_DER_OID, MRL_LIT(MRL_OID_CHALLENGE_PASSWORD));
    if (wants[want->key].curve.len > 0) {
        mrl_der_begin(&d, MRL_DER_SEQUENCE); /* Attribute: what kind of key, and on which curve */
        mrl_der_put(&d, MRL_DER_OID, MRL_LIT(MRL_OID_EC_PUBLIC_KEY));
        mrl_der_begin(&d, MRL_DER_SET);
        mrl_der_put(&d, MRL_DER_OID, wants[want->key].curve);
        mrl_der_end(&d);
        mrl_der_end(&d);
    }
    mrl_der_put(&d, MRL_DER_OID, wants[want->key].signature);
    mrl_der_end(&d);
    return mrl_der_finish(&d);
}
