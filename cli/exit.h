/* SPDX-License-Identifier: Apache-2.0 */
/* How a command ended: what scripts decide by. Layer: cli. */
#ifndef MRL_CLI_EXIT_H
#define MRL_CLI_EXIT_H

#include "base/attr.h"

/* Exit codes of the program, documented in docs/operate/cli.md: a number never changes its meaning.
 * Must-use, as mrl_err is. */
typedef enum MRL_NODISCARD mrl_exit {
    MRL_EXIT_OK = 0,
    MRL_EXIT_REFUSED = 1,     /* the server refused or failed, or a local file cannot be used */
    MRL_EXIT_USAGE = 2,       /* the command line is wrong; nothing was asked of the server */
    MRL_EXIT_UNREACHABLE = 3, /* no connection, or no answer */
    MRL_EXIT_DENIED = 4,      /* not authenticated, or not allowed */
    MRL_EXIT_UNVERIFIED = 5,  /* a verification found something wrong */
    MRL_EXIT_COUNT_
} mrl_exit;

/* "the server refused ...", for help and documentation. Never NULL for a value of the enum. */
const char *mrl_exit_meaning(mrl_exit code);

#define MRL_EXIT_TRY(call)        \
    do {                          \
        mrl_exit exit_ = (call);  \
        if (exit_ != MRL_EXIT_OK) \
            return exit_;         \
    } while (0)

#endif
