/* SPDX-License-Identifier: Apache-2.0 */
/* What the answer to an enrolment says besides the certificate: when to renew it, and what time it
 * is (docs/operate/renewal.md, docs/decisions/0015-time-for-devices.md). Clients that know nothing
 * of it ignore the two fields. Layer: doors. Thread: the one that holds the exchange. */
#ifndef MRL_DOORS_HTTP_EST_OFFER_H
#define MRL_DOORS_HTTP_EST_OFFER_H

#include "net/http_server.h"
#include "onboarding/enrol.h"

/* Merlon-Time: seconds since 1970. On every answer of EST. */
void mrl_est_offer_time(struct mrl_exchange *x);
/* How much later than ours the clock of the client is, by its Date (RFC 9110 6.6.1: clients may
 * send one); 0 without one. Seconds. */
int64_t mrl_est_skew(const struct mrl_exchange *x);
/* Merlon-Renewal: start=..., end=..., grace=... (RFC 9651 dictionary of integers): renew between
 * these seconds since 1970; so many seconds past its end the certificate still renews itself.
 * certificate in DER; of another principal than a device: nothing. */
void mrl_est_offer_renewal(struct mrl_exchange *x, const struct mrl_onboarding *o,
                           mrl_bytes certificate);

#endif
