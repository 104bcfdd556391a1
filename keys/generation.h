/* SPDX-License-Identifier: Apache-2.0 */
/* The CAs of a keystore: roots and issuing CAs, several of each side by side while one takes the
 * place of another. Layer: keys. Thread: one owner.
 *
 * The first of each is what init made (root.key, issuing.key, certificates in the manifest). Later
 * ones are a sealed file each, "root-N.ca" and "issuing-N.ca": version u8, where the key is u8, key
 * blob16, certificate blob16, count u8 and certificates of links blob16. One file, so that after a
 * crash there is all of a CA or nothing. "root-N.public" and "issuing-N.public" are the same
 * without a key, and where one is, the key counts no more. "issuing.request" is the key of an
 * issuing CA whose certificate is not here yet. */
#ifndef MRL_KEYS_GENERATION_H
#define MRL_KEYS_GENERATION_H

#include "crypto/cert.h"
#include "crypto/key.h"
#include "keys/held.h"
#include "keys/message.h"
#include "keys/unlock.h"

struct mrl_generation {
    enum mrl_ca_kind kind;
    uint8_t number;
    struct mrl_key *key;        /* owned; NULL: elsewhere, or dropped */
    struct mrl_held *held;      /* owned; NULL: key is here, and not in hardware */
    struct mrl_cert *cert;      /* owned */
    struct mrl_cert_list links; /* of a root: it certified by the root before, and the reverse */
};
struct mrl_generations {
    struct mrl_generation at[MRL_KEYS_GENERATIONS_MAX]; /* roots, then issuing CAs, by number */
    size_t count;
};
void mrl_generation_done(struct mrl_generation *g);
void mrl_generations_done(struct mrl_generations *all);
/* Takes what is in *g, on failure too. MRL_ERR_LIMIT: too many. */
mrl_err mrl_generations_add(struct mrl_generations *all, struct mrl_generation *g);

/* NULL: there is none. number 0: the oldest whose key is here. */
const struct mrl_generation *mrl_generation_find(const struct mrl_generations *all,
                                                 enum mrl_ca_kind kind, uint8_t number);
const struct mrl_generation *mrl_generation_newest(const struct mrl_generations *all,
                                                   enum mrl_ca_kind kind);
/* The root that signed an issuing CA. NULL: none of these. */
const struct mrl_generation *mrl_generation_root_of(const struct mrl_generations *all,
                                                    const struct mrl_cert *issuing);

/* The key of this one was dropped. */
bool mrl_generation_is_dropped(const struct mrl_folder *f, enum mrl_ca_kind kind, uint8_t number);
/* Every later CA of the folder, added to all. MRL_ERR_CORRUPT with the name of the file. */
mrl_err mrl_generations_load(const struct mrl_folder *f, const struct mrl_kek *kek,
                             const struct mrl_unlock *u, struct mrl_generations *all,
                             struct mrl_why *why);
/* Writes the file of a later one. MRL_ERR_EXISTS. */
mrl_err mrl_generation_save(const struct mrl_folder *f, const struct mrl_kek *kek,
                            const struct mrl_generation *g, struct mrl_why *why);
/* Its key goes, the certificate stays. After a crash, again. */
mrl_err mrl_generation_drop(const struct mrl_folder *f, const struct mrl_kek *kek,
                            const struct mrl_generation *g, struct mrl_why *why);
/* MRL_ERR_CORRUPT: one has a certificate of another key, or an issuing CA or a link is not signed
 * by one of the roots. */
mrl_err mrl_generations_check(const struct mrl_generations *all, struct mrl_why *why);

#endif
