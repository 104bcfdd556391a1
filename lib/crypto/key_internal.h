/* SPDX-License-Identifier: Apache-2.0 */
/* Between the sources that make keys. Layer: crypto; nobody else includes it. */
#ifndef MRL_CRYPTO_KEY_INTERNAL_H
#define MRL_CRYPTO_KEY_INTERNAL_H

#include "crypto/key.h"

/* Takes pkey, on failure too; type must be what pkey is. */
mrl_err mrl_key_adopt(struct evp_pkey_st *pkey, enum mrl_key_type type, bool is_private,
                      struct mrl_key **out);

/* What a key whose private half is in a chip is found again by (key_outside.h); empty: another. */
mrl_bytes mrl_key_outside_pem(const struct mrl_key *k);

#endif
