/* SPDX-License-Identifier: Apache-2.0 */
/* How far long work is, as a line on the terminal that is drawn again and again. Layer: cli. */
#ifndef MRL_CLI_PROGRESS_H
#define MRL_CLI_PROGRESS_H

#include <stdint.h>

#include "cli/cli.h"

struct mrl_cli_progress {
    struct mrl_cli *cli;
    const char *what; /* "entries verified" */
    uint64_t total;
    int64_t drawn_ms; /* 0: nothing is on the terminal */
};

/* Draws at most some times a second, and only when standard error is a terminal. */
void mrl_cli_progress(struct mrl_cli_progress *p, uint64_t done);
/* Takes the line away. */
void mrl_cli_progress_end(struct mrl_cli_progress *p);

#endif
