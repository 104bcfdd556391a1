/* SPDX-License-Identifier: Apache-2.0 */
/* The witness on the network, until SIGTERM or SIGINT. Layer: witness. Thread: the main one. */
#ifndef MRL_WITNESS_SERVE_H
#define MRL_WITNESS_SERVE_H

#include "witness/answer.h"
#include "witness/config.h"

/* The largest request: a checkpoint with many cosignatures has a few kilobytes. */
enum { MRL_WITNESS_BODY_MAX = 32 << 10 };

/* MRL_ERR_INVALID: the configuration asks for what cannot be; MRL_ERR_IO; MRL_ERR_BUSY: the address
 * is in use. */
mrl_err mrl_witness_serve(const struct mrl_witness_config *config, const struct mrl_witness *w,
                          struct mrl_why *why);

#endif
