/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate and key for HTTPS, from the files of the operator. Layer: witness. Thread: the main
 * one, before the loop runs. */
#ifndef MRL_WITNESS_WEB_IDENTITY_H
#define MRL_WITNESS_WEB_IDENTITY_H

#include "net/tls.h"
#include "witness/config.h"

/* MRL_ERR_INVALID with the sentence: a file is missing, none of what it should be, or the two do
 * not belong together. */
mrl_err mrl_witness_web_identity(const struct mrl_witness_config *config,
                                 struct mrl_tls_context **out, struct mrl_why *why);

#endif
