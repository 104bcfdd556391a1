/* SPDX-License-Identifier: Apache-2.0 */
/* `merlon device import`: a list of any length, batch by batch. Layer: cli. */
#ifndef MRL_CLI_DEVICE_IMPORT_H
#define MRL_CLI_DEVICE_IMPORT_H

#include "cli/arguments.h"

extern const struct mrl_cli_option mrl_device_import_options[];

/* MRL_EXIT_REFUSED: rows are refused, after all others were handed in, or the file ends in what
 * cannot be read; every error was printed with its line. */
mrl_exit mrl_device_import_run(struct mrl_cli *cli, const struct mrl_cli_arguments *given);

#endif
