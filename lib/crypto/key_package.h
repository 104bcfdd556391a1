/* SPDX-License-Identifier: Apache-2.0 */
/* A private key on its way to the device it was made for: an asymmetric key package (RFC 5958 2)
 * that its maker signed, encrypted to the device. RFC 7030 4.4.2. Layer: crypto. Thread: any. */
#ifndef MRL_CRYPTO_KEY_PACKAGE_H
#define MRL_CRYPTO_KEY_PACKAGE_H

#include "crypto/cert.h"
#include "crypto/enveloped.h"

struct mrl_key_maker {                 /* borrowed */
    const struct mrl_key *key;         /* P-256 */
    const struct mrl_cert_list *chain; /* its certificate, which has a key identifier, and others */
};

/* SignedData, without the ContentInfo around it (RFC 5652 5.1). Appends; out then holds the private
 * key. pkcs8: one PrivateKeyInfo. MRL_ERR_INVALID: the chain is empty or its first certificate has
 * no key identifier, or another kind of key; MRL_ERR_CRYPTO. */
mrl_err mrl_key_package_sign(mrl_bytes pkcs8, const struct mrl_key_maker *maker,
                             struct mrl_buf *out);
/* The same inside an EnvelopedData: appends its ContentInfo. Errors also as mrl_enveloped_write. */
mrl_err mrl_key_package_write(mrl_bytes pkcs8, const struct mrl_key_maker *maker,
                              const struct mrl_recipient *to, struct mrl_buf *out,
                              struct mrl_why *why);

#endif
