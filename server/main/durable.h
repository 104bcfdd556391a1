/* SPDX-License-Identifier: Apache-2.0 */
/* What the messages keep in the store, as the daemon wires it: read at start, told when the store
 * does not take it. Layer: main. Thread: main. */
#ifndef MRL_MAIN_DURABLE_H
#define MRL_MAIN_DURABLE_H

#include "main/server_state.h"

/* Store and sealer are open; freed by the caller. */
struct mrl_ledger *mrl_durable_ledger(struct mrl_server *s);
/* The workers are made and do not run. */
mrl_err mrl_durable_load(struct mrl_server *s, struct mrl_why *why);

#endif
