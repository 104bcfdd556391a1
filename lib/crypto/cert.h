/* SPDX-License-Identifier: Apache-2.0 */
/* X.509 certificates: reading and judging (RFC 5280). Layer: crypto. Thread: any; a certificate
 * does not change once made. Inputs are borrowed, *out is given. OpenSSL's error queue is as before
 * the call, whatever happens. */
#ifndef MRL_CRYPTO_CERT_H
#define MRL_CRYPTO_CERT_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "crypto/key.h"
#include "crypto/name.h"

enum {
    MRL_CERT_DER_MAX = 16 << 10, /* MRL_ERR_LIMIT above */
    MRL_CERT_BUNDLE_MAX = 64,    /* certificates in one PEM text; MRL_ERR_LIMIT above */
};

struct mrl_cert;
void mrl_cert_free(struct mrl_cert *c); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_cert);

/* Exactly one certificate: trailing bytes, a broken or doubled extension are MRL_ERR_MALFORMED. */
mrl_err mrl_cert_from_der(mrl_bytes der, struct mrl_cert **out);
/* The first "CERTIFICATE" of a PEM text; other blocks are skipped. MRL_ERR_NOT_FOUND: none. */
mrl_err mrl_cert_from_pem(mrl_bytes pem, struct mrl_cert **out);
mrl_err mrl_cert_to_pem(const struct mrl_cert *c, struct mrl_buf *out);

/* What the certificate says. Views live as long as the certificate. */
struct mrl_cert_facts {
    struct mrl_fingerprint fingerprint;
    mrl_bytes der;
    mrl_bytes serial;   /* magnitude, big-endian without leading zeros */
    int64_t not_before; /* seconds since 1970, UTC */
    int64_t not_after;
    mrl_bytes subject; /* Name DER */
    mrl_bytes issuer;  /* Name DER */
    mrl_bytes cn;      /* of the subject; empty: none, more than one, or not clean text */
    mrl_bytes san;     /* GeneralNames DER for mrl_san_start; empty: none */
    mrl_bytes spki;    /* SubjectPublicKeyInfo DER */
    mrl_bytes ski;     /* key identifiers; empty: none */
    mrl_bytes aki;
    bool is_ca; /* basicConstraints CA and, when keyUsage is present, keyCertSign */
    bool has_eku;
    bool client_auth; /* named in extendedKeyUsage */
    bool server_auth;
};
const struct mrl_cert_facts *mrl_cert_facts(const struct mrl_cert *c);
/* The public key; errors as mrl_key_from_spki. */
mrl_err mrl_cert_key(const struct mrl_cert *c, struct mrl_key **out);
/* CAs that may follow below this one (RFC 5280 4.2.1.9); -1: as many as you like. */
long mrl_cert_path_length(const struct mrl_cert *c);
/* MRL_OK: c carries a valid signature by the key of issuer and names it as issuer. MRL_ERR_CRYPTO:
 * not. Says nothing about time, usage or trust. */
mrl_err mrl_cert_verify_signature(const struct mrl_cert *c, const struct mrl_cert *issuer);

/* A list that owns its certificates. */
struct mrl_cert_list {
    struct mrl_cert **certs;
    size_t count;
};
void mrl_cert_list_done(struct mrl_cert_list *l);
mrl_err mrl_cert_list_add(struct mrl_cert_list *l,
                          struct mrl_cert *c); /* takes c, on failure too */
/* Every "CERTIFICATE" of a PEM text, appended in order; all or nothing. MRL_ERR_NOT_FOUND: none. */
mrl_err mrl_cert_list_add_pem(struct mrl_cert_list *l, mrl_bytes pem);

enum mrl_cert_purpose {
    MRL_PURPOSE_CLIENT,
    MRL_PURPOSE_SERVER,
    MRL_PURPOSE_ANY, /* the caller looks at extendedKeyUsage */
};
enum mrl_chain_reason {
    MRL_CHAIN_OK,
    MRL_CHAIN_FOREIGN_CA,    /* no path to one of the roots, or self-signed */
    MRL_CHAIN_EXPIRED,       /* it or a CA above it */
    MRL_CHAIN_NOT_YET_VALID, /* it or a CA above it */
    MRL_CHAIN_WRONG_EKU,     /* not for this purpose */
    MRL_CHAIN_BAD_SIGNATURE,
    MRL_CHAIN_CA_AS_LEAF, /* a CA certificate is nobody's identity */
    MRL_CHAIN_WEAK,       /* key or digest below 112 bits of strength */
    MRL_CHAIN_REVOKED,    /* this and the next only where CRLs are given: crypto/path.h */
    MRL_CHAIN_NO_CRL,     /* none that is current and about this certificate */
    MRL_CHAIN_OTHER,
    MRL_CHAIN_REASON_COUNT_
};
const char *mrl_chain_reason_name(enum mrl_chain_reason r); /* "foreign-ca"; stable */
/* crypto/path.h for our own hierarchy: from leaf over intermediates (any order, may hold more than
 * needed, at most 8 are looked at: MRL_ERR_LIMIT above) to one of the roots, at the second at_time.
 * No revocation: the device registry decides that, and no CRL ever goes near this. MRL_ERR_AUTH
 * with *reason (never NULL; written always) when it does not hold. An absent extendedKeyUsage
 * allows every purpose. A certificate is expired from the second notAfter on (OpenSSL), one second
 * early by RFC 5280. */
mrl_err mrl_cert_verify_chain(const struct mrl_cert *leaf,
                              const struct mrl_cert_list *intermediates,
                              const struct mrl_cert_list *roots, enum mrl_cert_purpose purpose,
                              int64_t at_time, enum mrl_chain_reason *reason);

/* OpenSSL's objects, for lib/net only. from_native takes its own reference. */
struct x509_st;
struct x509_st *mrl_cert_native(const struct mrl_cert *c); /* borrowed: lives as long as c */
mrl_err mrl_cert_from_native(struct x509_st *x, struct mrl_cert **out);
/* Without parsing anything further: the look-up of the handshake. */
mrl_err mrl_cert_native_fingerprint(const struct x509_st *x, struct mrl_fingerprint *out);

#endif
