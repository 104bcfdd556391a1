/* SPDX-License-Identifier: Apache-2.0 */
/* A public key as people write it down: its SHA-256, or itself. Layer: crypto. Thread: any. */
#ifndef MRL_CRYPTO_KEY_HASH_H
#define MRL_CRYPTO_KEY_HASH_H

#include "crypto/hash.h"

enum { MRL_KEY_HASH_TEXT_MAX = 4096 };

/* SHA-256 of the SubjectPublicKeyInfo, from 64 hex digits or from one block of PEM ("PUBLIC KEY",
 * RFC 7468 13). MRL_ERR_INVALID, also for a kind of key that mrl_key_from_spki refuses. */
mrl_err mrl_key_hash_read(mrl_bytes text, uint8_t out[static MRL_SHA256_SIZE], struct mrl_why *why);

#endif
