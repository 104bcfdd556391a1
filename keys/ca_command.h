/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of merlon-keys that are about CAs. Layer: keys. Thread: the only one. */
#ifndef MRL_KEYS_CA_COMMAND_H
#define MRL_KEYS_CA_COMMAND_H

#include "keys/options.h"

/* new-issuing, new-root, request-issuing, sign-request, install, drop-ca. Files of the operator are
 * opened with the operator's rights, the keystore as a->user. */
mrl_err mrl_ca_command(const struct mrl_keys_arguments *a, struct mrl_why *why);

#endif
