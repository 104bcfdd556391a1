/* SPDX-License-Identifier: Apache-2.0 */
/* Request targets: paths and queries out of what people type. Layer: cli. */
#ifndef MRL_CLI_TARGET_H
#define MRL_CLI_TARGET_H

#include "base/buf.h"

/* base ("/v1/devices"), then each segment after a "/", percent-encoded; the last argument is NULL:
 *     mrl_cli_target(&target, "/v1/devices", id, "suspend", NULL);
 * Targets are buffers without a limit: nothing here fails. */
void mrl_cli_target(struct mrl_buf *out, const char *base, ...) __attribute__((sentinel));
/* "?name=value" or "&name=value", encoded; value.data NULL (not given): nothing. */
void mrl_cli_target_query(struct mrl_buf *out, const char *name, mrl_bytes value);
void mrl_cli_target_query_number(struct mrl_buf *out, const char *name, uint64_t value);

#endif
