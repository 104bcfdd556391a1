/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cert_build.h"

#include <openssl/x509v3.h>

#include "base/random.h"
#include "crypto/algorithm.h"
#include "crypto/crl.h"
#include "crypto/extension.h"
#include "crypto/oid.h"
#include "crypto/openssl.h"

enum { NO_PATH_LENGTH = -1 };

static const struct rule {
    int path_length; /* of the CA; NO_PATH_LENGTH: not a CA */
    mrl_bytes key_usage;
    mrl_bytes ext_key_usage; /* empty: none */
} rules[] = {
    /* BIT STRING contents: unused bits, then keyCertSign and cRLSign, or digitalSignature */
    [MRL_CERT_ROOT_CA] = {2, MRL_LIT_INIT("\x01\x06"), {0}},
    [MRL_CERT_LINK_CA] = {1, MRL_LIT_INIT("\x01\x06"), {0}},
    [MRL_CERT_ISSUING_CA] = {0, MRL_LIT_INIT("\x01\x06"), {0}},
    [MRL_CERT_DEVICE] = {NO_PATH_LENGTH, MRL_LIT_INIT("\x07\x80"),
                         MRL_LIT_INIT(MRL_OID_CLIENT_AUTH)},
    [MRL_CERT_APPLICATION] = {NO_PATH_LENGTH, MRL_LIT_INIT("\x07\x80"),
                              MRL_LIT_INIT(MRL_OID_CLIENT_AUTH)},
    [MRL_CERT_OPERATOR] = {NO_PATH_LENGTH, MRL_LIT_INIT("\x07\x80"),
                           MRL_LIT_INIT(MRL_OID_CLIENT_AUTH)},
    [MRL_CERT_SERVER] = {NO_PATH_LENGTH, MRL_LIT_INIT("\x07\x80"),
                         MRL_LIT_INIT(MRL_OID_SERVER_AUTH)},
    [MRL_CERT_OCSP] = {NO_PATH_LENGTH, MRL_LIT_INIT("\x07\x80"),
                       MRL_LIT_INIT(MRL_OID_OCSP_SIGNING)},
};

/* Everything a certificate is made of, checked. */
struct plan {
    const struct mrl_cert_profile *profile;
    const struct rule *rule;
    enum mrl_sign_alg alg;
    mrl_bytes spki;
    mrl_bytes issuer; /* Name DER; empty: the subject itself */
    mrl_bytes aki;    /* empty: none */
    uint8_t ski[MRL_SHA1_SIZE];
};

void mrl_serial_random(uint8_t serial[static MRL_SERIAL_SIZE])
{
    mrl_random(serial, MRL_SERIAL_SIZE);
}

static mrl_err invalid(struct mrl_why *why, const char *what)
{
    return mrl_fail(why, MRL_ERR_INVALID, "%s", what);
}

static bool is_ca(const struct mrl_cert_profile *p)
{
    return rules[p->kind].path_length != NO_PATH_LENGTH;
}

static bool all_zero(const uint8_t *b, size_t len)
{
    uint8_t any = 0;

    for (size_t i = 0; i < len; i++)
        any |= b[i];
    return any == 0;
}

static mrl_err check_profile(const struct mrl_cert_profile *p, struct mrl_why *why)
{
    size_t hosts = p->dns.count + p->ips.count, names = hosts + p->uris.count;

    if ((size_t)p->kind >= MRL_COUNT(rules))
        return invalid(why, "no such kind of certificate");
    if (p->not_after <= p->not_before)
        return invalid(why, "the certificate would end before it begins");
    if (all_zero(p->serial, sizeof(p->serial)))
        return invalid(why, "the serial number is zero");
    if (is_ca(p) && names > 0)
        return invalid(why, "a CA certificate carries no alternative names");
    if ((is_ca(p) || p->kind == MRL_CERT_OCSP) && p->crl_url.len + p->ocsp_url.len > 0)
        return invalid(why, "this kind of certificate says nothing about revocation");
    if (p->kind == MRL_CERT_SERVER && hosts == 0)
        return invalid(why, "a server certificate needs a DNS name or an IP address");
    return MRL_OK;
}

static mrl_err check_issuer(const struct mrl_cert_profile *p, const struct mrl_cert *issuer,
                            const struct mrl_key *issuer_key, struct mrl_why *why)
{
    const struct mrl_cert_facts *f = mrl_cert_facts(issuer);
    X509 *x = mrl_cert_native(issuer);
    long path_length = X509_get_pathlen(x); /* -1: no limit */

    if (!f->is_ca || f->ski.len == 0)
        return invalid(why, "the issuer is not a CA with a subject key identifier");
    if (is_ca(p) && path_length >= 0 &&
        path_length < rules[p->kind].path_length + (p->kind != MRL_CERT_LINK_CA))
        return invalid(why, "the issuer may not issue CA certificates");
    if (p->not_after > f->not_after)
        return invalid(why, "the certificate would outlive its issuer");
    if (X509_check_private_key(x, mrl_key_native(issuer_key)) != 1)
        return invalid(why, "the key does not belong to the issuer's certificate");
    return MRL_OK;
}

/* The subject's key: how a CA signs is known here, so a CA key of another type is refused. */
static mrl_err check_subject_key(const struct plan *plan, struct mrl_why *why)
{
    MRL_AUTO(mrl_key) key = NULL;

    MRL_TRY(mrl_key_from_spki(plan->spki, &key, why));
    if (is_ca(plan->profile) && mrl_key_type(key) == MRL_KEY_RSA)
        return invalid(why, "a CA key is P-256, P-384 or Ed25519");
    return MRL_OK;
}

static void put_basic_constraints(struct mrl_der *d, const struct plan *plan)
{
    mrl_extension_begin(d, MRL_LIT(MRL_OID_BASIC_CONSTRAINTS), /*critical=*/true);
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    if (is_ca(plan->profile)) {
        mrl_der_true(d);
        mrl_der_small(d, (uint8_t)plan->rule->path_length);
    }
    mrl_der_end(d);
    mrl_extension_end(d);
}

static void put_usage(struct mrl_der *d, const struct rule *rule)
{
    mrl_extension_begin(d, MRL_LIT(MRL_OID_KEY_USAGE), /*critical=*/true);
    mrl_der_put(d, MRL_DER_BIT_STRING, rule->key_usage);
    mrl_extension_end(d);
    if (rule->ext_key_usage.len == 0)
        return;
    mrl_extension_begin(d, MRL_LIT(MRL_OID_EXT_KEY_USAGE), /*critical=*/false);
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_OID, rule->ext_key_usage);
    mrl_der_end(d);
    mrl_extension_end(d);
}

static void put_key_ids(struct mrl_der *d, const struct plan *plan)
{
    mrl_extension_begin(d, MRL_LIT(MRL_OID_SUBJECT_KEY_ID), /*critical=*/false);
    mrl_der_put(d, MRL_DER_OCTET_STRING, mrl_bytes_of(plan->ski, sizeof(plan->ski)));
    mrl_extension_end(d);
    if (plan->aki.len == 0)
        return;
    mrl_extension_begin(d, MRL_LIT(MRL_OID_AUTHORITY_KEY_ID), /*critical=*/false);
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_der_put(d, MRL_DER_CONTEXT(0), plan->aki);
    mrl_der_end(d);
    mrl_extension_end(d);
}

static void put_names(struct mrl_der *d, const struct mrl_cert_profile *p)
{
    if (p->uris.count + p->dns.count + p->ips.count == 0)
        return;
    mrl_extension_begin(d, MRL_LIT(MRL_OID_SUBJECT_ALT_NAME), /*critical=*/false);
    mrl_san_write(d, p->uris, p->dns, p->ips);
    mrl_extension_end(d);
}

/* RFC 5280 4.2.1.13: one point, its full name. */
static void put_crl_point(struct mrl_der *d, mrl_bytes url)
{
    if (url.len == 0)
        return;
    mrl_extension_begin(d, MRL_LIT(MRL_OID_CRL_POINTS), /*critical=*/false);
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    mrl_crl_point_write(d, url);
    mrl_der_end(d);
    mrl_extension_end(d);
}

static void put_revocation(struct mrl_der *d, const struct mrl_cert_profile *p)
{
    put_crl_point(d, p->crl_url);
    if (p->ocsp_url.len > 0) {
        mrl_extension_begin(d, MRL_LIT(MRL_OID_AUTHORITY_INFO), /*critical=*/false);
        mrl_der_begin(d, MRL_DER_SEQUENCE);
        mrl_der_begin(d, MRL_DER_SEQUENCE);
        mrl_der_put(d, MRL_DER_OID, MRL_LIT(MRL_OID_OCSP));
        mrl_der_put(d, MRL_DER_CONTEXT(6), p->ocsp_url);
        mrl_der_end(d);
        mrl_der_end(d);
        mrl_extension_end(d);
    }
    if (p->kind == MRL_CERT_OCSP) {
        mrl_extension_begin(d, MRL_LIT(MRL_OID_OCSP_NO_CHECK), /*critical=*/false);
        mrl_der_put(d, MRL_DER_NULL, MRL_BYTES_NONE);
        mrl_extension_end(d);
    }
}

static void put_extensions(struct mrl_der *d, const struct plan *plan)
{
    mrl_der_begin(d, MRL_DER_CONTEXT_CONSTRUCTED(3));
    mrl_der_begin(d, MRL_DER_SEQUENCE);
    put_basic_constraints(d, plan);
    put_usage(d, plan->rule);
    put_key_ids(d, plan);
    put_names(d, plan->profile);
    put_revocation(d, plan->profile);
    mrl_der_end(d);
    mrl_der_end(d);
}

/* RFC 5280 4.1: TBSCertificate */
static mrl_err write_tbs(const struct plan *plan, struct mrl_buf *out)
{
    const struct mrl_cert_profile *p = plan->profile;
    struct mrl_der d = mrl_der_on(out);

    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_begin(&d, MRL_DER_CONTEXT_CONSTRUCTED(0));
    mrl_der_small(&d, 2); /* v3 */
    mrl_der_end(&d);
    mrl_der_unsigned(&d, mrl_bytes_of(p->serial, sizeof(p->serial)));
    mrl_sign_alg_write(&d, plan->alg);
    if (plan->issuer.len > 0)
        mrl_der_raw(&d, plan->issuer);
    else
        mrl_name_write(&d, p->cn);
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_time(&d, p->not_before);
    mrl_der_time(&d, p->not_after);
    mrl_der_end(&d);
    mrl_name_write(&d, p->cn);
    mrl_der_raw(&d, plan->spki);
    put_extensions(&d, plan);
    mrl_der_end(&d);
    return mrl_der_finish(&d);
}

static mrl_err sign_tbs(const struct plan *plan, const struct mrl_key *key, struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) tbs = {0};
    MRL_SCOPED(mrl_buf) signature = {0};
    struct mrl_der d = mrl_der_on(out);

    MRL_TRY(write_tbs(plan, &tbs));
    MRL_TRY(mrl_key_sign(key, mrl_buf_bytes(&tbs), &signature));
    mrl_der_begin(&d, MRL_DER_SEQUENCE);
    mrl_der_raw(&d, mrl_buf_bytes(&tbs));
    mrl_sign_alg_write(&d, plan->alg);
    mrl_der_bits(&d, mrl_buf_bytes(&signature));
    mrl_der_end(&d);
    return mrl_der_finish(&d);
}

static mrl_err check_name(const struct plan *plan, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) subject = {0};
    struct mrl_der d = mrl_der_on(&subject);

    mrl_name_write(&d, plan->profile->cn);
    if (mrl_der_finish(&d) != MRL_OK)
        return invalid(why, "the common name is not 1 to 64 characters of clean UTF-8");
    if (plan->profile->kind == MRL_CERT_LINK_CA)
        return mrl_bytes_eq(mrl_buf_bytes(&subject), plan->issuer)
                   ? MRL_OK
                   : invalid(why, "a link certificate has the name of its issuer");
    if (mrl_bytes_eq(mrl_buf_bytes(&subject), plan->issuer))
        return invalid(why, "the common name is that of the issuer");
    return MRL_OK;
}

static mrl_err make_plan(const struct mrl_cert_profile *p, const struct mrl_cert *issuer,
                         const struct mrl_key *issuer_key, struct mrl_buf *own_spki,
                         struct plan *out, struct mrl_why *why)
{
    struct plan plan = {.profile = p, .rule = &rules[p->kind], .spki = p->spki};

    if ((issuer == NULL) != (p->kind == MRL_CERT_ROOT_CA))
        return invalid(why, "a root, and only a root, has no issuer");
    plan.alg = mrl_key_algorithm(issuer_key);
    if (mrl_key_type(issuer_key) == MRL_KEY_RSA || !mrl_key_is_private(issuer_key))
        return invalid(why, "the issuing key is not a private P-256, P-384 or Ed25519 key");
    if (issuer != NULL) {
        MRL_TRY(check_issuer(p, issuer, issuer_key, why));
        plan.issuer = mrl_cert_facts(issuer)->subject;
        plan.aki = mrl_cert_facts(issuer)->ski;
    } else {
        MRL_TRY(mrl_key_to_spki(issuer_key, own_spki));
        plan.spki = mrl_buf_bytes(own_spki);
    }
    MRL_TRY(check_name(&plan, why));
    MRL_TRY(check_subject_key(&plan, why));
    MRL_TRY(mrl_spki_key_id(plan.spki, plan.ski));
    *out = plan;
    return MRL_OK;
}

mrl_err mrl_cert_build(const struct mrl_cert_profile *profile, const struct mrl_cert *issuer,
                       const struct mrl_key *issuer_key, struct mrl_buf *out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) own_spki = {0};
    MRL_SCOPED(mrl_buf) cert = {.limit = MRL_CERT_DER_MAX};
    struct plan plan;
    mrl_err err;

    MRL_OPENSSL_SCOPE();
    MRL_TRY(check_profile(profile, why));
    MRL_TRY(make_plan(profile, issuer, issuer_key, &own_spki, &plan, why));
    err = sign_tbs(&plan, issuer_key, &cert);
    if (err == MRL_ERR_INVALID)
        return invalid(why, "a name or a time is not acceptable in a certificate");
    if (err != MRL_OK)
        return mrl_fail(why, err, "the certificate could not be written or signed");
    return mrl_buf_append(out, mrl_buf_bytes(&cert));
}
