/* SPDX-License-Identifier: Apache-2.0 */
/* merlon device history: the life of a device out of the audit log, on one page. Layer: cli. */
#ifndef MRL_CLI_DEVICE_HISTORY_H
#define MRL_CLI_DEVICE_HISTORY_H

#include "cli/arguments.h"

extern const struct mrl_cli_option mrl_device_history_options[];
mrl_exit mrl_device_history(struct mrl_cli *cli, const struct mrl_cli_arguments *given);

#endif
