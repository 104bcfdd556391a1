/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates from a typed profile: what is not in the struct cannot get into a certificate.
 * Layer: crypto. Thread: any. RFC 5280 4. */
#ifndef MRL_CRYPTO_CERT_BUILD_H
#define MRL_CRYPTO_CERT_BUILD_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "crypto/cert.h"
#include "crypto/key.h"
#include "crypto/name.h"

enum mrl_cert_kind {
    MRL_CERT_ROOT_CA,     /* CA, pathLen 1, keyCertSign and cRLSign; self-signed */
    MRL_CERT_ISSUING_CA,  /* the same with pathLen 0 */
    MRL_CERT_DEVICE,      /* digitalSignature, clientAuth */
    MRL_CERT_APPLICATION, /* likewise */
    MRL_CERT_OPERATOR,    /* likewise */
    MRL_CERT_SERVER,      /* digitalSignature, serverAuth; needs a DNS name or an IP */
    MRL_CERT_OCSP,        /* digitalSignature, OCSPSigning, ocsp-nocheck (RFC 6960 4.2.2.2.1) */
};
enum { MRL_SERIAL_SIZE = 16 };

struct mrl_cert_profile { /* everything is borrowed */
    enum mrl_cert_kind kind;
    mrl_bytes cn;          /* 1..64 characters of UTF-8 */
    struct mrl_names uris; /* subjectAltName; none for a CA */
    struct mrl_names dns;
    struct mrl_names ips;
    mrl_bytes spki;     /* of the subject, of a type mrl_key_from_spki accepts; not RSA for a CA */
    int64_t not_before; /* seconds since 1970 */
    int64_t not_after;  /* above not_before; not above the issuer's. MRL_TIME_NEVER: 9999 */
    mrl_bytes crl_url;  /* cRLDistributionPoints; empty: none. Never of a CA or MRL_CERT_OCSP */
    mrl_bytes ocsp_url; /* of authorityInfoAccess; likewise */
    uint8_t serial[MRL_SERIAL_SIZE]; /* from mrl_serial_random; zero is refused */
};
#define MRL_TIME_NEVER INT64_C(253402300799) /* 99991231235959Z, RFC 5280 4.1.2.5 */

/* 128 random bits, written as a positive INTEGER of at most 17 octets (RFC 5280 4.1.2.2). */
void mrl_serial_random(uint8_t serial[static MRL_SERIAL_SIZE]);

/* Appends the DER of a certificate signed by issuer_key. issuer is its certificate, NULL for
 * MRL_CERT_ROOT_CA only (the SPKI is then the public part of issuer_key). Authority key identifier
 * = the issuer's subject key identifier; signature algorithm by the type of issuer_key (P-256,
 * P-384 or Ed25519). MRL_ERR_INVALID with why: a profile that breaks a rule above, an issuer that
 * is not a CA, may not issue this kind, or does not have issuer_key as its key. A subject's key
 * that mrl_key_from_spki refuses: its errors. out is unchanged on failure. */
mrl_err mrl_cert_build(const struct mrl_cert_profile *profile, const struct mrl_cert *issuer,
                       const struct mrl_key *issuer_key, struct mrl_buf *out, struct mrl_why *why);

#endif
