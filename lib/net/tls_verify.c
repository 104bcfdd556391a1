/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/x509_vfy.h>

#include "base/clock.h"
#include "net/tls_internal.h"

/* error: what OpenSSL is told, so that it sends the alert named (RFC 8446 6.2). */
static const struct refusal {
    const char *name;
    int error;
} refusals[MRL_TLS_REFUSAL_COUNT_] = {
    [MRL_TLS_ACCEPTED] = {"accepted", X509_V_OK},
    [MRL_TLS_ACCEPTED_ONCE] = {"accepted-once", X509_V_OK},
    [MRL_TLS_NO_CERTIFICATE] = {"no-certificate", X509_V_ERR_UNSPECIFIED},
    [MRL_TLS_UNKNOWN_CA] = {"unknown-ca", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY}, /* 48 */
    [MRL_TLS_EXPIRED] = {"expired", X509_V_ERR_CERT_HAS_EXPIRED},                        /* 45 */
    [MRL_TLS_NOT_YET_VALID] = {"not-yet-valid", X509_V_ERR_CERT_NOT_YET_VALID},          /* 42 */
    [MRL_TLS_WRONG_EKU] = {"wrong-eku", X509_V_ERR_INVALID_PURPOSE},                     /* 43 */
    [MRL_TLS_BAD_SIGNATURE] = {"bad-signature", X509_V_ERR_CERT_SIGNATURE_FAILURE},      /* 51 */
    [MRL_TLS_REVOKED] = {"revoked", X509_V_ERR_CERT_REVOKED},                            /* 44 */
    [MRL_TLS_RETIRED] = {"retired", X509_V_ERR_CERT_REVOKED},                            /* 44 */
    [MRL_TLS_SUSPENDED] = {"suspended", X509_V_ERR_CERT_REJECTED},                       /* 42 */
    [MRL_TLS_UNREGISTERED] = {"unregistered", X509_V_ERR_SUBTREE_MINMAX},                /* 46 */
    [MRL_TLS_UNKNOWN_PSK] = {"unknown-psk", X509_V_ERR_UNSPECIFIED},
    [MRL_TLS_WRONG_PSK] = {"wrong-psk", X509_V_ERR_UNSPECIFIED},
    [MRL_TLS_WRONG_NAME] = {"wrong-name", X509_V_ERR_HOSTNAME_MISMATCH},
    [MRL_TLS_PLAINTEXT] = {"plaintext", X509_V_ERR_UNSPECIFIED},
    [MRL_TLS_PROTOCOL] = {"protocol", X509_V_ERR_UNSPECIFIED},
    [MRL_TLS_TIMEOUT] = {"timeout", X509_V_ERR_UNSPECIFIED},
};

const char *mrl_tls_refusal_name(enum mrl_tls_refusal r)
{
    return (unsigned)r < MRL_TLS_REFUSAL_COUNT_ ? refusals[r].name : "unknown";
}

int mrl_tls_x509_error(enum mrl_tls_refusal r)
{
    return (unsigned)r < MRL_TLS_REFUSAL_COUNT_ ? refusals[r].error : X509_V_ERR_UNSPECIFIED;
}

enum mrl_tls_refusal mrl_tls_refusal_from_x509(long error)
{
    static const struct {
        long error;
        enum mrl_tls_refusal refusal;
    } table[] = {
        {X509_V_OK, MRL_TLS_ACCEPTED},
        {X509_V_ERR_CERT_HAS_EXPIRED, MRL_TLS_EXPIRED},
        {X509_V_ERR_CERT_NOT_YET_VALID, MRL_TLS_NOT_YET_VALID},
        {X509_V_ERR_INVALID_PURPOSE, MRL_TLS_WRONG_EKU},
        {X509_V_ERR_CERT_SIGNATURE_FAILURE, MRL_TLS_BAD_SIGNATURE},
        {X509_V_ERR_CERT_REVOKED, MRL_TLS_REVOKED},
        {X509_V_ERR_HOSTNAME_MISMATCH, MRL_TLS_WRONG_NAME},
        {X509_V_ERR_IP_ADDRESS_MISMATCH, MRL_TLS_WRONG_NAME},
    };

    for (size_t i = 0; i < MRL_COUNT(table); i++)
        if (table[i].error == error)
            return table[i].refusal;
    return MRL_TLS_UNKNOWN_CA;
}

enum mrl_tls_refusal mrl_tls_judged(const struct mrl_tls_context *c, bool strict,
                                    const struct mrl_fingerprint *fp)
{
    enum mrl_tls_refusal r = (strict ? c->strict_judge : c->judge)(c->judge_context, fp);

    return (unsigned)r < MRL_TLS_REFUSAL_COUNT_ ? r : MRL_TLS_UNREGISTERED;
}

enum mrl_tls_refusal mrl_tls_refusal_of_chain(enum mrl_chain_reason reason)
{
    static const enum mrl_tls_refusal table[MRL_CHAIN_REASON_COUNT_] = {
        [MRL_CHAIN_OK] = MRL_TLS_UNREGISTERED,
        [MRL_CHAIN_FOREIGN_CA] = MRL_TLS_UNKNOWN_CA,
        [MRL_CHAIN_EXPIRED] = MRL_TLS_EXPIRED,
        [MRL_CHAIN_NOT_YET_VALID] = MRL_TLS_NOT_YET_VALID,
        [MRL_CHAIN_WRONG_EKU] = MRL_TLS_WRONG_EKU,
        [MRL_CHAIN_BAD_SIGNATURE] = MRL_TLS_BAD_SIGNATURE,
        [MRL_CHAIN_CA_AS_LEAF] = MRL_TLS_WRONG_EKU,
        [MRL_CHAIN_WEAK] = MRL_TLS_UNKNOWN_CA,
        [MRL_CHAIN_REVOKED] = MRL_TLS_REVOKED,
        [MRL_CHAIN_NO_CRL] = MRL_TLS_UNKNOWN_CA,
        [MRL_CHAIN_OTHER] = MRL_TLS_UNKNOWN_CA,
    };

    return (unsigned)reason < MRL_CHAIN_REASON_COUNT_ ? table[reason] : MRL_TLS_UNKNOWN_CA;
}

/* What came with the leaf; a certificate we cannot read cannot lead to a root. */
static void sent_along(X509_STORE_CTX *store, X509 *leaf, struct mrl_cert_list *out)
{
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);

    for (int i = 0; i < sk_X509_num(sent); i++) {
        struct mrl_cert *cert = NULL;

        if (sk_X509_value(sent, i) != leaf &&
            mrl_cert_from_native(sk_X509_value(sent, i), &cert) == MRL_OK)
            (void)mrl_cert_list_add(out, cert); /* fails: one fewer to name the reason with */
    }
}

/* The certificate is refused: here only the reason is found. */
static enum mrl_tls_refusal name_reason(const struct mrl_tls_context *c,
                                        const struct mrl_cert *leaf,
                                        const struct mrl_cert_list *sent)
{
    enum mrl_chain_reason reason = MRL_CHAIN_OTHER;

    if (c->roots == NULL)
        return MRL_TLS_UNREGISTERED;
    if (mrl_cert_verify_chain(leaf, sent, c->roots, MRL_PURPOSE_CLIENT, mrl_wall_s(), &reason) ==
        MRL_OK)
        return MRL_TLS_UNREGISTERED;
    return mrl_tls_refusal_of_chain(reason);
}

/* Bounded by what OpenSSL takes of a peer. */
static mrl_err keep(struct mrl_tls *t, const struct mrl_cert *leaf,
                    const struct mrl_cert_list *sent)
{
    mrl_buf_clear(&t->introduced);
    MRL_TRY(mrl_buf_append(&t->introduced, mrl_cert_facts(leaf)->der));
    for (size_t i = 0; i < sent->count; i++)
        MRL_TRY(mrl_buf_append(&t->introduced, mrl_cert_facts(sent->certs[i])->der));
    return MRL_OK;
}

/* The judge does not know it. */
static enum mrl_tls_refusal ask_voucher(struct mrl_tls *t, const struct mrl_cert *leaf,
                                        const struct mrl_cert_list *sent)
{
    const struct mrl_tls_context *c = t->context;
    mrl_tls_voucher voucher = t->strict ? c->strict_voucher : c->voucher;
    enum mrl_tls_refusal r = MRL_TLS_UNREGISTERED;

    if (voucher != NULL)
        r = voucher(c->voucher_context, leaf, sent);
    if (r == MRL_TLS_ACCEPTED && keep(t, leaf, sent) != MRL_OK)
        return MRL_TLS_PROTOCOL;
    return r == MRL_TLS_UNREGISTERED ? name_reason(c, leaf, sent) : r;
}

static enum mrl_tls_refusal judge_stranger(struct mrl_tls *t, X509_STORE_CTX *store, X509 *native)
{
    MRL_SCOPED(mrl_cert_list) sent = {0};
    MRL_AUTO(mrl_cert) leaf = NULL;

    if (t->context->roots == NULL && t->context->voucher == NULL)
        return MRL_TLS_UNREGISTERED;
    if (mrl_cert_from_native(native, &leaf) != MRL_OK)
        return MRL_TLS_UNKNOWN_CA;
    sent_along(store, native, &sent);
    return ask_voucher(t, leaf, &sent);
}

int mrl_tls_verify_client(X509_STORE_CTX *store, void *context)
{
    const struct mrl_tls_context *c = context;
    struct mrl_tls *t =
        mrl_tls_of(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    X509 *leaf = X509_STORE_CTX_get0_cert(store);

    t->verified = false;
    mrl_tls_psk_forget(t);
    t->facts.showed_certificate =
        leaf != NULL && mrl_cert_native_fingerprint(leaf, &t->facts.fingerprint) == MRL_OK;
    t->refusal = t->facts.showed_certificate ? mrl_tls_judged(c, t->strict, &t->facts.fingerprint)
                                             : MRL_TLS_PROTOCOL;
    if (t->refusal == MRL_TLS_UNREGISTERED)
        t->refusal = judge_stranger(t, store, leaf);
    if (t->refusal == MRL_TLS_ACCEPTED_ONCE) /* what is resumed must be MRL_TLS_ACCEPTED */
        t->refusal = MRL_TLS_ACCEPTED;
    t->verified = t->refusal == MRL_TLS_ACCEPTED;
    X509_STORE_CTX_set_error(store, mrl_tls_x509_error(t->refusal));
    return t->verified;
}
