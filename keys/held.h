/* SPDX-License-Identifier: Apache-2.0 */
/* A signing key that is in the hardware which also opens the keystore: merlon-unlock stays and
 * signs with it. Layer: keys. Thread: one owner.
 *
 * What the keystore keeps of it: kind of the hardware u8, then how merlon-unlock names the key. */
#ifndef MRL_KEYS_HELD_H
#define MRL_KEYS_HELD_H

#include "crypto/key.h"
#include "keys/unlock.h"

struct mrl_held;
void mrl_held_free(struct mrl_held *h); /* after its key; NULL is fine */
MRL_AUTO_DEFINE(mrl_held);

/* Makes one. label: its name where the hardware has names. MRL_ERR_INVALID: nothing but files opens
 * this keystore; MRL_ERR_UNSUPPORTED: no such key in this hardware. Gives both; u outlives them. */
mrl_err mrl_held_make(const struct mrl_unlock *u, enum mrl_key_type type, const char *label,
                      struct mrl_held **held, struct mrl_key **key, struct mrl_why *why);
/* The key of what mrl_held_reference gave. MRL_ERR_STATE: it is in hardware of another kind. */
mrl_err mrl_held_open(const struct mrl_unlock *u, mrl_bytes reference, mrl_bytes spki,
                      struct mrl_held **held, struct mrl_key **key, struct mrl_why *why);
mrl_bytes mrl_held_reference(const struct mrl_held *h);

#endif
