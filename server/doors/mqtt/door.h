/* SPDX-License-Identifier: Apache-2.0 */
/* The MQTT door of one worker: bytes of a connection into calls on registry, access, messages and
 * audit, and back. It decides nothing itself. Layer: doors. Thread: its worker, unless said
 * otherwise.
 *
 * A client is let in by its certificate alone: the TLS judge asks the registry, CONNECT asks it
 * again, and so does every change of the principal. The connection moves to the principal's home
 * worker before its CONNECT is answered (docs/decisions/0002-home-worker.md). */
#ifndef MRL_DOORS_MQTT_DOOR_H
#define MRL_DOORS_MQTT_DOOR_H

#include "audit/audit.h"
#include "devices/registry.h"
#include "guard/guard.h"
#include "issuing/renewals.h"
#include "messages/hub.h"
#include "net/conn.h"
#include "net/service.h"
#include "onboarding/enrol.h"
#include "onboarding/provision.h"
#include "watch/metrics.h"

struct mrl_mqtt_limits {
    size_t packet_bytes;           /* largest packet taken: Maximum Packet Size in CONNACK */
    unsigned device_sessions;      /* of one device */
    unsigned application_sessions; /* of one application and client id */
    uint64_t connect_timeout_ms;   /* from the TLS handshake to CONNECT */
    uint16_t keep_alive_max_s;     /* longer or none at all: Server Keep Alive says so.
                                      MQTT 5.0 3.2.2.3.14 */
    uint64_t flood_ms;             /* above its rate for so long: disconnected; 0: never */
    bool acknowledge_denied_311;   /* a denied PUBLISH of 3.1.1 does not end the connection */
    uint16_t topic_aliases;        /* of one connection, each way */
    mrl_bytes server_reference;    /* where clients may go when the server stops; empty: nowhere */
    bool server_moved;             /* they should stay there */
    uint64_t drain_ms;             /* over which they are sent away */
    mrl_bytes response_topic;      /* pattern of Response Information; empty: none */
    struct mrl_hub_limits hub;
};

/* Sees accepted messages of devices, for telemetry; called on the worker. */
typedef void mrl_mqtt_observe(void *context, mrl_bytes device, mrl_bytes topic, mrl_bytes payload);

struct mrl_mqtt_door_config { /* everything is borrowed and outlives the door */
    struct mrl_loop *loop;
    struct mrl_conns *conns;
    struct mrl_mailbox *mailbox;
    struct mrl_service *service; /* for introductions: so is onboarding */
    struct mrl_onboarding *onboarding;
    struct mrl_registry *registry;
    struct mrl_audit *audit;
    struct mrl_metrics *metrics;
    struct mrl_guard *guard;
    struct mrl_retained *retained;
    struct mrl_ledger *ledger; /* NULL: nothing survives the process */
    struct mrl_routes *routes;
    struct mrl_renewals *renewals;         /* NULL: devices are not told when to renew */
    struct mrl_provisioning *provisioning; /* NULL: there is none */
    struct mrl_service *provisioning_service;
    const struct mrl_mqtt_limits *limits;
    struct mrl_store *store;   /* keeps which trust bundle a device has; NULL: nobody asks */
    mrl_mqtt_observe *observe; /* may be NULL */
    void *observe_context;
    unsigned index; /* of the worker: its metrics shard and its place among the doors */
};

struct mrl_mqtt_door;
struct mrl_mqtt_door *mrl_mqtt_door_new(const struct mrl_mqtt_door_config *config);
/* Tells a door of all doors, itself included, before any worker runs. Borrows the array. */
void mrl_mqtt_door_join(struct mrl_mqtt_door *d, struct mrl_mqtt_door *const *doors,
                        unsigned count);
/* Connections must be over (mrl_conns_free). NULL is fine. */
void mrl_mqtt_door_free(struct mrl_mqtt_door *d);

/* Takes fd: a connected TCP socket. tls asks for a client certificate and has mrl_mqtt_door_judge.
 */
void mrl_mqtt_door_accept(struct mrl_mqtt_door *d, int fd, const struct mrl_peer *peer,
                          struct mrl_tls_context *tls);
/* Takes an open connection that the HTTPS port of devices accepted: ALPN "mqtt" there, or a
 * WebSocket. From any callback of it. Its client is judged as at our own port; one that may not
 * come in is closed. */
void mrl_mqtt_door_take(struct mrl_mqtt_door *d, struct mrl_conn *conn);
/* What the judge says of it. A refusal is counted and noted in the audit log. */
enum mrl_tls_refusal mrl_mqtt_door_ask(struct mrl_mqtt_door *d, struct mrl_conn *conn);
/* context: the registry. Devices and applications come in here, operators do not. A retired device
 * that has a wipe order to answer is accepted once: with its key, not with a ticket. */
enum mrl_tls_refusal mrl_mqtt_door_judge(void *registry, const struct mrl_fingerprint *fp);
/* The same of a pre-shared key, as mrl_tls_psk_find. Devices only. */
enum mrl_tls_refusal mrl_mqtt_door_psk(void *registry, mrl_bytes identity,
                                       struct mrl_fingerprint *fp, struct mrl_secret **key);

/* A principal or its policy changed: its sessions on this worker are judged again; one that may not
 * stay is ended with DISCONNECT "administrative action". */
void mrl_mqtt_door_rejudge(struct mrl_mqtt_door *d, enum mrl_principal_kind kind, mrl_bytes id);
/* Removes what a retired device retained, and whatever is retained under the filter (empty: nothing
 * more). On the worker after its sessions were judged, or before any worker runs. The receipt says
 * when that is on the disk, as mrl_hub_watched gives it; NULL: there was nothing. */
struct mrl_receipt *mrl_mqtt_door_forget(struct mrl_mqtt_door *d, mrl_bytes device,
                                         mrl_bytes filter);
/* The server stops: every client is told and closed, each at a moment of its own within the drain
 * time, so that they do not all return at once. */
void mrl_mqtt_door_stop(struct mrl_mqtt_door *d);

/* The worker a session lives on (docs/decisions/0002-home-worker.md); stable within the process. */
unsigned mrl_mqtt_home(const struct mrl_session_key *k, unsigned doors);
/* Connections are over and the loop stands: what is to be kept goes to the store now. */
void mrl_mqtt_door_flush(struct mrl_mqtt_door *d);

struct mrl_hub *mrl_mqtt_door_hub(struct mrl_mqtt_door *d);

#endif
