/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/path.h"

#include <limits.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "crypto/openssl.h"

enum { SECURITY_LEVEL = 2 /* 112 bits: RSA 2048, no SHA-1 */ };

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
    {X509_V_ERR_CERT_REVOKED, MRL_CHAIN_REVOKED},
    {X509_V_ERR_UNABLE_TO_GET_CRL, MRL_CHAIN_NO_CRL},
    {X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, MRL_CHAIN_NO_CRL},
    {X509_V_ERR_CRL_HAS_EXPIRED, MRL_CHAIN_NO_CRL},
    {X509_V_ERR_CRL_NOT_YET_VALID, MRL_CHAIN_NO_CRL},
    {X509_V_ERR_DIFFERENT_CRL_SCOPE, MRL_CHAIN_NO_CRL},
};

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

typedef STACK_OF(X509_CRL) crl_stack;
static void crls_done(crl_stack **s)
{
    sk_X509_CRL_pop_free(*s, X509_CRL_free);
}

static size_t count_of(const struct mrl_cert_list *l)
{
    return l == NULL ? 0 : l->count;
}

static void push_all(stack *s, const struct mrl_cert_list *l)
{
    for (size_t i = 0; i < count_of(l); i++)
        (void)sk_X509_push(s, mrl_cert_native(l->certs[i])); /* reserved: cannot fail */
}

/* NULL: no memory. */
static stack *stack_of(const struct mrl_cert_list *l, const struct mrl_cert_list *more)
{
    stack *s = sk_X509_new_reserve(NULL, (int)(count_of(l) + count_of(more)));

    if (s == NULL)
        return NULL;
    push_all(s, l);
    push_all(s, more);
    return s;
}

static mrl_err read_crls(const struct mrl_path *path, crl_stack *out)
{
    for (size_t i = 0; i < path->crl_count; i++) {
        const uint8_t *at = path->crls[i].data;
        X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)path->crls[i].len);

        if (crl == NULL || at != path->crls[i].data + path->crls[i].len ||
            sk_X509_CRL_push(out, crl) <= 0) {
            X509_CRL_free(crl);
            return MRL_ERR_MALFORMED;
        }
    }
    return MRL_OK;
}

static unsigned long flags_of(const struct mrl_path *path)
{
    unsigned long flags = X509_V_FLAG_X509_STRICT | X509_V_FLAG_POLICY_CHECK;

    if (path->partial)
        flags |= X509_V_FLAG_PARTIAL_CHAIN;
    if (path->crl_count > 0)
        flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL |
                 X509_V_FLAG_EXTENDED_CRL_SUPPORT | X509_V_FLAG_USE_DELTAS;
    return flags;
}

static bool set_params(X509_STORE_CTX *ctx, const struct mrl_path *path)
{
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    static const int ids[] = {
        [MRL_PURPOSE_CLIENT] = X509_PURPOSE_SSL_CLIENT,
        [MRL_PURPOSE_SERVER] = X509_PURPOSE_SSL_SERVER,
        [MRL_PURPOSE_ANY] = X509_PURPOSE_ANY,
    };

    X509_VERIFY_PARAM_set_time(param, (time_t)path->at_time);
    X509_VERIFY_PARAM_set_depth(param, (int)(path->deepest > 0 ? path->deepest : MRL_PATH_DEEPEST));
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    /* Without it OpenSSL takes the user-initial-policy-set for empty, not for any-policy. RFC 5280
     * 6.1.1 (c) */
    return X509_VERIFY_PARAM_add0_policy(param, OBJ_nid2obj(NID_any_policy)) == 1 &&
           X509_VERIFY_PARAM_set_flags(param, flags_of(path)) == 1 &&
           X509_VERIFY_PARAM_set_purpose(param, ids[path->purpose]) == 1;
}

static bool is_any_ca(const struct mrl_cert *c)
{
    X509 *x = mrl_cert_native(c);

    return (X509_get_extension_flags(x) & EXFLAG_CA) != 0 || X509_check_ca(x) != 0;
}

static mrl_err walk(X509_STORE_CTX *ctx, const struct mrl_path *path, enum mrl_chain_reason *reason)
{
    int error;
    bool good = X509_verify_cert(ctx) == 1;

    error = X509_STORE_CTX_get_error(ctx);
    *reason = good ? MRL_CHAIN_OK : reason_of(error);
    /* A CA key usage fails the purpose first; say what is really wrong. */
    if ((good || *reason == MRL_CHAIN_WRONG_EKU) && is_any_ca(path->leaf)) {
        *reason = MRL_CHAIN_CA_AS_LEAF;
        return MRL_ERR_AUTH;
    }
    if (good)
        return MRL_OK;
    return error == X509_V_ERR_OUT_OF_MEM ? MRL_ERR_CRYPTO : MRL_ERR_AUTH;
}

/* The issuer of an indirect CRL is looked for in a store, and in nothing else. */
static bool fill_store(X509_STORE *store, const struct mrl_cert_list *anchors)
{
    bool good = store != NULL;

    for (size_t i = 0; good && i < count_of(anchors); i++)
        good = X509_STORE_add_cert(store, mrl_cert_native(anchors->certs[i])) == 1;
    return good;
}

mrl_err mrl_path_verify(const struct mrl_path *path, enum mrl_chain_reason *reason)
{
    MRL_OPENSSL_SCOPE();
    *reason = MRL_CHAIN_OTHER;
    MRL_ENSURE(count_of(path->sent) <= MRL_PATH_SENT_MAX, MRL_ERR_LIMIT);
    MRL_ENSURE(count_of(path->known) <= MRL_PATH_KNOWN_MAX, MRL_ERR_LIMIT);

    __attribute__((cleanup(stack_done))) stack *between = stack_of(path->sent, path->known);
    __attribute__((cleanup(stack_done))) stack *trusted = stack_of(path->anchors, NULL);
    __attribute__((cleanup(crls_done))) crl_stack *crls = sk_X509_CRL_new_null();
    OWNED(X509_STORE) store = path->crl_count > 0 ? X509_STORE_new() : NULL;
    OWNED(X509_STORE_CTX) ctx = X509_STORE_CTX_new();
    MRL_ENSURE(between != NULL && trusted != NULL && crls != NULL && ctx != NULL, MRL_ERR_CRYPTO);
    MRL_TRY(read_crls(path, crls));
    MRL_ENSURE(path->crl_count == 0 || fill_store(store, path->anchors), MRL_ERR_CRYPTO);
    MRL_ENSURE(X509_STORE_CTX_init(ctx, store, mrl_cert_native(path->leaf), between) == 1,
               MRL_ERR_CRYPTO);
    if (store == NULL)
        X509_STORE_CTX_set0_trusted_stack(ctx, trusted);
    X509_STORE_CTX_set0_crls(ctx, crls);
    MRL_ENSURE(set_params(ctx, path), MRL_ERR_CRYPTO);
    return walk(ctx, path, reason);
}

static bool at_end(void)
{
    unsigned long last = ERR_peek_last_error();

    return ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
}

static mrl_err append_crl(X509_CRL *crl, struct mrl_buf *der)
{
    int len = i2d_X509_CRL(crl, NULL);
    uint8_t *to;

    MRL_ENSURE(len > 0, MRL_ERR_MALFORMED);
    MRL_TRY(mrl_buf_reserve(der, (size_t)len, &to));
    MRL_ENSURE(i2d_X509_CRL(crl, &to) == len, MRL_ERR_CRYPTO);
    mrl_buf_added(der, (size_t)len);
    return MRL_OK;
}

mrl_err mrl_crls_from_pem(mrl_bytes pem, size_t max, struct mrl_buf *der, size_t *count)
{
    size_t n = 0;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(pem.len <= INT_MAX, MRL_ERR_LIMIT);
    OWNED(BIO) bio = BIO_new_mem_buf(pem.len > 0 ? pem.data : (const uint8_t *)"", (int)pem.len);
    MRL_ENSURE(bio != NULL, MRL_ERR_CRYPTO);
    for (;;) {
        OWNED(X509_CRL) crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);

        if (crl == NULL && at_end())
            break;
        MRL_ENSURE(crl != NULL, MRL_ERR_MALFORMED);
        MRL_ENSURE(n < max, MRL_ERR_LIMIT);
        MRL_TRY(append_crl(crl, der));
        n++;
    }
    *count = n;
    return n > 0 ? MRL_OK : MRL_ERR_NOT_FOUND;
}
