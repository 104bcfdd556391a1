/* SPDX-License-Identifier: Apache-2.0 */
/* Certification requests, PKCS#10 (RFC 2986): reading what a stranger sends, writing for the agent.
 * Layer: crypto. Thread: any; a request does not change once read. Inputs are borrowed, *out is
 * given. */
#ifndef MRL_CRYPTO_CSR_H
#define MRL_CRYPTO_CSR_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "crypto/hash.h"
#include "crypto/key.h"
#include "crypto/name.h"

enum {
    MRL_CSR_DER_MAX = 16 << 10,  /* bytes of DER */
    MRL_CSR_TEXT_MAX = 32 << 10, /* bytes of base64 or PEM, white space included */
    MRL_CSR_ATTRIBUTES_MAX = 16,
    MRL_CHALLENGE_PASSWORD_MAX = 255, /* RFC 2985 5.4.1 */
    MRL_KEY_ID_MAX = 64,
    MRL_CAPABILITIES_MAX = 32,
};

enum mrl_csr_reason {
    MRL_CSR_OK,
    MRL_CSR_TOO_LARGE,
    MRL_CSR_MALFORMED,
    MRL_CSR_TRAILING, /* bytes after the end of the request */
    MRL_CSR_WEAK_KEY, /* type, curve or size we do not certify */
    MRL_CSR_BAD_KEY,  /* broken: point off the curve, at infinity, not decodable */
    MRL_CSR_BAD_SIGNATURE,
    MRL_CSR_REASON_COUNT_
};
const char *mrl_csr_reason_name(enum mrl_csr_reason r); /* "weak-key"; stable, for logs */
const char *mrl_csr_reason_text(enum mrl_csr_reason r); /* a sentence for the device's maker */

struct mrl_csr;
void mrl_csr_free(struct mrl_csr *c); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_csr);

/* One request in DER. MRL_ERR_LIMIT (too large) or MRL_ERR_MALFORMED, with *reason (never NULL;
 * written always). Neither key nor signature is looked at yet. */
mrl_err mrl_csr_from_der(mrl_bytes der, struct mrl_csr **out, enum mrl_csr_reason *reason);
/* The body of an EST request: base64 with any white space (RFC 8951 3.1), with or without PEM
 * armour ("CERTIFICATE REQUEST" or "NEW CERTIFICATE REQUEST"), or plain DER. Errors as above. */
mrl_err mrl_csr_from_body(mrl_bytes body, struct mrl_csr **out, enum mrl_csr_reason *reason);

/* What the request says. Views live as long as the request. */
struct mrl_csr_facts {
    mrl_bytes subject;            /* Name DER; may be an empty Name */
    struct mrl_subject_name name; /* what is in it: common name, other attributes */
    mrl_bytes san;                /* requested GeneralNames DER for mrl_san_start; empty: none */
    mrl_bytes spki;               /* SubjectPublicKeyInfo DER */
    bool has_challenge;           /* challengePassword is present (and may be empty) */
    mrl_bytes challenge; /* RFC 7030 3.5: base64 of the channel binding. Compare in constant time */
    bool change_subject_name; /* attribute ChangeSubjectName, RFC 6402 2.8, RFC 7030 4.2.2 */
    mrl_bytes new_subject;    /* from it: Name DER; empty: not given */
    mrl_bytes new_san;        /* from it: GeneralNames DER; empty: not given */
    /* How a key that the server makes is to travel, RFC 7030 4.4.1. */
    bool shared_key_asked;  /* DecryptKeyIdentifier: a secret that both have */
    mrl_bytes recipient;    /* AsymmetricDecryptKeyIdentifier: names a public key; empty: none */
    mrl_bytes capabilities; /* SMIMECapabilities, the whole SEQUENCE; empty: none */
};
const struct mrl_csr_facts *mrl_csr_facts(const struct mrl_csr *c);

/* Would we certify this key, and does the sender hold it (RFC 2986 3)? MRL_OK: *key is the public
 * key of the request, given. Otherwise MRL_ERR_DENIED with *reason (never NULL; written always):
 * weak or broken key, signature wrong or with an algorithm below SHA-256. */
mrl_err mrl_csr_check(const struct mrl_csr *c, struct mrl_key **key, enum mrl_csr_reason *reason);

/* Names a request that mrl_csr_check found good, however it is spelled: SHA-256 over what is signed
 * and over what only the holder of the key can change in the signature. The second spelling of an
 * ECDSA signature, (r, n - s), has the same name; a signature made anew (another r) has another.
 * MRL_ERR_MALFORMED, MRL_ERR_UNSUPPORTED: it would not have been found good. */
mrl_err mrl_csr_digest(const struct mrl_csr *c, uint8_t out[static MRL_SHA256_SIZE]);

/* For the agent. */
struct mrl_csr_request { /* everything is borrowed */
    mrl_bytes cn;        /* 1..64 characters of UTF-8 */
    struct mrl_names uris;
    mrl_bytes challenge; /* challengePassword; empty: none */
};
/* Appends the DER, signed by key. MRL_ERR_INVALID: cn, a URI or the challenge is not acceptable. */
mrl_err mrl_csr_write(const struct mrl_csr_request *request, const struct mrl_key *key,
                      struct mrl_buf *out);

#endif
