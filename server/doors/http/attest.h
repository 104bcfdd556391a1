/* SPDX-License-Identifier: Apache-2.0 */
/* Hardware proof on the port of enrolment: POST /.well-known/merlon/attest/begin and finish, JSON
 * both ways, refusals as text (docs/operate/hardware-proof.md). Authentication is that of EST: the
 * token as HTTP Basic, or else the present certificate. Layer: doors. Thread: as est.h. */
#ifndef MRL_DOORS_HTTP_ATTEST_H
#define MRL_DOORS_HTTP_ATTEST_H

#include "net/http_server.h"

/* The context of x is a struct mrl_est. */
void mrl_attest_on_begin(struct mrl_exchange *x);
void mrl_attest_on_finish(struct mrl_exchange *x);

#endif
