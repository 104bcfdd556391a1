/* SPDX-License-Identifier: Apache-2.0 */
/* All workers: made, given their listeners, run, ended. Layer: main. Thread: main. */
#ifndef MRL_MAIN_WORKERS_H
#define MRL_MAIN_WORKERS_H

#include "main/paths.h"
#include "main/server_state.h"

/* As many as s->wanted_workers; what they share is there. */
mrl_err mrl_workers_make(struct mrl_server *s, struct mrl_why *why);
/* Opens every port of the configuration and the management socket; what they are called stands in s
 * afterwards. */
mrl_err mrl_workers_listen(struct mrl_server *s, const struct mrl_paths *paths,
                           struct mrl_why *why);
mrl_err mrl_workers_start(struct mrl_server *s, struct mrl_why *why);
/* Drains them and ends them, and the service threads with them. They can still be posted to. */
void mrl_workers_stop(struct mrl_server *s);
void mrl_workers_free(struct mrl_server *s); /* with what was posted since */

/* Sessions, and how many of them are connected. Thread: any. server: a struct mrl_server. */
void mrl_workers_count(void *server, size_t *sessions, size_t *connected);

#endif
