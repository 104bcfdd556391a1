/* SPDX-License-Identifier: Apache-2.0 */
/* One run of the program: where to ask, how to print, what went wrong. Layer: cli. Thread: one. */
#ifndef MRL_CLI_CLI_H
#define MRL_CLI_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "cli/exit.h"

#define MRL_CLI_DEFAULT_SERVER "unix:/var/lib/merlon/api.sock"

struct mrl_http_client;
struct mrl_tls_context;

struct mrl_cli {
    FILE *out;          /* tables, JSON, everything a script reads */
    bool json;          /* -o json */
    bool terminal;      /* out is a terminal */
    bool colour;        /* and may be coloured */
    unsigned width;     /* columns of the terminal; 0: lines are not cut */
    FILE *progress;     /* where progress.h draws; NULL: nowhere */
    const char *server; /* "unix:/path" or "https://host:port" */
    const char *cert;   /* files, for https; NULL: not given */
    const char *key;
    const char *root;
    struct mrl_why why; /* the sentence of what failed */
    /* Made by the first request (session.h). */
    struct mrl_tls_context *tls;
    struct mrl_http_client *client;
};

/* Sets cli->why and returns code:
 *     return mrl_cli_fail(cli, MRL_EXIT_USAGE, "%s: not a number", text); */
mrl_exit mrl_cli_fail(struct mrl_cli *cli, mrl_exit code, const char *format, ...) MRL_PRINTF(3, 4);

/* Runs one command line. env answers like getenv. Prints errors and usage to err. */
mrl_exit mrl_cli_main(int argc, char *const *argv, const char *(*env)(const char *name), FILE *out,
                      FILE *err);

#endif
