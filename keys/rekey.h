/* SPDX-License-Identifier: Apache-2.0 */
/* The keystore gets another unlock key, from the same or another kind of source. Layer: keys.
 * Thread: the only one. The keys in it stay the same: a copy of the folder made before still opens
 * with what opened it then. */
#ifndef MRL_KEYS_REKEY_H
#define MRL_KEYS_REKEY_H

#include "keys/unlock.h"

/* Every sealed file again under a new key that comes from `to`, then in place of the old ones. At
 * any crash or error the keystore opens with `from` or with `to`; on MRL_OK with `to` only. The new
 * files were opened with `to` before they count. Errors of mrl_keystore_open for both. */
mrl_err mrl_rekey(const struct mrl_folder *f, const struct mrl_unlock *from,
                  const struct mrl_unlock *to, struct mrl_why *why);

#endif
