/* SPDX-License-Identifier: Apache-2.0 */
/* How this folder deals with OpenSSL; nobody else includes it. Layer: crypto. */
#ifndef MRL_CRYPTO_OPENSSL_H
#define MRL_CRYPTO_OPENSSL_H

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "base/attr.h"

/* First statement of a function that calls OpenSSL: whatever errors it queues are gone on return,
 * what was queued before stays. An error left behind would be read by SSL_get_error as the failure
 * of some connection. */
#define MRL_OPENSSL_SCOPE() \
    MRL_UNUSED __attribute__((cleanup(mrl_openssl_leave_))) int scope_ = ERR_set_mark()
MRL_UNUSED static inline void mrl_openssl_leave_(int *mark)
{
    (void)mark;
    (void)ERR_pop_to_mark(); /* without a mark the queue was empty, and it empties it: right too */
}

/* OWNED(EVP_PKEY) p = NULL;  freed on every way out, unless MRL_TAKEn. */
#define OWNED(type) __attribute__((cleanup(owned_##type##_))) type *
#define OWNED_DEFINE(type)                                  \
    MRL_UNUSED static inline void owned_##type##_(type **p) \
    {                                                       \
        (void)type##_free(*p);                              \
    }                                                       \
    struct mrl_openssl_unused_
OWNED_DEFINE(BIO);
OWNED_DEFINE(EVP_CIPHER_CTX);
OWNED_DEFINE(EVP_KDF);
OWNED_DEFINE(EVP_KDF_CTX);
OWNED_DEFINE(EVP_MD_CTX);
OWNED_DEFINE(EVP_PKEY);
OWNED_DEFINE(EVP_PKEY_CTX);
OWNED_DEFINE(PKCS8_PRIV_KEY_INFO);
OWNED_DEFINE(X509);
OWNED_DEFINE(X509_ALGOR);
OWNED_DEFINE(X509_CRL);
OWNED_DEFINE(X509_SIG);
OWNED_DEFINE(X509_STORE);
OWNED_DEFINE(X509_STORE_CTX);

#endif
