/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's parts, for the files of this folder. */
#ifndef MRL_MAIN_SERVER_STATE_H
#define MRL_MAIN_SERVER_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "audit/checkpoint.h"
#include "export/export.h"
#include "guard/guard.h"
#include "main/clock_watch.h"
#include "main/collector.h"
#include "main/config.h"
#include "main/renewing.h"
#include "main/retention.h"
#include "main/revival.h"
#include "main/rotation.h"
#include "main/store_watch.h"
#include "main/worker.h"
#include "store/seal.h"

enum { MRL_WORKERS_MAX = 256 };

struct mrl_server {
    const struct mrl_config *config;
    const char *accept_rollback; /* or NULL */
    const char *accept_clock;    /* the same */
    struct mrl_clock_watch clock;
    char *checkpoint_file; /* owned */
    char *root_file;       /* owned */
    struct mrl_keys_client *keys;
    struct mrl_keys_keeper *keeper; /* NULL: nobody starts the key process again */
    struct mrl_store *store;
    struct mrl_sealer *sealer; /* opened with the store, freed after it */
    struct mrl_audit *audit;
    struct mrl_collector *collector; /* or NULL */
    struct mrl_export_config export_configs[MRL_EXPORTS_MAX];
    struct mrl_exports *exports;
    struct mrl_access *access;
    struct mrl_network exempt[MRL_CONFIG_EXEMPT_MAX];
    struct mrl_guard *guard;
    struct mrl_registry *registry;
    struct mrl_makers *makers;
    struct mrl_issuing *issuing;
    struct mrl_profiles profiles;
    struct mrl_onboarding onboarding;
    struct mrl_provisioning provisioning;
    struct mrl_service *provisioning_service; /* its own: a hook may take seconds */
    struct mrl_hardware *hardware;
    struct mrl_attest *attest;
    struct mrl_api api;
    struct mrl_metrics *metrics;
    struct mrl_telemetry *telemetry;
    struct mrl_retained *retained;
    struct mrl_ledger *ledger;
    struct mrl_routes *routes;
    struct mrl_tls_tickets *tickets;
    _Atomic bool tickets_stale; /* somebody changed since the last sweep */
    struct mrl_service *service;
    struct mrl_rotation *rotation;
    struct mrl_renewals *renewals;
    struct mrl_renewing *renewing;
    struct mrl_retention *retention;
    struct mrl_backup *backup;
    struct mrl_revocation *revocation; /* NULL: not wanted */
    struct mrl_worker *workers[MRL_WORKERS_MAX];
    struct mrl_mqtt_door *doors[MRL_WORKERS_MAX];
    unsigned worker_count, wanted_workers;
    char management_address[MRL_ADDRESS_TEXT], outside_address[MRL_ADDRESS_TEXT];
    bool ready;

    /* Housekeeping, on the main thread. */
    struct mrl_loop *loop;
    struct mrl_watch signals;
    struct mrl_revival revival;
    struct mrl_timer tick;
    struct mrl_store_watch store_watch;
    struct mrl_job chore; /* runs on a service thread, one at a time */
    _Atomic bool chore_busy;
    pthread_mutex_t waking;
    bool awake;          /* under waking: between start and stop of housekeeping */
    uint64_t overdue_ms; /* when CAs that end and devices that do not renew were looked for last;
                            likewise */
    uint64_t provisioning_ms;    /* when expired certificates were looked for last; the chore's */
    uint64_t remembered;         /* size of the checkpoint in checkpoint_file; the chore's */
    _Atomic bool identity_stale; /* a step of a rollover came after the server's certificate */
    _Atomic int64_t renew_at;    /* of the server's certificate, seconds since 1970 */
    mrl_err result;              /* of the run: not MRL_OK when the key process died */
};

#endif
