/* SPDX-License-Identifier: Apache-2.0 */
/* The running daemon: everything is made, wired, run and taken down here, in one order. Layer:
 * main. */
#ifndef MRL_MAIN_SERVER_H
#define MRL_MAIN_SERVER_H

#include "main/config.h"

/* Returns after SIGTERM or SIGINT and a clean stop (MRL_OK), or when it could not start or its key
 * process died. The reasons are those of an operator; NULL: it does not start then. */
struct mrl_server_accepts {
    const char *rollback; /* the audit log is shorter than it was */
    const char *clock;    /* the clock is far from what the store has seen last */
};
mrl_err mrl_server_run(const struct mrl_config *config, const struct mrl_server_accepts *accepts,
                       struct mrl_why *why);

#endif
