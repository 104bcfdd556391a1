/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTPS port of devices. MQTT comes in here, too: http/mqtt_ws.h. EST: enrolment over HTTPS,
 * /.well-known/est/[label/]{cacerts,csrattrs,simpleenroll,simplereenroll,serverkeygen}. RFC 7030,
 * 8951, 9908. Layer: doors. Thread: as in net/http_server.h. A device shows its one-time token
 * (doors/http/est_login.h), or its present certificate in the TLS handshake. */
#ifndef MRL_DOORS_HTTP_EST_H
#define MRL_DOORS_HTTP_EST_H

#include "base/config.h"
#include "doors/mqtt/door.h"
#include "guard/guard.h"
#include "net/http_server.h"
#include "onboarding/enrol.h"

struct mrl_est { /* borrowed; one per worker */
    struct mrl_onboarding *onboarding;
    struct mrl_attest *attest; /* onboarding/attest.h */
    struct mrl_metrics *metrics;
    unsigned index;
    struct mrl_guard *guard;
    struct mrl_mqtt_door *mqtt;
    const struct mrl_config_strings *origins; /* of web pages that may speak MQTT here */
};

/* For struct mrl_http_server_config; context is a struct mrl_est. */
void mrl_est_handle(void *context, struct mrl_exchange *x);
void mrl_est_refused(void *context, const struct mrl_peer *peer,
                     const struct mrl_conn_closed *closed, unsigned status, const char *why);
/* For the other operations of this port: answers with a refusal and counts it; answers a source
 * that guessed too often (true). */
void mrl_est_refuse(struct mrl_exchange *x, enum mrl_enrol_refusal refusal, const char *why);
/* The same for a header that names nobody: noted in the log and counted as a wrong token is. */
void mrl_est_refuse_login(struct mrl_exchange *x, const struct mrl_why *why);
bool mrl_est_is_kept_out(struct mrl_exchange *x);
/* context: the onboarding. A device's certificate opens this door while it may be renewed: past its
 * end, too, as long as the grace lasts. */
enum mrl_tls_refusal mrl_est_judge(void *onboarding, const struct mrl_fingerprint *fp);

#endif
