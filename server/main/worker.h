/* SPDX-License-Identifier: Apache-2.0 */
/* One worker: a thread with its loop, its doors and its listeners. Layer: main. */
#ifndef MRL_MAIN_WORKER_H
#define MRL_MAIN_WORKER_H

#include "api/api.h"
#include "doors/http/est.h"
#include "doors/mqtt/door.h"
#include "issuing/issuing.h"
#include "main/proxies.h"
#include "net/listener.h"
#include "net/service.h"
#include "revocation/revocation.h"

enum mrl_port { MRL_PORT_MQTT, MRL_PORT_ENROLMENT, MRL_PORT_MANAGEMENT, MRL_PORT_COUNT_ };

/* What all workers share; borrowed. */
struct mrl_worker_shared {
    struct mrl_registry *registry;
    struct mrl_audit *audit;
    struct mrl_metrics *metrics;
    struct mrl_guard *guard;
    struct mrl_retained *retained;
    struct mrl_ledger *ledger;
    struct mrl_routes *routes;
    struct mrl_service *service;
    struct mrl_tls_tickets *tickets;
    struct mrl_issuing *issuing;
    struct mrl_renewals *renewals;
    struct mrl_onboarding *onboarding;
    struct mrl_provisioning *provisioning;
    struct mrl_service *provisioning_service;
    struct mrl_attest *attest;
    struct mrl_api *api;
    struct mrl_revocation *revocation; /* or NULL */
    struct mrl_telemetry *telemetry;
    struct mrl_mqtt_limits mqtt_limits;
    bool psk; /* the MQTT port takes pre-shared keys */
    uint64_t handshake_timeout_ms;
    size_t handshakes;
    size_t enrolment_body_bytes;
    const struct mrl_config_strings *origins;
    struct mrl_proxies proxies[MRL_PORT_COUNT_];
};

struct mrl_worker;

mrl_err mrl_worker_new(const struct mrl_worker_shared *shared, unsigned index,
                       struct mrl_worker **out, struct mrl_why *why);
/* All workers must exist and none run. */
void mrl_worker_join(struct mrl_worker *w, struct mrl_mqtt_door *const *doors, unsigned count);
struct mrl_mqtt_door *mrl_worker_door(struct mrl_worker *w);

/* Before it runs. address may have port 0; then the real one is written back, for the other
 * workers. */
mrl_err mrl_worker_listen(struct mrl_worker *w, enum mrl_port port, struct mrl_address *address,
                          struct mrl_why *why);
/* The door for outsiders; there is a revocation. */
mrl_err mrl_worker_listen_outside(struct mrl_worker *w, struct mrl_address *address,
                                  struct mrl_why *why);
mrl_err mrl_worker_listen_socket(struct mrl_worker *w, const struct mrl_address *address,
                                 struct mrl_why *why);
/* Before it runs. */
mrl_err mrl_worker_set_identity(struct mrl_worker *w, const struct mrl_server_identity *identity,
                                struct mrl_why *why);

mrl_err mrl_worker_start(struct mrl_worker *w, struct mrl_why *why);
/* From any thread while it runs: handled by the worker. */
void mrl_worker_post_rejudge(struct mrl_worker *w, enum mrl_principal_kind kind, mrl_bytes id);
/* A device was retired (main/retirement.h): this worker's part. */
struct mrl_purge;
void mrl_worker_post_forget(struct mrl_worker *w, struct mrl_purge *purge);
/* Takes the message. */
void mrl_worker_post(struct mrl_worker *w, struct mrl_message *m);
/* Takes a copy of its own of what identity holds. */
mrl_err mrl_worker_post_identity(struct mrl_worker *w, const struct mrl_server_identity *identity);
/* Copies. The OCSP response about the certificate of that fingerprint: shown while it is the
 * worker's. */
void mrl_worker_post_staple(struct mrl_worker *w, const struct mrl_fingerprint *leaf,
                            mrl_bytes response);
void mrl_worker_counts(const struct mrl_worker *w, size_t *sessions, size_t *connected);

/* Stops: no new connections, clients are told, the loop ends when all are gone or after grace_ms.
 * Then joins. */
void mrl_worker_stop(struct mrl_worker *w, uint64_t grace_ms); /* asks only */
void mrl_worker_wait(struct mrl_worker *w);
/* Connections end here, and what is to be kept goes to the store, which is still open. */
void mrl_worker_close(struct mrl_worker *w);
/* After the store is closed: drops the messages that wait here. true: there were some; dropping
 * them may have brought some to others. Before any worker is freed, until none has any. */
bool mrl_worker_discard(struct mrl_worker *w);
void mrl_worker_free(struct mrl_worker *w); /* NULL is fine */

#endif
