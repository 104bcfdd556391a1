/* SPDX-License-Identifier: Apache-2.0 */
/* The key process as the configuration wants it. Layer: main. Thread: main, before there is another
 * and while root is still root. */
#ifndef MRL_MAIN_KEY_PROCESS_H
#define MRL_MAIN_KEY_PROCESS_H

#include "main/paths.h"
#include "main/server_state.h"

/* The profiles are read. Without the right to have a keeper it goes without one, which the log
 * says. */
mrl_err mrl_key_process_start(struct mrl_server *s, const struct mrl_paths *paths,
                              struct mrl_why *why);

#endif
