/* SPDX-License-Identifier: Apache-2.0 */
/* Path validation, RFC 5280 6.1, strictly: every rule of the RFC that OpenSSL makes optional is on
 * (X509_V_FLAG_X509_STRICT, policies, names). Shown with the whole of NIST PKITS:
 * tests/unit/crypto/pkits.py. Layer: crypto. Thread: any. Everything is borrowed for the call. */
#ifndef MRL_CRYPTO_PATH_H
#define MRL_CRYPTO_PATH_H

#include "crypto/cert.h"

enum {
    MRL_PATH_SENT_MAX = 8,   /* certificates a peer sent along: MRL_ERR_LIMIT above */
    MRL_PATH_KNOWN_MAX = 64, /* the same of those that are ours to choose */
    MRL_PATH_DEEPEST = 8,    /* CA certificates between leaf and anchor */
};

struct mrl_path {
    const struct mrl_cert *leaf;
    const struct mrl_cert_list *sent;    /* by the peer, in any order; may be NULL */
    const struct mrl_cert_list *known;   /* no anchors either, only a help; may be NULL */
    const struct mrl_cert_list *anchors; /* all that is trusted; NULL: nothing is */
    bool partial;                        /* an anchor need not be self-signed */
    const mrl_bytes *crls;               /* in DER */
    size_t crl_count; /* 0: revocation is decided elsewhere; else every certificate of the path
                         needs a CRL that is current (RFC 5280 6.3) */
    enum mrl_cert_purpose purpose;
    unsigned deepest; /* 0: MRL_PATH_DEEPEST */
    int64_t at_time;
};
/* MRL_ERR_AUTH with *reason (never NULL; written always) when it does not hold; MRL_ERR_MALFORMED:
 * a CRL is none. What mrl_cert_verify_chain says about times and purposes holds here, too. */
mrl_err mrl_path_verify(const struct mrl_path *path, enum mrl_chain_reason *reason);

/* Every "X509 CRL" of a PEM text: DER appended, one after the other. MRL_ERR_NOT_FOUND: none;
 * MRL_ERR_MALFORMED; MRL_ERR_LIMIT: more than max of them, or the limit of der. */
mrl_err mrl_crls_from_pem(mrl_bytes pem, size_t max, struct mrl_buf *der, size_t *count);

#endif
