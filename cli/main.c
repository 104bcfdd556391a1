/* SPDX-License-Identifier: Apache-2.0 */
#include <locale.h>
#include <signal.h>
#include <stdlib.h>

#include "cli/cli.h"

static const char *environment(const char *name)
{
    return getenv(name);
}

int main(int argc, char **argv)
{
    /* Widths of characters, wherever we are; without it everything beyond ASCII is escaped. */
    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* NOLINT(concurrency-mt-unsafe): before any thread */
    (void)signal(SIGPIPE, SIG_IGN);       /* a closed pipe or socket is an error of the write */
    return mrl_cli_main(argc, argv, environment, stdout, stderr);
}
