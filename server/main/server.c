/* SPDX-License-Identifier: Apache-2.0 */
#include "main/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/rcu.h"
#include "devices/hardware.h"
#include "doors/mqtt/response.h"
#include "keys/keeper.h"
#include "main/durable.h"
#include "main/duties.h"
#include "main/housekeeping.h"
#include "main/key_process.h"
#include "main/notify.h"
#include "main/outsiders.h"
#include "main/paths.h"
#include "main/privileges.h"
#include "main/profiles.h"
#include "main/schema.h"
#include "main/sealing.h"
#include "main/server_state.h"
#include "main/workers.h"
#include "onboarding/attest.h"

enum {
    SERVICE_THREADS = 16, /* so many enrolments can share one commit */
    SERVICE_QUEUE = 4096,
    PROVISIONING_THREADS = 4,  /* and so many hooks are asked at once */
    PROVISIONING_QUEUE = 1024, /* above: devices are told to come later */
};

static const char version[] = MRL_VERSION;

static const struct mrl_actor system_actor = {.kind = MRL_ACTOR_SYSTEM,
                                              .id = MRL_LIT_INIT("merlond")};

static mrl_err check_initialised(const struct mrl_paths *paths, struct mrl_why *why)
{
    struct stat st;

    if (lstat(paths->keys, &st) != 0 && errno == ENOENT)
        return mrl_fail(why, MRL_ERR_STATE,
                        "there is no CA in %s: make one with  merlond init --config FILE",
                        paths->state);
    return MRL_OK;
}

static mrl_err open_store(struct mrl_server *s, const struct mrl_paths *paths, struct mrl_why *why)
{
    struct mrl_migration_list migrations[MRL_SCHEMA_LISTS];
    const struct mrl_store_options options = {
        .path = paths->database, .migrations = migrations, .migrations_count = MRL_SCHEMA_LISTS};
    const struct mrl_seal_root root = mrl_sealing_root(s->keys);

    mrl_schema(migrations);
    MRL_TRY(mrl_store_open(&options, &s->store, why));
    return mrl_sealer_open(s->store, &root, &s->sealer, why);
}

static mrl_err check_clock(struct mrl_server *s, struct mrl_why *why)
{
    return s->accept_clock != NULL ? MRL_OK : mrl_clock_check_start(s->store, mrl_wall_ms(), why);
}

static mrl_err record_clock(struct mrl_server *s)
{
    struct mrl_audit_event e =
        mrl_actor_event(&system_actor, MRL_AUDIT_SERVER_CLOCK_ACCEPTED, MRL_BYTES_NONE);

    e.reason = mrl_str(s->accept_clock);
    return mrl_housekeeping_record(s, &e);
}

static mrl_err open_telemetry(struct mrl_server *s, struct mrl_why *why)
{
    const struct mrl_config *c = s->config;
    static struct mrl_telemetry_mapping mappings[MRL_TELEMETRY_MAPPINGS_MAX];

    for (size_t i = 0; i < c->telemetry_count; i++)
        mappings[i] = (struct mrl_telemetry_mapping){c->telemetry[i].topic, c->telemetry[i].field,
                                                     c->telemetry[i].metric, c->telemetry[i].help,
                                                     (size_t)c->telemetry[i].series};
    if (c->telemetry_count == 0)
        return MRL_OK;
    return mrl_telemetry_new(mappings, c->telemetry_count, &s->telemetry, why);
}

static void fill_api(struct mrl_server *s)
{
    s->api = (struct mrl_api){
        .store = s->store,
        .registry = s->registry,
        .access = s->access,
        .audit = s->audit,
        .witnesses = mrl_collector_witnesses(s->collector),
        .require_witness = s->config->audit.require_witness,
        .exports = s->exports,
        .onboarding = &s->onboarding,
        .sealer = s->sealer,
        .issuing = s->issuing,
        .ca_changed = mrl_housekeeping_ca_changed,
        .ca_reload = mrl_revival_reload,
        .ca_context = s,
        .renewals = s->renewals,
        .metrics = s->metrics,
        .telemetry = s->telemetry,
        .retained = s->retained,
        .guard = s->guard,
        .ledger = s->ledger,
        .psk = s->config->mqtt.psk,
        .rotation = mrl_rotation_of(s->rotation),
        .seal_root = mrl_sealing_root(s->keys),
        .backup = s->backup,
        .rotation_begun = mrl_rotation_wake,
        .rotation_context = s->rotation,
        .started_ms = mrl_wall_ms(),
        .version = version,
        .server_name = s->config->server.names.at[0],
        .count = mrl_workers_count,
        .count_context = s,
    };
}

static unsigned wanted_workers(const struct mrl_config *c)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (c->server.workers > 0)
        return (unsigned)c->server.workers;
    return cores > 0 && cores <= MRL_WORKERS_MAX ? (unsigned)cores : 1;
}

static mrl_err make_shared(struct mrl_server *s, const struct mrl_paths *paths, struct mrl_why *why)
{
    const struct mrl_config *c = s->config;

    MRL_TRY(mrl_response_topic_check(c->mqtt.response_topic, why));
    s->wanted_workers = wanted_workers(c);
    s->metrics = mrl_metrics_new(s->wanted_workers);
    s->retained = mrl_retained_new((size_t)c->mqtt.retained_messages, c->mqtt.retained_bytes);
    s->routes = mrl_routes_new();
    s->ledger = mrl_durable_ledger(s);
    MRL_TRY(open_telemetry(s, why));
    MRL_TRY(mrl_tls_tickets_new((size_t)c->tls.tickets, c->tls.ticket_life_s, &s->tickets));
    MRL_TRY(mrl_service_new("service", SERVICE_THREADS, SERVICE_QUEUE, &s->service));
    MRL_TRY(mrl_service_new("provisioning", PROVISIONING_THREADS, PROVISIONING_QUEUE,
                            &s->provisioning_service));
    MRL_TRY(mrl_collector_start(s->collector));
    MRL_TRY(mrl_backup_new(s->store, paths->store, version, &s->backup));
    s->renewing = mrl_renewing_new(s->renewals, s->service);
    s->rotation = mrl_rotation_new(s->store, s->sealer, s->keys, s->service);
    s->retention = mrl_retention_new(s->store, s->exports, s->service, c->audit.keep_s);
    return MRL_OK;
}

static mrl_err record(struct mrl_server *s, enum mrl_audit_action action)
{
    const struct mrl_audit_event e = mrl_actor_event(&system_actor, action, MRL_BYTES_NONE);

    return mrl_housekeeping_record(s, &e);
}

static mrl_err start(struct mrl_server *s, struct mrl_why *why)
{
    struct mrl_account account;
    struct mrl_paths paths;

    MRL_TRY(mrl_random_check(why));
    MRL_TRY(mrl_revocation_check(s->config, why));
    MRL_TRY(mrl_paths_of(s->config, &paths, why));
    s->root_file = strdup(paths.root_pem);
    if (s->root_file == NULL)
        abort();
    MRL_TRY(check_initialised(&paths, why));
    MRL_TRY(mrl_profiles_of_config(s->config, &s->profiles, why));
    MRL_TRY(mrl_account_find(s->config->server.user, &account, why));
    MRL_TRY(mrl_key_process_start(s, &paths, why));
    MRL_TRY(mrl_housekeeping_block_signals());
    MRL_TRY(mrl_become(&account, why));
    MRL_TRY(mrl_harden(why));
    MRL_TRY(open_store(s, &paths, why));
    MRL_TRY(check_clock(s, why));
    MRL_TRY(mrl_duties_open(s, &paths, why));
    MRL_TRY(make_shared(s, &paths, why));
    fill_api(s);
    MRL_TRY(mrl_workers_make(s, why));
    MRL_TRY(mrl_durable_load(s, why));
    MRL_TRY(mrl_housekeeping_record_export(s, why));
    MRL_TRY(mrl_housekeeping_first_identity(s, why));
    MRL_TRY(mrl_workers_listen(s, &paths, why));
    MRL_TRY(mrl_housekeeping_write_roots(s, why));
    MRL_TRY(mrl_housekeeping_start(s, why));
    MRL_TRY(record(s, MRL_AUDIT_SERVER_STARTED));
    if (s->accept_clock != NULL)
        MRL_TRY(record_clock(s));
    mrl_clock_start(&s->clock, s->store);
    mrl_housekeeping_checkpoint(s); /* from here on there is one to verify against */
    /* Of a log that was empty: there was nothing to ask with. */
    MRL_TRY(mrl_collector_check_start(s->collector, s->accept_rollback, why));
    mrl_rotation_wake(s->rotation); /* one may have been running */
    MRL_TRY(mrl_exports_start(s->exports, why));
    MRL_TRY(mrl_workers_start(s, why));
    return s->revocation == NULL ? MRL_OK : mrl_revocation_start(s->revocation, why);
}

/* The last entry of this run, and a checkpoint over it. */
static void record_stop(struct mrl_server *s)
{
    if (!s->ready || s->result != MRL_OK)
        return;
    mrl_audit_tick(s->audit, UINT64_MAX); /* what is still being counted goes in before */
    if (record(s, MRL_AUDIT_SERVER_STOPPED) != MRL_OK)
        mrl_log_error("audit.not_written", MRL_FIELD_STR("entry", "server.stopped"));
    mrl_housekeeping_checkpoint(s);
}

static void announce(const struct mrl_server *s)
{
    mrl_log_info("server.ready", MRL_FIELD_STR("mqtt", s->api.mqtt_address),
                 MRL_FIELD_STR("enrolment", s->api.enrolment_address),
                 MRL_FIELD_STR("management", s->management_address),
                 MRL_FIELD_STR("outside", s->outside_address),
                 MRL_FIELD_INT("workers", s->worker_count));
    mrl_notify("READY=1");
}

/* Takes down whatever start got to, in the opposite order; also after a start that failed half-way.
 */
static void stop(struct mrl_server *s)
{
    mrl_notify("STOPPING=1");
    mrl_housekeeping_stop(s);
    mrl_revocation_stop(s->revocation);
    mrl_workers_stop(s);
    mrl_exports_stop(s->exports);
    mrl_collector_stop(s->collector);
    record_stop(s);
    mrl_collector_finish(s->collector);
    mrl_collector_free(s->collector);
    mrl_audit_free(s->audit);
    mrl_store_close(s->store);
    mrl_rotation_free(s->rotation);
    mrl_renewing_free(s->renewing);
    mrl_retention_free(s->retention);
    mrl_backup_free(s->backup);
    mrl_sealer_free(s->sealer);
    mrl_workers_free(s);
    mrl_attest_free(s->attest);
    mrl_hardware_free(s->hardware);
    mrl_revocation_free(s->revocation);
    mrl_registry_free(s->registry);
    mrl_makers_free(s->makers);
    mrl_access_free(s->access);
    mrl_exports_free(s->exports);
    mrl_admission_free(s->onboarding.admission);
    mrl_renewals_free(s->renewals);
    mrl_issuing_free(s->issuing);
    mrl_tls_tickets_free(s->tickets);
    mrl_telemetry_free(s->telemetry);
    mrl_retained_free(s->retained);
    mrl_guard_free(s->guard);
    mrl_ledger_free(s->ledger);
    mrl_routes_free(s->routes);
    mrl_metrics_free(s->metrics);
    mrl_loop_free(s->loop);
    mrl_keys_client_free(s->keys);
    mrl_keys_keeper_free(s->keeper);
    mrl_revival_done(&s->revival);
    (void)pthread_mutex_destroy(&s->waking);
    free(s->checkpoint_file);
    free(s->root_file);
    free(s);
}

mrl_err mrl_server_run(const struct mrl_config *config, const struct mrl_server_accepts *accepts,
                       struct mrl_why *why)
{
    struct mrl_server *s = calloc(1, sizeof(*s));
    mrl_err err;

    if (s == NULL)
        abort();
    s->config = config;
    s->accept_rollback = accepts->rollback;
    s->accept_clock = accepts->clock;
    (void)pthread_mutex_init(&s->waking, NULL); /* no attributes: cannot fail */
    mrl_revival_init(&s->revival);
    mrl_rcu_register();
    err = start(s, why);
    if (err == MRL_OK) {
        s->ready = true;
        announce(s);
        err = mrl_housekeeping_run(s, why); /* until a signal */
    }
    stop(s);
    return err;
}
