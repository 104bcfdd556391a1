/* SPDX-License-Identifier: Apache-2.0 */
/* The duties, opened on the store in the order in which they need each other. Layer: main. Thread:
 * main; there is no worker yet. The server frees them. */
#ifndef MRL_MAIN_DUTIES_H
#define MRL_MAIN_DUTIES_H

#include "main/paths.h"
#include "main/server_state.h"

/* Store, sealer and keys are there. The log is judged before anything is written. */
mrl_err mrl_duties_open(struct mrl_server *s, const struct mrl_paths *paths, struct mrl_why *why);

#endif
