/* SPDX-License-Identifier: Apache-2.0 */
/* A signature over data that comes in pieces. Layer: crypto. Thread: one owner. */
#ifndef MRL_CRYPTO_SIGNING_H
#define MRL_CRYPTO_SIGNING_H

#include "crypto/key.h"

struct mrl_signing;

/* Borrows k until freed; the algorithm is mrl_key_algorithm(k). MRL_ERR_STATE: no private part;
 * MRL_ERR_UNSUPPORTED: Ed25519, which needs its data at once (RFC 8032 8.5). Gives *out. */
mrl_err mrl_signing_new(const struct mrl_key *k, struct mrl_signing **out);
void mrl_signing_free(struct mrl_signing *s); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_signing);

mrl_err mrl_signing_add(struct mrl_signing *s, mrl_bytes data);
/* Appends the signature; s can only be freed after it. */
mrl_err mrl_signing_end(struct mrl_signing *s, struct mrl_buf *out);

#endif
