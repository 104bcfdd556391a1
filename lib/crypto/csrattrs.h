/* SPDX-License-Identifier: Apache-2.0 */
/* What an EST server wants to see in a request: CsrAttrs (RFC 7030 4.5.2, RFC 9908 3). Layer:
 * crypto. Thread: any. */
#ifndef MRL_CRYPTO_CSRATTRS_H
#define MRL_CRYPTO_CSRATTRS_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/key.h"

struct mrl_csrattrs {
    enum mrl_key_type key;   /* P-256, P-384 or Ed25519; else MRL_ERR_UNSUPPORTED */
    bool challenge_password; /* link the request to the TLS connection, RFC 7030 3.5 */
};
/* Appends the DER. */
mrl_err mrl_csrattrs_write(const struct mrl_csrattrs *want, struct mrl_buf *out);

#endif
