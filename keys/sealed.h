/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed file of the keystore. Layer: keys. Thread: one owner.
 *
 *   "MRLKEYS\n"  version u8  name blob16  kdf u8  salt blob16 (32)  envelope (format, nonce, bytes,
 * tag)
 *
 * The envelope is AES-256-GCM under HKDF(KEK, salt, name); all that stands before it is
 * authenticated, so a file cannot pass for another one, nor for one of another keystore. */
#ifndef MRL_KEYS_SEALED_H
#define MRL_KEYS_SEALED_H

#include "keys/unlock.h"

mrl_err mrl_sealed_create(const struct mrl_folder *f, const char *name, const struct mrl_kek *kek,
                          mrl_bytes plain, struct mrl_why *why);
/* MRL_ERR_CORRUPT: not such a file, of another version or name, or of another keystore than kek;
 * MRL_ERR_CRYPTO: wrong KEK or changed bytes. why names the file. Gives *out. */
mrl_err mrl_sealed_read(const struct mrl_folder *f, const char *name, const struct mrl_kek *kek,
                        struct mrl_secret **out, struct mrl_why *why);
/* A sealed file of that name, whatever its key. */
bool mrl_sealed_is(const struct mrl_folder *f, const char *name);
/* How the file wants to be unlocked; not authenticated before mrl_sealed_read. */
mrl_err mrl_sealed_peek(const struct mrl_folder *f, const char *name, enum mrl_unlock_kind *kind,
                        uint8_t salt[static MRL_UNLOCK_SALT], struct mrl_why *why);

#endif
