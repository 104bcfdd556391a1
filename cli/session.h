/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the management API. Layer: cli. Thread: one; calls block.
 * The first request connects: to a UNIX socket, or with TLS and the operator's certificate. */
#ifndef MRL_CLI_SESSION_H
#define MRL_CLI_SESSION_H

#include "base/json.h"
#include "cli/cli.h"
#include "net/http_client.h"

struct mrl_cli_answer { /* mrl_cli_answer_done frees it */
    struct mrl_http_result raw;
    json_t *json; /* NULL: the answer has no JSON */
};
void mrl_cli_answer_done(struct mrl_cli_answer *a);

/* Only a status of 2xx is MRL_EXIT_OK; else cli->why is the sentence the server gave.
 * MRL_EXIT_USAGE: no path can hold what was typed as a name. body (may be NULL) is borrowed; out is
 * empty before. */
mrl_exit mrl_cli_ask(struct mrl_cli *cli, const char *method, mrl_bytes target, const json_t *body,
                     struct mrl_cli_answer *out);
mrl_exit mrl_cli_get(struct mrl_cli *cli, mrl_bytes target, struct mrl_cli_answer *out);
/* An endless answer; see as in net/http_client.h. MRL_EXIT_OK: see returned false, or interrupt_fd
 * became readable. */
mrl_exit mrl_cli_stream(struct mrl_cli *cli, mrl_bytes target,
                        bool (*see)(void *context, mrl_bytes piece), void *context,
                        int interrupt_fd);
/* All items of a list, page by page; at most max of them (0: all). Gives *items, an array. */
mrl_exit mrl_cli_list(struct mrl_cli *cli, mrl_bytes target, size_t max, json_t **items);

/* Readable once SIGINT or SIGTERM arrived; the program is then not ended by them. */
mrl_exit mrl_cli_open_interrupt(struct mrl_cli *cli, int *fd);
void mrl_cli_session_close(struct mrl_cli *cli); /* what the first request made */

/* What an answer means: MRL_EXIT_OK for 2xx, else cli->why is the detail of its problem. */
mrl_exit mrl_cli_judge(struct mrl_cli *cli, const struct mrl_http_result *answer);

#endif
