/* SPDX-License-Identifier: Apache-2.0 */
/* The ciphers of TLS 1.3 records (RFC 8446 B.4), in place, for very many keys of which few are in
 * use at a time. Layer: crypto. Thread: any.
 * What OpenSSL makes of a key (1 to 2 KiB) is not kept with the key: each thread has a few of these
 * and keeps those of the keys it used last. They are found by the key itself, never by whose it is.
 */
#ifndef MRL_CRYPTO_RECORD_CIPHER_H
#define MRL_CRYPTO_RECORD_CIPHER_H

#include "base/bytes.h"
#include "base/err.h"
#include "crypto/expand_label.h"

enum { MRL_RECORD_KEY_MAX = 32, MRL_RECORD_NONCE = 12, MRL_RECORD_TAG = 16 };

struct mrl_record_suite {
    uint16_t id; /* 0x1301 */
    uint8_t key_size;
    uint8_t hash; /* enum mrl_label_hash */
    const char *cipher;
};
/* NULL: none of the three we know. */
const struct mrl_record_suite *mrl_record_suite_find(uint16_t id);

/* key has suite->key_size bytes. The caller never uses a nonce twice with a key. data[len] becomes
 * ciphertext and the tag follows it: there is room for MRL_RECORD_TAG more bytes.
 * MRL_ERR_CRYPTO: OpenSSL could not do it. */
mrl_err mrl_record_encrypt(const struct mrl_record_suite *suite, const uint8_t *key,
                           const uint8_t nonce[static MRL_RECORD_NONCE], mrl_bytes aad,
                           uint8_t *data, size_t len);
/* data[len] is ciphertext, the tag follows it. MRL_ERR_CRYPTO: not made with this key, nonce and
 * aad; data is then wiped. */
mrl_err mrl_record_decrypt(const struct mrl_record_suite *suite, const uint8_t *key,
                           const uint8_t nonce[static MRL_RECORD_NONCE], mrl_bytes aad,
                           uint8_t *data, size_t len);
/* The key is over: what this thread keeps of it is wiped. */
void mrl_record_forget(const struct mrl_record_suite *suite, const uint8_t *key);

#endif
