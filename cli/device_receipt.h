/* SPDX-License-Identifier: Apache-2.0 */
/* merlon device receipt: what a device signed before it destroyed its key, checked here and written
 * to files that openssl can check. Layer: cli. */
#ifndef MRL_CLI_DEVICE_RECEIPT_H
#define MRL_CLI_DEVICE_RECEIPT_H

#include "cli/arguments.h"

extern const struct mrl_cli_option mrl_device_receipt_options[];
/* MRL_EXIT_UNVERIFIED: the receipt does not hold; nothing is written. */
mrl_exit mrl_device_receipt(struct mrl_cli *cli, const struct mrl_cli_arguments *given);

#endif
