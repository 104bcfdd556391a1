/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/cert.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/openssl.h"

enum { SERIAL_LONGEST = 20 }; /* RFC 5280 4.1.2.2 */

struct mrl_cert {
    X509 *x;
    struct mrl_buf der;
    struct mrl_buf spki;
    struct mrl_cert_facts facts;
};

void mrl_cert_free(struct mrl_cert *c)
{
    if (c == NULL)
        return;
    X509_free(c->x);
    mrl_buf_done(&c->der);
    mrl_buf_done(&c->spki);
    free(c);
}

static mrl_bytes string_bytes(const ASN1_STRING *s)
{
    return s == NULL ? MRL_BYTES_NONE
                     : mrl_bytes_of(ASN1_STRING_get0_data(s), (size_t)ASN1_STRING_length(s));
}

static mrl_err name_bytes(const X509_NAME *name, mrl_bytes *out)
{
    const uint8_t *der;
    size_t len;

    MRL_ENSURE(name != NULL && X509_NAME_get0_der(name, &der, &len) == 1, MRL_ERR_MALFORMED);
    *out = mrl_bytes_of(der, len);
    return MRL_OK;
}

static mrl_err time_seconds(const ASN1_TIME *t, int64_t *out)
{
    struct tm tm = {0};

    MRL_ENSURE(t != NULL && ASN1_TIME_to_tm(t, &tm) == 1, MRL_ERR_MALFORMED);
    *out = (int64_t)timegm(&tm);
    return MRL_OK;
}

static mrl_err serial_bytes(const ASN1_INTEGER *serial, mrl_bytes *out)
{
    mrl_bytes b = string_bytes(serial);

    MRL_ENSURE(serial != NULL && ASN1_STRING_type(serial) != V_ASN1_NEG_INTEGER, MRL_ERR_MALFORMED);
    while (b.len > 0 && b.data[0] == 0)
        b = mrl_bytes_sub(b, 1, b.len);
    MRL_ENSURE(b.len <= SERIAL_LONGEST, MRL_ERR_MALFORMED);
    *out = b;
    return MRL_OK;
}

static mrl_bytes find_san(const X509 *x)
{
    int at = X509_get_ext_by_NID(x, NID_subject_alt_name, -1);

    return at < 0 ? MRL_BYTES_NONE : string_bytes(X509_EXTENSION_get_data(X509_get_ext(x, at)));
}

/* An identity is read from a common name only when there is exactly one clean one. */
static mrl_bytes single_cn(mrl_bytes subject)
{
    struct mrl_subject_name name;

    if (mrl_name_read(subject, &name) != MRL_OK || name.cn_count != 1)
        return MRL_BYTES_NONE;
    return name.cn;
}

static void read_usage(X509 *x, struct mrl_cert_facts *f)
{
    uint32_t eku = X509_get_extended_key_usage(x);

    f->is_ca = X509_check_ca(x) == 1;
    f->has_eku = eku != UINT32_MAX;
    f->client_auth = f->has_eku && (eku & XKU_SSL_CLIENT) != 0;
    f->server_auth = f->has_eku && (eku & XKU_SSL_SERVER) != 0;
    f->ski = string_bytes(X509_get0_subject_key_id(x));
    f->aki = string_bytes(X509_get0_authority_key_id(x));
}

static mrl_err read_facts(struct mrl_cert *c)
{
    struct mrl_cert_facts *f = &c->facts;

    /* Set for an extension OpenSSL knows and finds doubled or undecodable. */
    MRL_ENSURE((X509_get_extension_flags(c->x) & EXFLAG_INVALID) == 0, MRL_ERR_MALFORMED);
    f->der = mrl_buf_bytes(&c->der);
    f->spki = mrl_buf_bytes(&c->spki);
    MRL_TRY(mrl_fingerprint_of(f->der, &f->fingerprint));
    MRL_TRY(serial_bytes(X509_get0_serialNumber(c->x), &f->serial));
    MRL_TRY(time_seconds(X509_get0_notBefore(c->x), &f->not_before));
    MRL_TRY(time_seconds(X509_get0_notAfter(c->x), &f->not_after));
    MRL_TRY(name_bytes(X509_get_subject_name(c->x), &f->subject));
    MRL_TRY(name_bytes(X509_get_issuer_name(c->x), &f->issuer));
    f->cn = single_cn(f->subject);
    f->san = find_san(c->x);
    read_usage(c->x, f);
    return MRL_OK;
}

static mrl_err encode(const X509 *x, struct mrl_buf *out)
{
    int len = i2d_X509(x, NULL);
    uint8_t *to;

    MRL_ENSURE(len > 0, MRL_ERR_MALFORMED);
    MRL_ENSURE(len <= MRL_CERT_DER_MAX, MRL_ERR_LIMIT);
    MRL_TRY(mrl_buf_reserve(out, (size_t)len, &to));
    MRL_ENSURE(i2d_X509(x, &to) == len, MRL_ERR_CRYPTO);
    mrl_buf_added(out, (size_t)len);
    return MRL_OK;
}

static mrl_err encode_spki(const X509 *x, struct mrl_buf *out)
{
    const X509_PUBKEY *pubkey = X509_get_X509_PUBKEY(x);
    int len = pubkey == NULL ? -1 : i2d_X509_PUBKEY(pubkey, NULL);
    uint8_t *to;

    MRL_ENSURE(len > 0, MRL_ERR_MALFORMED);
    MRL_TRY(mrl_buf_reserve(out, (size_t)len, &to));
    MRL_ENSURE(i2d_X509_PUBKEY(pubkey, &to) == len, MRL_ERR_CRYPTO);
    mrl_buf_added(out, (size_t)len);
    return MRL_OK;
}

/* Takes x. */
static mrl_err adopt(X509 *x, struct mrl_cert **out)
{
    MRL_AUTO(mrl_cert) c = calloc(1, sizeof(*c));

    if (c == NULL) {
        X509_free(x);
        return MRL_ERR_CRYPTO;
    }
    c->x = x;
    MRL_TRY(encode(x, &c->der));
    MRL_TRY(encode_spki(x, &c->spki));
    MRL_TRY(read_facts(c));
    *out = MRL_TAKE(c);
    return MRL_OK;
}

mrl_err mrl_cert_from_der(mrl_bytes der, struct mrl_cert **out)
{
    MRL_AUTO(mrl_cert) c = NULL;
    const uint8_t *at = der.data;
    X509 *x;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(der.len <= MRL_CERT_DER_MAX, MRL_ERR_LIMIT);
    MRL_ENSURE(der.len > 0, MRL_ERR_MALFORMED);
    x = d2i_X509(NULL, &at, (long)der.len);
    MRL_ENSURE(x != NULL, MRL_ERR_MALFORMED);
    MRL_TRY(adopt(x, &c));
    /* One certificate has one spelling, hence one fingerprint: no trailing bytes, no BER. */
    MRL_ENSURE(mrl_bytes_eq(c->facts.der, der), MRL_ERR_MALFORMED);
    *out = MRL_TAKE(c);
    return MRL_OK;
}

mrl_err mrl_cert_from_native(struct x509_st *x, struct mrl_cert **out)
{
    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(X509_up_ref(x) == 1, MRL_ERR_CRYPTO);
    return adopt(x, out);
}

const struct mrl_cert_facts *mrl_cert_facts(const struct mrl_cert *c)
{
    return &c->facts;
}

long mrl_cert_path_length(const struct mrl_cert *c)
{
    return X509_get_pathlen(c->x);
}

mrl_err mrl_cert_key(const struct mrl_cert *c, struct mrl_key **out)
{
    return mrl_key_from_spki(c->facts.spki, out, NULL);
}

struct x509_st *mrl_cert_native(const struct mrl_cert *c)
{
    return c->x;
}

mrl_err mrl_cert_native_fingerprint(const struct x509_st *x, struct mrl_fingerprint *out)
{
    unsigned len = 0;

    MRL_OPENSSL_SCOPE();
    MRL_ENSURE(X509_digest(x, EVP_sha256(), out->bytes, &len) == 1 && len == MRL_SHA256_SIZE,
               MRL_ERR_CRYPTO);
    return MRL_OK;
}
