/* SPDX-License-Identifier: Apache-2.0 */
/* The one-time token of an EST request: HTTP Basic (RFC 7617) with the device as user, or Bearer
 * (RFC 6750) with the device that the certification request names. Layer: doors. Thread: as in
 * net/http_server.h. */
#ifndef MRL_DOORS_HTTP_EST_LOGIN_H
#define MRL_DOORS_HTTP_EST_LOGIN_H

#include "net/http_server.h"
#include "wire/http1_auth.h"

struct mrl_est_login {
    bool present; /* false: no Authorization, so by certificate */
    mrl_bytes device;
    mrl_bytes token;
    struct mrl_http_basic basic; /* what device and token point into, when it was Basic */
};
/* [service] Errors with why: credentials that are none. They were not looked up yet. Views live as
 * long as both, login and exchange. */
mrl_err mrl_est_login_read(struct mrl_exchange *x, struct mrl_est_login *out, struct mrl_why *why);
void mrl_est_login_done(struct mrl_est_login *l); /* wipes */

/* WWW-Authenticate of a 401. RFC 9110 11.6.1 */
void mrl_est_challenge(struct mrl_exchange *x);

#endif
