/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the person at the terminal. Layer: cli. */
#ifndef MRL_CLI_FILE_H
#define MRL_CLI_FILE_H

#include <sys/types.h>

#include "base/buf.h"
#include "cli/cli.h"

enum { MRL_CLI_FILE_MAX = 1 << 20 };

/* The whole of a file of at most MRL_CLI_FILE_MAX bytes; appended. MRL_EXIT_REFUSED with why. */
mrl_exit mrl_cli_file_read(struct mrl_cli *cli, const char *path, struct mrl_buf *out);
/* Makes a new file with all of data, on the disk when this returns; an existing one is never
 * touched. MRL_EXIT_REFUSED with why; nothing is left behind then. */
mrl_exit mrl_cli_file_create(struct mrl_cli *cli, const char *path, mode_t mode, mrl_bytes data);

#endif
