/* SPDX-License-Identifier: Apache-2.0 */
/* Is a certificate good for this, now, under one of our roots? No store and no CRL: OpenSSL walks a
 * list of a million entries for every check (milliseconds); the device registry answers at once. */
#include "crypto/openssl.h"
#include "crypto/path.h"

enum { DEEPEST = 4 /* CA certificates between leaf and root */ };

static const char *const reason_names[] = {
    [MRL_CHAIN_OK] = "ok",
    [MRL_CHAIN_FOREIGN_CA] = "foreign-ca",
    [MRL_CHAIN_EXPIRED] = "expired",
    [MRL_CHAIN_NOT_YET_VALID] = "not-yet-valid",
    [MRL_CHAIN_WRONG_EKU] = "wrong-eku",
    [MRL_CHAIN_BAD_SIGNATURE] = "bad-signature",
    [MRL_CHAIN_CA_AS_LEAF] = "ca-as-leaf",
    [MRL_CHAIN_WEAK] = "weak",
    [MRL_CHAIN_REVOKED] = "revoked",
    [MRL_CHAIN_NO_CRL] = "no-crl",
    [MRL_CHAIN_OTHER] = "other",
};

const char *mrl_chain_reason_name(enum mrl_chain_reason r)
{
    return r < MRL_CHAIN_REASON_COUNT_ ? reason_names[r] : "other";
}

mrl_err mrl_cert_verify_signature(const struct mrl_cert *c, const struct mrl_cert *issuer)
{
    EVP_PKEY *key;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(mrl_bytes_eq(mrl_cert_facts(c)->issuer, mrl_cert_facts(issuer)->subject),
               MRL_ERR_CRYPTO);
    key = X509_get0_pubkey(mrl_cert_native(issuer));
    MRL_ENSURE(key != NULL && X509_verify(mrl_cert_native(c), key) == 1, MRL_ERR_CRYPTO);
    return MRL_OK;
}

mrl_err mrl_cert_verify_chain(const struct mrl_cert *leaf,
                              const struct mrl_cert_list *intermediates,
                              const struct mrl_cert_list *roots, enum mrl_cert_purpose purpose,
                              int64_t at_time, enum mrl_chain_reason *reason)
{
    const struct mrl_path path = {
        .leaf = leaf,
        .sent = intermediates,
        .anchors = roots,
        .purpose = purpose,
        .deepest = DEEPEST,
        .at_time = at_time,
    };

    return mrl_path_verify(&path, reason);
}
