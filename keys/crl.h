/* SPDX-License-Identifier: Apache-2.0 */
/* Signing revocation lists. The key process writes everything of a list but its entries, so that
 * nothing signed here can be read as a certificate; it holds one list at a time and no entries.
 * Layer: keys. Thread: one owner. */
#ifndef MRL_KEYS_CRL_H
#define MRL_KEYS_CRL_H

#include "crypto/crl.h"
#include "crypto/signing.h"
#include "keys/keystore.h"
#include "keys/message.h"

enum {
    MRL_KEYS_CRL_CAS = 16, /* that can have lists in one run */
    MRL_KEYS_CRL_SHARDS = 256,
    MRL_KEYS_CRL_BYTES_MAX = 512 << 20, /* of all entries: 13 million */
};

/* The last numbers that were signed, of one CA. */
struct mrl_keys_crl_numbers {
    uint8_t ca[MRL_KEYS_CA_MAX];
    size_t ca_len; /* 0: not used yet */
    uint64_t full, delta, shards[MRL_KEYS_CRL_SHARDS];
};

struct mrl_keys_crls {
    struct mrl_keys_crl_numbers numbers[MRL_KEYS_CRL_CAS];
    /* The list that is open. */
    struct mrl_signing *signing; /* owned; NULL: none */
    enum mrl_sign_alg alg;
    struct mrl_buf tail; /* owned */
    uint64_t left;       /* bytes of entries still to come */
};
void mrl_keys_crls_done(struct mrl_keys_crls *c);

/* One step, url as in keys/policy.h (empty: none). Appends what the step is answered with. */
mrl_err mrl_keys_crl_step(struct mrl_keys_crls *c, const struct mrl_keystore *k, mrl_bytes url,
                          const struct mrl_keys_crl *want, struct mrl_buf *out,
                          struct mrl_why *why);

#endif
