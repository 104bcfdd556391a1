/* SPDX-License-Identifier: Apache-2.0 */
/* Between ca.c and ca_offline.c. Layer: keys, internal. */
#ifndef MRL_KEYS_CA_INTERNAL_H
#define MRL_KEYS_CA_INTERNAL_H

#include "keys/ca.h"

enum { MRL_CA_NAME = 65 };

struct mrl_ca_opened {
    struct mrl_keystore keystore;
    struct mrl_kek kek;
};
mrl_err mrl_ca_open(const struct mrl_ca_store *s, struct mrl_ca_opened *out, struct mrl_why *why);
void mrl_ca_opened_done(struct mrl_ca_opened *o);

/* A key for g, whose number is set, where it is wanted. */
mrl_err mrl_ca_make_key(const struct mrl_ca_store *s, enum mrl_key_type type,
                        struct mrl_generation *g, struct mrl_why *why);
/* MRL_ERR_LIMIT: there are as many as can be. */
mrl_err mrl_ca_next_number(const struct mrl_generations *all, enum mrl_ca_kind kind, uint8_t *out,
                           struct mrl_why *why);
void mrl_ca_issuing_name(uint8_t number, char to[static MRL_CA_NAME]);

#endif
