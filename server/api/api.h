/* SPDX-License-Identifier: Apache-2.0 */
/* The management API: REST over the duties, metrics, the event stream. Layer: api. Thread: handlers
 * as in net/http_server.h. Who asks is the operator of the client certificate, or the user of a
 * UNIX socket that is root or the daemon's own account (an administrator of this machine). Every
 * answer to a request that changes something leaves after its audit entry is on the disk.
 * docs/api/openapi.yaml describes it. */
#ifndef MRL_API_API_H
#define MRL_API_API_H

#include "access/roles.h"
#include "backup/backup.h"
#include "export/export.h"
#include "guard/guard.h"
#include "messages/hub.h"
#include "net/http_server.h"
#include "onboarding/enrol.h"
#include "store/seal_rotation.h"
#include "watch/metrics.h"
#include "watch/telemetry.h"

struct mrl_witnesses; /* audit/witness.h */

struct mrl_api { /* everything is borrowed, filled by the daemon */
    struct mrl_store *store;
    struct mrl_registry *registry;
    struct mrl_access *access;
    struct mrl_audit *audit;
    struct mrl_witnesses *witnesses; /* of the log; NULL: there are none */
    bool require_witness;            /* no change while the log is not cosigned */
    struct mrl_exports *exports;     /* may be NULL: none */
    struct mrl_onboarding *onboarding;
    struct mrl_sealer *sealer;
    struct mrl_issuing *issuing;
    void (*ca_changed)(void *context); /* a step of a rollover was taken; may be NULL */
    mrl_err (*ca_reload)(void *context, struct mrl_why *why); /* may be NULL */
    void *ca_context;
    struct mrl_renewals *renewals;
    struct mrl_metrics *metrics;
    struct mrl_guard *guard; /* may be NULL */
    struct mrl_telemetry *telemetry;
    struct mrl_retained *retained;
    const struct mrl_ledger *ledger; /* NULL: messages are in memory only */
    bool psk;                        /* the MQTT port takes pre-shared keys */
    struct mrl_seal_rotation *rotation;
    struct mrl_seal_root seal_root;
    struct mrl_backup *backup;
    /* The steps of a rotation that just began are to be made. Any thread. May be NULL. */
    void (*rotation_begun)(void *context);
    void *rotation_context;
    int64_t started_ms; /* wall time */
    const char *version;
    /* Where devices reach the server, for what `merlon token create` prints. */
    char mqtt_address[MRL_ADDRESS_TEXT];
    char enrolment_address[MRL_ADDRESS_TEXT];
    mrl_bytes server_name; /* the first of the server's names */
    /* Sessions and connections of all workers, as of about now. Any thread. */
    void (*count)(void *context, size_t *sessions, size_t *connected);
    void *count_context;
};

struct mrl_api_worker { /* one per worker; context of its HTTP server */
    struct mrl_api *api;
    struct mrl_hub *hub;
    unsigned index;
    struct mrl_loop *loop; /* of this worker, as is the mailbox */
    struct mrl_mailbox *mailbox;
    unsigned streams; /* event streams that are open: the API's own, 0 at first */
};
enum { MRL_API_STREAMS_MAX = 16 }; /* on one worker; more are answered with 503 */

void mrl_api_handle(void *context, struct mrl_exchange *x);
void mrl_api_refused(void *context, const struct mrl_peer *peer,
                     const struct mrl_conn_closed *closed, unsigned status, const char *why);
/* context: the registry. Operators only; a connection without certificate may read /metrics from
 * loopback. */
enum mrl_tls_refusal mrl_api_judge(void *registry, const struct mrl_fingerprint *fp);

#endif
