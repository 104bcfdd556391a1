/* SPDX-License-Identifier: Apache-2.0 */
/* Keys whose private half is in a chip: everything of key.h works with them, but the signature is
 * made elsewhere. P-256 and P-384. Layer: crypto. Thread: as key.h says; the signer is called by
 * whichever thread signs. */
#ifndef MRL_CRYPTO_KEY_OUTSIDE_H
#define MRL_CRYPTO_KEY_OUTSIDE_H

#include "crypto/key.h"

enum { MRL_KEY_OUTSIDE_FIELD = 48 }; /* of P-384 */

struct mrl_key_signer {
    /* ECDSA (FIPS 186-4 6.4) of this digest: r and s, big-endian, *len bytes each. */
    mrl_err (*sign)(void *context, mrl_bytes digest, uint8_t r[static MRL_KEY_OUTSIDE_FIELD],
                    uint8_t s[static MRL_KEY_OUTSIDE_FIELD], size_t *len);
    void (*done)(void *context);
    void *context;
    mrl_bytes
        pem; /* where the chip finds the key again: what mrl_key_to_pem gives. Nothing secret */
};

/* Takes signer->context, on failure too; pem is copied. MRL_ERR_UNSUPPORTED: another type of key;
 * otherwise as mrl_key_from_spki. Gives *out. */
mrl_err mrl_key_outside(mrl_bytes spki, const struct mrl_key_signer *signer, struct mrl_key **out);

#endif
