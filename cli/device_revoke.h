/* SPDX-License-Identifier: Apache-2.0 */
/* Revoking one device, those of a group, or those named in a file. Layer: cli. */
#ifndef MRL_CLI_DEVICE_REVOKE_H
#define MRL_CLI_DEVICE_REVOKE_H

#include "cli/arguments.h"
#include "cli/cli.h"

extern const struct mrl_cli_option mrl_device_revoke_options[];
/* of_one: what is done when it is one device. */
mrl_exit mrl_device_revoke(struct mrl_cli *cli, const struct mrl_cli_arguments *given,
                           mrl_exit (*of_one)(struct mrl_cli *cli,
                                              const struct mrl_cli_arguments *given));

#endif
