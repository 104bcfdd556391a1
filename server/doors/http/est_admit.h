/* SPDX-License-Identifier: Apache-2.0 */
/* Is there room for one more enrolment? Layer: doors. Thread: the worker. */
#ifndef MRL_DOORS_HTTP_EST_ADMIT_H
#define MRL_DOORS_HTTP_EST_ADMIT_H

#include "net/http_server.h"

/* true: x holds a place until it is over. Otherwise it was answered: 503, or 429 when the places of
 * its source are taken (RFC 6585 4), with Retry-After (RFC 9110 10.2.3). The context of the
 * exchange is a struct mrl_est. */
bool mrl_est_admit(struct mrl_exchange *x);
/* Retry-After of an answer 503 to an enrolment that had a place. */
void mrl_est_come_later(struct mrl_exchange *x);

#endif
