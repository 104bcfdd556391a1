/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed columns of the daemon: the root key is that of the key process. Layer: main. */
#ifndef MRL_MAIN_SEALING_H
#define MRL_MAIN_SEALING_H

#include "keys/client.h"
#include "store/seal_keys.h"

/* keys is borrowed for as long as the result is used; it serves any thread. */
struct mrl_seal_root mrl_sealing_root(struct mrl_keys_client *keys);

#endif
