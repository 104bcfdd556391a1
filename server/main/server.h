/* SPDX-License-Identifier: Apache-2.0 */
/* The running daemon: everything is made, wired, run and taken down here, in one order. Layer:
 * main. */
#ifndef MRL_MAIN_SERVER_H
#define MRL_MAIN_SERVER_H

#include "main/config.h"

/* Returns after SIGTERM or SIGINT and a clean stop (MRL_OK), or when it could not start or its key
 * process died. accept_rollback: why an operator lets it start although the audit log is shorter
 * than it was; NULL: it does not start then. */
mrl_err mrl_server_run(const struct mrl_config *config, const char *accept_rollback,
                       struct mrl_why *why);

#endif
