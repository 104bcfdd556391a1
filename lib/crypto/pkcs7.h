/* SPDX-License-Identifier: Apache-2.0 */
/* "certs-only" CMS: SignedData without content and signers, how EST carries certificates (RFC 7030
 * 4.1.3, RFC 5652 5.1). Layer: crypto. Thread: any. DER in and out; base64 is the caller's. */
#ifndef MRL_CRYPTO_PKCS7_H
#define MRL_CRYPTO_PKCS7_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "crypto/cert.h"

enum { MRL_PKCS7_DER_MAX = 256 << 10, MRL_PKCS7_CERTS_MAX = 48 };

/* Appends one message with the certificates in the given order (RFC 5652 10.2.3 orders nothing).
 * MRL_ERR_LIMIT: more than MRL_PKCS7_CERTS_MAX; MRL_ERR_INVALID: none. */
mrl_err mrl_pkcs7_write(const mrl_bytes *certs_der, size_t count, struct mrl_buf *out);
/* Reads strictly and appends every certificate to out, all or nothing. MRL_ERR_MALFORMED: not DER,
 * content or signers present, no certificate, trailing bytes; MRL_ERR_LIMIT: too large, too many.
 */
mrl_err mrl_pkcs7_read(mrl_bytes der, struct mrl_cert_list *out);

#endif
