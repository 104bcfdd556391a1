/* SPDX-License-Identifier: Apache-2.0 */
/* OCSP (RFC 6960) in the profile of RFC 5019: one certificate a request, answers that were signed
 * before anybody asked. Layer: crypto. Thread: any. */
#ifndef MRL_CRYPTO_OCSP_H
#define MRL_CRYPTO_OCSP_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "crypto/cert.h"
#include "crypto/crl.h"
#include "crypto/hash.h"

/* How a request names the issuer. */
enum mrl_ocsp_hash { MRL_OCSP_SHA1, MRL_OCSP_SHA256, MRL_OCSP_HASHES };
enum { MRL_OCSP_REQUEST_MAX = 4096, MRL_OCSP_SERIAL_MAX = 20 };

struct mrl_ocsp_request { /* views into the request */
    enum mrl_ocsp_hash hash;
    mrl_bytes name_hash;
    mrl_bytes key_hash;
    mrl_bytes serial; /* magnitude, big-endian without leading zeros; at most 20 bytes */
};
/* MRL_ERR_MALFORMED: not a request; MRL_ERR_LIMIT: longer than MRL_OCSP_REQUEST_MAX, or for more
 * than one certificate (RFC 5019 2.1.1); MRL_ERR_UNSUPPORTED: another hash. Who asks, a signature
 * and all extensions (a nonce among them) are passed over: RFC 6960 4.1.2, 4.4.1; RFC 5019 2.1.1,
 * 4. */
mrl_err mrl_ocsp_read_request(mrl_bytes der, struct mrl_ocsp_request *out);

/* A CA as requests name it, by each hash. */
struct mrl_ocsp_issuer {
    uint8_t name[MRL_OCSP_HASHES][MRL_SHA256_SIZE];
    uint8_t key[MRL_OCSP_HASHES][MRL_SHA256_SIZE];
};
mrl_err mrl_ocsp_issuer_of(const struct mrl_cert *ca, struct mrl_ocsp_issuer *out);
bool mrl_ocsp_issuer_is(const struct mrl_ocsp_issuer *i, const struct mrl_ocsp_request *q);

/* RFC 6960 4.2.1 */
enum mrl_ocsp_status {
    MRL_OCSP_SUCCESSFUL = 0,
    MRL_OCSP_MALFORMED = 1,
    MRL_OCSP_INTERNAL_ERROR = 2,
    MRL_OCSP_TRY_LATER = 3,
    MRL_OCSP_UNAUTHORIZED = 6, /* not ours to answer: RFC 5019 2.2.3 */
};
enum { MRL_OCSP_ERROR_SIZE = 5 };
/* A response that is nothing but this status, which is not MRL_OCSP_SUCCESSFUL. */
void mrl_ocsp_error(enum mrl_ocsp_status status, uint8_t to[static MRL_OCSP_ERROR_SIZE]);

/* What one answer says. */
struct mrl_ocsp_answer {
    const struct mrl_ocsp_issuer *issuer;
    enum mrl_ocsp_hash hash;
    mrl_bytes serial;
    int64_t revoked; /* seconds since 1970; 0: good */
    enum mrl_crl_reason reason;
    int64_t this_update; /* also producedAt */
    int64_t next_update;
    mrl_bytes responder; /* key identifier of who signs: SHA-1 of its key, RFC 6960 4.2.1 byKey */
};
/* ResponseData, appended: what is signed. The same answer gives the same bytes. */
mrl_err mrl_ocsp_answer_data(const struct mrl_ocsp_answer *a, struct mrl_buf *out);
/* The whole response, appended; signer is the certificate of who signed (DER). */
mrl_err mrl_ocsp_response(mrl_bytes data, enum mrl_sign_alg alg, mrl_bytes signature,
                          mrl_bytes signer, struct mrl_buf *out);

#endif
