/* SPDX-License-Identifier: Apache-2.0 */
/* Is a certificate good for this, now, under one of our roots? No store and no CRL: OpenSSL walks a
 * list of a million entries for every check (milliseconds); the device registry answers at once. */
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "crypto/cert.h"
#include "crypto/openssl.h"

enum {
    MOST_INTERMEDIATES = 8,
    DEEPEST = 4,       /* CA certificates between leaf and root */
    SECURITY_LEVEL = 2 /* 112 bits: RSA 2048, no SHA-1 */
};

static const char *const reason_names[] = {
    [MRL_CHAIN_OK] = "ok",
    [MRL_CHAIN_FOREIGN_CA] = "foreign-ca",
    [MRL_CHAIN_EXPIRED] = "expired",
    [MRL_CHAIN_NOT_YET_VALID] = "not-yet-valid",
    [MRL_CHAIN_WRONG_EKU] = "wrong-eku",
    [MRL_CHAIN_BAD_SIGNATURE] = "bad-signature",
    [MRL_CHAIN_CA_AS_LEAF] = "ca-as-leaf",
    [MRL_CHAIN_WEAK] = "weak",
    [MRL_CHAIN_OTHER] = "other",
};

static const struct {
    int error;
    enum mrl_chain_reason reason;
} reasons[] = {
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, MRL_CHAIN_FOREIGN_CA},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, MRL_CHAIN_FOREIGN_CA},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, MRL_CHAIN_FOREIGN_CA},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, MRL_CHAIN_FOREIGN_CA},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, MRL_CHAIN_FOREIGN_CA},
    {X509_V_ERR_CERT_UNTRUSTED, MRL_CHAIN_FOREIGN_CA},
    {X509_V_ERR_CERT_HAS_EXPIRED, MRL_CHAIN_EXPIRED},
    {X509_V_ERR_CERT_NOT_YET_VALID, MRL_CHAIN_NOT_YET_VALID},
    {X509_V_ERR_INVALID_PURPOSE, MRL_CHAIN_WRONG_EKU},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, MRL_CHAIN_BAD_SIGNATURE},
    {X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE, MRL_CHAIN_BAD_SIGNATURE},
    {X509_V_ERR_EE_KEY_TOO_SMALL, MRL_CHAIN_WEAK},
    {X509_V_ERR_CA_KEY_TOO_SMALL, MRL_CHAIN_WEAK},
    {X509_V_ERR_CA_MD_TOO_WEAK, MRL_CHAIN_WEAK},
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

static enum mrl_chain_reason reason_of(int error)
{
    for (size_t i = 0; i < MRL_COUNT(reasons); i++) {
        if (reasons[i].error == error)
            return reasons[i].reason;
    }
    return MRL_CHAIN_OTHER;
}

typedef STACK_OF(X509) stack;
static void stack_done(stack **s)
{
    sk_X509_free(*s); /* the certificates are borrowed */
}

/* NULL: no memory. */
static stack *stack_of(const struct mrl_cert_list *l)
{
    size_t count = l == NULL ? 0 : l->count;
    stack *s = sk_X509_new_reserve(NULL, (int)count);

    for (size_t i = 0; s != NULL && i < count; i++)
        (void)sk_X509_push(s, mrl_cert_native(l->certs[i])); /* reserved: cannot fail */
    return s;
}

static bool set_params(X509_STORE_CTX *ctx, enum mrl_cert_purpose purpose, int64_t at_time)
{
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    static const int ids[] = {
        [MRL_PURPOSE_CLIENT] = X509_PURPOSE_SSL_CLIENT,
        [MRL_PURPOSE_SERVER] = X509_PURPOSE_SSL_SERVER,
        [MRL_PURPOSE_ANY] = X509_PURPOSE_ANY,
    };

    X509_VERIFY_PARAM_set_time(param, (time_t)at_time);
    X509_VERIFY_PARAM_set_depth(param, DEEPEST);
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    return X509_VERIFY_PARAM_set_purpose(param, ids[purpose]) == 1;
}

static bool is_any_ca(const struct mrl_cert *c)
{
    X509 *x = mrl_cert_native(c);

    return (X509_get_extension_flags(x) & EXFLAG_CA) != 0 || X509_check_ca(x) != 0;
}

static mrl_err walk(X509_STORE_CTX *ctx, enum mrl_chain_reason *reason)
{
    int error;

    if (X509_verify_cert(ctx) == 1) {
        *reason = MRL_CHAIN_OK;
        return MRL_OK;
    }
    error = X509_STORE_CTX_get_error(ctx);
    *reason = reason_of(error);
    return error == X509_V_ERR_OUT_OF_MEM ? MRL_ERR_CRYPTO : MRL_ERR_AUTH;
}

mrl_err mrl_cert_verify_chain(const struct mrl_cert *leaf,
                              const struct mrl_cert_list *intermediates,
                              const struct mrl_cert_list *roots, enum mrl_cert_purpose purpose,
                              int64_t at_time, enum mrl_chain_reason *reason)
{
    mrl_err err;

    MRL_OPENSSL_SCOPE();
    *reason = MRL_CHAIN_OTHER;
    MRL_ENSURE(intermediates == NULL || intermediates->count <= MOST_INTERMEDIATES, MRL_ERR_LIMIT);

    __attribute__((cleanup(stack_done))) stack *between = stack_of(intermediates);
    __attribute__((cleanup(stack_done))) stack *trusted = stack_of(roots);
    OWNED(X509_STORE_CTX) ctx = X509_STORE_CTX_new();
    MRL_ENSURE(between != NULL && trusted != NULL && ctx != NULL, MRL_ERR_CRYPTO);
    MRL_ENSURE(X509_STORE_CTX_init(ctx, /*store=*/NULL, mrl_cert_native(leaf), between) == 1,
               MRL_ERR_CRYPTO);
    X509_STORE_CTX_set0_trusted_stack(ctx, trusted);
    MRL_ENSURE(set_params(ctx, purpose, at_time), MRL_ERR_CRYPTO);
    err = walk(ctx, reason);
    /* A CA key usage fails the purpose first; say what is really wrong. */
    if ((err == MRL_OK || *reason == MRL_CHAIN_WRONG_EKU) && is_any_ca(leaf)) {
        *reason = MRL_CHAIN_CA_AS_LEAF;
        return MRL_ERR_AUTH;
    }
    return err;
}
