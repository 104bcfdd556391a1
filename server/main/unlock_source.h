/* SPDX-License-Identifier: Apache-2.0 */
/* Where the keystore's key comes from, as [keys] says it, in the words of merlon-keys. Layer: main.
 */
#ifndef MRL_MAIN_UNLOCK_SOURCE_H
#define MRL_MAIN_UNLOCK_SOURCE_H

#include "keys/source.h"
#include "main/config.h"

/* out has views into config. Only what belongs to the chosen kind is in it, so that a key that is
 * set for another one does no harm. MRL_ERR_INVALID: something is missing or a path is not
 * absolute. */
mrl_err mrl_unlock_source_of(const struct mrl_config *config, struct mrl_unlock_source *out,
                             struct mrl_why *why);

#endif
