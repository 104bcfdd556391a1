/* SPDX-License-Identifier: Apache-2.0 */
/* CMS EnvelopedData (RFC 5652 6) for one recipient who is named by a key identifier: RSA by key
 * transport (RFC 3370 4.2.1, RFC 3560), P-256 and P-384 by key agreement (RFC 5753 3.1), content
 * under AES-CBC (RFC 3565). Layer: crypto. Thread: any. */
#ifndef MRL_CRYPTO_ENVELOPED_H
#define MRL_CRYPTO_ENVELOPED_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "crypto/key.h"

struct mrl_recipient { /* borrowed */
    const struct mrl_key *key;
    mrl_bytes id;           /* subjectKeyIdentifier */
    mrl_bytes capabilities; /* SMIMECapabilities that were read by crypto/csr.h; empty: not told */
};

/* Can be encrypted to, with something that its capabilities name? MRL_ERR_UNSUPPORTED with why:
 * Ed25519 signs only; of the contents' ciphers AES-256-CBC and AES-128-CBC are known. */
mrl_err mrl_enveloped_check(const struct mrl_recipient *to, struct mrl_why *why);
/* Appends a ContentInfo. type: the OID of what content is. Errors as above; MRL_ERR_CRYPTO. */
mrl_err mrl_enveloped_write(mrl_bytes type, mrl_bytes content, const struct mrl_recipient *to,
                            struct mrl_buf *out, struct mrl_why *why);

#endif
