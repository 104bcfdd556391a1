/* SPDX-License-Identifier: Apache-2.0 */
/* merlon device verify-log. Layer: cli. */
#ifndef MRL_CLI_DEVICE_LOG_H
#define MRL_CLI_DEVICE_LOG_H

#include "base/json.h"
#include "cli/arguments.h"

/* What was compared, of a log that holds. */
struct mrl_device_log_result {
    uint64_t first, last; /* lines of the file */
    uint64_t anchors;     /* that lie within */
    uint64_t older;       /* anchors before the first line: the device has those lines no more */
};
/* text: the lines. anchors: entries device.log_anchored, oldest first. MRL_ERR_CORRUPT: why names
 * the line, or the anchor the file does not reach. MRL_ERR_NOT_FOUND: nothing to compare with. */
mrl_err mrl_device_log_compare(mrl_bytes text, const json_t *anchors,
                               struct mrl_device_log_result *out, struct mrl_why *why);

mrl_exit mrl_device_log_verify(struct mrl_cli *cli, const struct mrl_cli_arguments *given);

#endif
