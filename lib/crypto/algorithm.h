/* SPDX-License-Identifier: Apache-2.0 */
/* Signature algorithms: their identifiers, and which key may use which. Layer: crypto. Thread: any.
 * Not for other folders: mrl_key_sign and mrl_key_verify need none of it. */
#ifndef MRL_CRYPTO_ALGORITHM_H
#define MRL_CRYPTO_ALGORITHM_H

#include "crypto/der.h"
#include "crypto/key.h"

void mrl_sign_alg_write(struct mrl_der *d, enum mrl_sign_alg alg); /* AlgorithmIdentifier */
/* MRL_ERR_UNSUPPORTED: another algorithm, among them everything with MD5 and SHA-1. */
mrl_err mrl_sign_alg_read(struct mrl_reader *r, enum mrl_sign_alg *out);
const char *mrl_sign_alg_digest(enum mrl_sign_alg alg); /* NULL for Ed25519 */
bool mrl_sign_alg_fits(enum mrl_sign_alg alg, enum mrl_key_type type);

#endif
