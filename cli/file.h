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
/* The same for files of at most max bytes. *there false: no such file, which is no error then;
 * NULL: it is one. */
mrl_exit mrl_cli_file_read_max(struct mrl_cli *cli, const char *path, size_t max,
                               struct mrl_buf *out, bool *there);
/* Makes a new file with all of data, on the disk when this returns; an existing one is never
 * touched. MRL_EXIT_REFUSED with why; nothing is left behind then. */
mrl_exit mrl_cli_file_create(struct mrl_cli *cli, const char *path, mode_t mode, mrl_bytes data);
/* The same for a file that may be there: it is the old one or the new one at any moment. sync
 * false: on the disk only some time after this returned. */
mrl_exit mrl_cli_file_replace(struct mrl_cli *cli, const char *path, mode_t mode, mrl_bytes data,
                              bool sync);
/* Makes the folders that a file of this path lies in. */
mrl_exit mrl_cli_file_folders(struct mrl_cli *cli, const char *path);

#endif
