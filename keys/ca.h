/* SPDX-License-Identifier: Apache-2.0 */
/* Another CA for a keystore that has some: the operator's hand, while no key process serves.
 * Layer: keys. Thread: one owner. What is made here is used by nobody before the daemon was told so
 * (docs/operate/ca.md).
 *
 * All roots have one name: a link certificate is then self-issued and lengthens no path, RFC 4210
 * 4.4. The keystore opens with u, or nothing is done. */
#ifndef MRL_KEYS_CA_H
#define MRL_KEYS_CA_H

#include "keys/keystore.h"

enum {
    MRL_CA_ROOT_DAYS = 20 * 365,
    MRL_CA_ISSUING_DAYS = 10 * 365,
    MRL_CA_FILE_MAX = 48 << 10, /* bytes of a request or of certificates in PEM */
};

struct mrl_ca_store {
    const struct mrl_folder *folder;
    const struct mrl_unlock *unlock;
    int64_t now;   /* seconds since 1970 */
    bool hold_key; /* new keys are made in the hardware that opens the keystore */
};

/* An issuing CA under the newest root, whose key must be here (MRL_ERR_NOT_FOUND). */
mrl_err mrl_ca_new_issuing(const struct mrl_ca_store *s, enum mrl_key_type type, uint8_t *number,
                           struct mrl_why *why);
/* A root, and both links between it and the newest, whose key must be here. */
mrl_err mrl_ca_new_root(const struct mrl_ca_store *s, enum mrl_key_type type, uint8_t *number,
                        struct mrl_why *why);

/* The same with a root key that is elsewhere. The request (PKCS#10 in PEM, appended to out) for an
 * issuing CA whose key is made here; the same one again until its certificate came. */
mrl_err mrl_ca_request(const struct mrl_ca_store *s, enum mrl_key_type type, struct mrl_buf *out,
                       struct mrl_why *why);
/* There: the certificate of the issuing CA and that of the root, in PEM, appended to out. */
mrl_err mrl_ca_sign_request(const struct mrl_ca_store *s, mrl_bytes request, struct mrl_buf *out,
                            struct mrl_why *why);
/* And here again. A root comes in when there is none yet, or with a link from one that is here.
 * MRL_ERR_DENIED: something in pem does not hold, and nothing is taken; why says what.
 * *root, *issuing: the numbers of what is new, 0: none. */
mrl_err mrl_ca_install(const struct mrl_ca_store *s, mrl_bytes pem, uint8_t *root, uint8_t *issuing,
                       struct mrl_why *why);

/* An issuing CA goes for good; of a root the key goes, and its certificate stays for those who have
 * still to be told. MRL_ERR_STATE: it is the newest issuing CA, or the newest root and its key was
 * not exported. */
mrl_err mrl_ca_drop(const struct mrl_ca_store *s, enum mrl_ca_kind kind, uint8_t number,
                    struct mrl_why *why);

/* Shared with init. */
mrl_err mrl_ca_build_root(const struct mrl_key *key, int64_t now, struct mrl_cert **out,
                          struct mrl_why *why);
mrl_err mrl_ca_build_issuing(mrl_bytes cn, const struct mrl_key *subject,
                             const struct mrl_generation *issuer, int64_t now,
                             struct mrl_cert **out, struct mrl_why *why);

#endif
