/* SPDX-License-Identifier: Apache-2.0 */
#include "main/server.h"

#include "base/rcu.h"
#include "devices/hardware.h"
#include "main/attestation.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/rollback.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "devices/purges.h"
#include "doors/mqtt/response.h"
#include "keys/keeper.h"
#include "keys/spawn.h"
#include "keys/text.h"
#include "main/durable.h"
#include "main/housekeeping.h"
#include "main/notify.h"
#include "main/outsiders.h"
#include "main/paths.h"
#include "main/privileges.h"
#include "main/profiles.h"
#include "main/quotas.h"
#include "main/restored.h"
#include "main/retirement.h"
#include "main/schema.h"
#include "main/sealing.h"
#include "main/server_state.h"
#include "main/unlock_source.h"
#include "main/worker.h"
#include "onboarding/claim.h"
#include "onboarding/maker_claim.h"

enum {
    SERVICE_THREADS = 16, /* so many enrolments can share one commit */
    SERVICE_QUEUE = 4096,
    PROVISIONING_THREADS = 4,  /* and so many hooks are asked at once */
    PROVISIONING_QUEUE = 1024, /* above: devices are told to come later */
    STOP_GRACE_MS = 5000,      /* after the drain */
    HARDWARE_START_MS = 60000, /* longer than merlon-keys waits for the answer of a TPM */
    LIFE_MARGIN_S =
        2 * 3600, /* notBefore lies an hour back: what the key process counts is longer */
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

static mrl_err start_keeper(struct mrl_server *s, const struct mrl_keys_options *options,
                            struct mrl_why *why)
{
    struct mrl_why denied = {""};
    mrl_err err = mrl_keys_keeper_start(options, &s->keeper, &denied);

    if (err == MRL_ERR_DENIED) {
        mrl_log_warn("keys.no_keeper", MRL_FIELD_STR("why", denied.text));
        return MRL_OK;
    }
    return err == MRL_OK ? MRL_OK : mrl_fail(why, err, "%s", denied.text);
}

static mrl_err start_keys(struct mrl_server *s, const struct mrl_paths *paths, struct mrl_why *why)
{
    const struct mrl_config *c = s->config;
    char revocation_url[MRL_KEYS_URL_MAX + 1];
    struct mrl_account account;
    struct mrl_keys_options options = {
        .program = paths->keys_program,
        .dir = paths->keys,
        .max_lifetime_s = {[MRL_KEYS_DEVICE] =
                               mrl_profiles_longest_life(&s->profiles, c->issuing.device_life_s) +
                               LIFE_MARGIN_S,
                           [MRL_KEYS_APPLICATION] = c->issuing.application_life_s + LIFE_MARGIN_S,
                           [MRL_KEYS_OPERATOR] = c->issuing.operator_life_s + LIFE_MARGIN_S,
                           [MRL_KEYS_SERVER] = c->issuing.server_life_s + LIFE_MARGIN_S,
                           [MRL_KEYS_CLAIM] = MRL_CLAIM_LIFE_MAX_S + LIFE_MARGIN_S},
        .issue_rate = (uint32_t)c->keys.issue_rate,
        .issue_burst = (uint32_t)c->keys.issue_rate * 10,
    };

    MRL_TRY(mrl_account_find(c->keys.user, &account, why));
    if (geteuid() == 0)
        options.user = account.name;
    else
        mrl_log_warn(
            "keys.same_account",
            MRL_FIELD_STR("why", "not started by root: daemon and key process share one account"));
    if (c->revocation.url.len > 0 &&
        mrl_bytes_to_cstr(c->revocation.url, revocation_url, sizeof(revocation_url)))
        options.revocation_url = revocation_url;
    MRL_TRY(mrl_unlock_source_of(c, &options.source, why));
    if (mrl_unlock_is_hardware(options.source.kind))
        options.start_timeout_ms = HARDWARE_START_MS;
    MRL_TRY(mrl_keys_spawn(&options, &s->keys, why));
    return start_keeper(s, &options, why);
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

static void on_principal_changed(void *context, enum mrl_principal_kind kind, mrl_bytes id)
{
    struct mrl_server *s = context;

    for (unsigned i = 0; i < s->worker_count; i++)
        mrl_worker_post_rejudge(s->workers[i], kind, id);
    atomic_store(&s->tickets_stale, true);
}

/* Each worker forgets, so that the one where the device had its sessions does it after their end.
 */
static void on_device_retired(void *context, mrl_bytes id)
{
    struct mrl_server *s = context;

    struct mrl_purge *purge = mrl_purge_new(s->store, id, s->worker_count);

    for (unsigned i = 0; i < s->worker_count; i++)
        mrl_worker_post_forget(s->workers[i], purge);
}

/* [server] node, else the name of this machine. */
static mrl_err node_name(const struct mrl_config *c, char to[static MRL_AUDIT_NODE_MAX + 1],
                         struct mrl_why *why)
{
    if (c->server.node.len > 0)
        return mrl_bytes_to_cstr(c->server.node, to, MRL_AUDIT_NODE_MAX + 1) ? MRL_OK
                                                                             : MRL_ERR_LIMIT;
    if (gethostname(to, MRL_AUDIT_NODE_MAX) != 0)
        return mrl_fail(why, MRL_ERR_IO, "this machine has no host name: set [server] node");
    return MRL_OK;
}

static mrl_err open_audit(struct mrl_server *s, struct mrl_why *why)
{
    MRL_SCOPED(mrl_keys_info) keys = {0};
    char node[MRL_AUDIT_NODE_MAX + 1] = "", origin[MRL_KEYS_ORIGIN_MAX];
    struct mrl_audit_options options = {
        .sealer = s->sealer, .wake = mrl_housekeeping_wake, .wake_context = s};

    MRL_TRY(node_name(s->config, node, why));
    MRL_TRY(mrl_keys_info_get(s->keys, &keys, why));
    mrl_keys_audit_origin(keys.facts.tenant, origin);
    options.node = mrl_str(node);
    options.origin = mrl_str(origin);
    options.public_key = keys.facts.audit_key;
    return mrl_audit_new(s->store, &options, &s->audit);
}

/* Before anything else is written: a log that was cut must not go on as if nothing were. */
static mrl_err check_log(struct mrl_server *s, const struct mrl_paths *paths, struct mrl_why *why)
{
    struct mrl_audit_event e =
        mrl_actor_event(&system_actor, MRL_AUDIT_AUDIT_ROLLBACK_ACCEPTED, MRL_LIT("audit"));

    s->checkpoint_file = strdup(paths->checkpoint);
    if (s->checkpoint_file == NULL)
        abort();
    if (s->accept_rollback == NULL) {
        MRL_TRY(mrl_restored_check(s, paths, why));
        return mrl_audit_check_start(s->audit, s->checkpoint_file, why);
    }
    e.reason = mrl_str(s->accept_rollback);
    MRL_TRY(mrl_audit_accept_rollback(s->audit, s->checkpoint_file, &e, why));
    return mrl_restored_check(s, paths, why);
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

static mrl_err check_witnesses(struct mrl_server *s, struct mrl_why *why)
{
    return mrl_collector_check_start(s->collector, s->accept_rollback, why);
}

static void set_quotas(struct mrl_server *s, enum mrl_principal_kind kind)
{
    uint64_t of[MRL_QUOTA_COUNT_];

    mrl_quotas_of_config(s->config, kind, of);
    mrl_quota_set_defaults(s->access, kind, of);
}

static mrl_err open_hardware(struct mrl_server *s, struct mrl_why *why)
{
    const struct mrl_config *c = s->config;

    MRL_TRY(mrl_hardware_open(s->store, s->registry, c->attestation.required_groups.at,
                              c->attestation.required_groups.count, &s->hardware, why));
    s->onboarding.hardware = s->hardware;
    return mrl_attestation_of_config(c, &s->onboarding, &s->attest, why);
}

static mrl_err open_duties(struct mrl_server *s, const struct mrl_paths *paths, struct mrl_why *why)
{
    const struct mrl_config *c = s->config;
    const struct mrl_issuing_config issuing = {
        .keys = s->keys,
        .store = s->store,
        .device_life_s = c->issuing.device_life_s,
        .application_life_s = c->issuing.application_life_s,
        .operator_life_s = c->issuing.operator_life_s,
        .server_life_s = c->issuing.server_life_s,
        .server_names = c->server.names.at,
        .server_name_count = c->server.names.count,
    };
    const struct mrl_admission_config admission = {.waiting = (size_t)c->enrolment.waiting,
                                                   .of_source =
                                                       (size_t)c->enrolment.waiting_of_source};

    MRL_TRY(open_audit(s, why));
    MRL_TRY(mrl_collector_new(c, s->store, s->audit, &s->collector, why));
    MRL_TRY(check_log(s, paths, why));
    MRL_TRY(check_witnesses(s, why));
    MRL_TRY(mrl_access_open(s->store, &s->access, why));
    set_quotas(s, MRL_PRINCIPAL_DEVICE);
    set_quotas(s, MRL_PRINCIPAL_APPLICATION);
    MRL_TRY(mrl_guard_of_config(c, s->audit, s->exempt, &s->guard, why));
    MRL_TRY(mrl_registry_open(s->store, s->sealer, s->access, &s->registry, why));
    mrl_registry_on_change(s->registry, on_principal_changed, s);
    mrl_registry_on_retire(s->registry, on_device_retired, s);
    mrl_registry_wipe_within(s->registry, c->devices.wipe_within_s);
    MRL_TRY(mrl_registry_also_on_revoke(s->registry, mrl_token_cancel_all, NULL));
    MRL_TRY(mrl_registry_also_on_revoke(s->registry, mrl_maker_on_revoke, NULL));
    MRL_TRY(mrl_registry_also_on_revoke(s->registry, mrl_purges_note, NULL));
    MRL_TRY(mrl_makers_open(s->store, &s->makers, why));
    MRL_TRY(mrl_issuing_new(&issuing, &s->issuing, why));
    MRL_TRY(mrl_renewals_open(s->store, mrl_issuing_audit_key(s->issuing), &s->renewals, why));
    s->onboarding = (struct mrl_onboarding){.store = s->store,
                                            .registry = s->registry,
                                            .issuing = s->issuing,
                                            .audit = s->audit,
                                            .profiles = &s->profiles,
                                            .makers = s->makers,
                                            .renewals = s->renewals,
                                            .admission = mrl_admission_new(&admission),
                                            .grace_s = c->enrolment.grace_s};
    s->provisioning = (struct mrl_provisioning){&s->onboarding, s->sealer};
    MRL_TRY(mrl_claims_load(s->store, s->registry, why));
    return open_hardware(s, why);
}

static void staple(void *context, const struct mrl_fingerprint *leaf, mrl_bytes response)
{
    struct mrl_server *s = context;

    for (unsigned i = 0; i < s->worker_count; i++)
        mrl_worker_post_staple(s->workers[i], leaf, response);
}

static mrl_err open_revocation(struct mrl_server *s, const struct mrl_paths *paths,
                               struct mrl_why *why)
{
    const struct mrl_cert_list *sent = mrl_issuing_intermediates(s->issuing);
    const struct mrl_cert_list active = {sent->certs, 1}; /* links may follow it */
    uint8_t number = mrl_issuing_active(s->issuing);
    struct mrl_revocation_config config = {
        .store = s->store,
        .audit = s->audit,
        .keys = s->keys,
        .cas = &active,
        .numbers = &number,
        .folder = paths->lists,
        .staple = staple,
        .staple_context = s,
    };

    if (!mrl_revocation_wanted(s->config))
        return MRL_OK;
    mrl_revocation_of_config(s->config, &config);
    MRL_TRY(mrl_revocation_new(&config, &s->revocation, why));
    mrl_housekeeping_tell_issuers(s);
    return MRL_OK;
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

static struct mrl_export_config export_config(const struct mrl_config *c, size_t i)
{
    const struct mrl_config_export *from = &c->exports[i];

    return (struct mrl_export_config){
        .name = from->name,
        .kind = (enum mrl_export_kind)from->type,
        .from_now = from->from == MRL_EXPORT_FROM_NEWEST,
        .reveal = from->reveal,
        .lag_alarm = (uint64_t)from->lag_alarm,
        .timeout_ms = from->timeout_s * 1000,
        .path = from->path,
        .server = from->server,
        .ca_file = from->ca_file,
        .certificate_file = from->certificate_file,
        .key_file = from->key_file,
        .bare_close = from->bare_close,
        .confirm_ms = from->confirm_s * 1000,
        .hostname = from->hostname.len > 0 ? from->hostname : c->server.names.at[0],
        .sd_id = from->sd_id,
        .message_bytes = from->message_bytes,
    };
}

static mrl_err open_exports(struct mrl_server *s, struct mrl_why *why)
{
    for (size_t i = 0; i < s->config->export_count; i++)
        s->export_configs[i] = export_config(s->config, i);
    return mrl_exports_new(s->export_configs, s->config->export_count, s->store, s->audit,
                           &s->exports, why);
}

static struct mrl_mqtt_limits mqtt_limits(const struct mrl_config *c)
{
    return (struct mrl_mqtt_limits){
        .packet_bytes = c->mqtt.packet_bytes,
        .device_sessions = (unsigned)c->mqtt.device_sessions,
        .application_sessions = (unsigned)c->mqtt.application_sessions,
        .connect_timeout_ms = c->mqtt.connect_timeout_s * 1000,
        .flood_ms = c->quota.flood_s * 1000,
        .keep_alive_max_s = (uint16_t)c->mqtt.keep_alive_max_s,
        .acknowledge_denied_311 = c->mqtt.denied_publish_311 == MRL_DENIED_ACKNOWLEDGE,
        .topic_aliases = (uint16_t)c->mqtt.topic_aliases,
        .response_topic = c->mqtt.response_topic,
        .server_reference = c->mqtt.server_reference,
        .server_moved = c->mqtt.server_moved,
        .drain_ms = c->mqtt.drain_s * 1000,
        .hub = {.subscriptions_per_session = (unsigned)c->mqtt.subscriptions,
                .queued_messages = (unsigned)c->mqtt.queued_messages,
                .queued_bytes = c->mqtt.queued_bytes,
                .in_flight = (unsigned)c->mqtt.in_flight,
                .session_expiry_s = (uint32_t)c->mqtt.session_expiry_s},
    };
}

static void count_sessions(void *context, size_t *sessions, size_t *connected)
{
    const struct mrl_server *s = context;

    *sessions = *connected = 0;
    for (unsigned i = 0; i < s->worker_count; i++) {
        size_t some_sessions, some_connected;

        mrl_worker_counts(s->workers[i], &some_sessions, &some_connected);
        *sessions += some_sessions;
        *connected += some_connected;
    }
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
        .count = count_sessions,
        .count_context = s,
    };
}

static mrl_err make_workers(struct mrl_server *s, struct mrl_why *why)
{
    const struct mrl_config *c = s->config;
    struct mrl_worker_shared shared = {
        .registry = s->registry,
        .audit = s->audit,
        .metrics = s->metrics,
        .retained = s->retained,
        .guard = s->guard,
        .ledger = s->ledger,
        .routes = s->routes,
        .service = s->service,
        .tickets = s->tickets,
        .issuing = s->issuing,
        .renewals = s->renewals,
        .onboarding = &s->onboarding,
        .provisioning = &s->provisioning,
        .provisioning_service = s->provisioning_service,
        .attest = s->attest,
        .api = &s->api,
        .revocation = s->revocation,
        .telemetry = s->telemetry,
        .mqtt_limits = mqtt_limits(c),
        .psk = c->mqtt.psk,
        .handshake_timeout_ms = c->tls.handshake_timeout_s * 1000,
        .handshakes = (size_t)c->tls.handshakes,
        .enrolment_body_bytes = c->enrolment.body_bytes,
        .origins = &c->mqtt.origins,
    };

    MRL_TRY(
        mrl_proxies_read(&c->mqtt.proxies, "[mqtt] proxies", &shared.proxies[MRL_PORT_MQTT], why));
    MRL_TRY(mrl_proxies_read(&c->enrolment.proxies, "[enrolment] proxies",
                             &shared.proxies[MRL_PORT_ENROLMENT], why));
    for (unsigned i = 0; i < s->wanted_workers; i++) {
        MRL_TRY(mrl_worker_new(&shared, i, &s->workers[i], why));
        s->doors[i] = mrl_worker_door(s->workers[i]);
        s->worker_count = i + 1;
    }
    for (unsigned i = 0; i < s->worker_count; i++)
        mrl_worker_join(s->workers[i], s->doors, s->worker_count);
    return MRL_OK;
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

static mrl_err listen_on(struct mrl_server *s, enum mrl_port port, mrl_bytes text,
                         char real[static MRL_ADDRESS_TEXT], struct mrl_why *why)
{
    struct mrl_address address;

    MRL_TRY(mrl_address_parse(text, &address, why));
    for (unsigned i = 0; i < s->worker_count; i++)
        MRL_TRY(mrl_worker_listen(s->workers[i], port, &address, why));
    mrl_address_format(&address, real);
    return MRL_OK;
}

static mrl_err listen_all(struct mrl_server *s, const struct mrl_paths *paths, struct mrl_why *why)
{
    const struct mrl_config *c = s->config;
    char text[sizeof("unix:") + MRL_PATH];
    struct mrl_address address;

    MRL_TRY(listen_on(s, MRL_PORT_MQTT, c->mqtt.listen, s->api.mqtt_address, why));
    MRL_TRY(listen_on(s, MRL_PORT_ENROLMENT, c->enrolment.listen, s->api.enrolment_address, why));
    MRL_TRY(listen_on(s, MRL_PORT_MANAGEMENT, c->management.listen, s->management_address, why));
    (void)snprintf(text, sizeof(text), "unix:%s", paths->socket);
    MRL_TRY(mrl_address_parse(mrl_str(text), &address, why));
    return mrl_worker_listen_socket(s->workers[0], &address, why);
}

static mrl_err listen_outside(struct mrl_server *s, struct mrl_why *why)
{
    mrl_bytes text = s->config->revocation.listen;
    struct mrl_address address;

    if (text.len == 0)
        return MRL_OK;
    MRL_TRY(mrl_address_parse(text, &address, why));
    for (unsigned i = 0; i < s->worker_count; i++)
        MRL_TRY(mrl_worker_listen_outside(s->workers[i], &address, why));
    mrl_address_format(&address, s->outside_address);
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
    MRL_TRY(
        start_keys(s, &paths, why)); /* while there is only one thread, and root is still root */
    MRL_TRY(mrl_housekeeping_block_signals());
    MRL_TRY(mrl_become(&account, why));
    MRL_TRY(mrl_harden(why));
    MRL_TRY(open_store(s, &paths, why));
    MRL_TRY(check_clock(s, why));
    MRL_TRY(open_duties(s, &paths, why));
    MRL_TRY(open_exports(s, why));
    MRL_TRY(open_revocation(s, &paths, why));
    MRL_TRY(make_shared(s, &paths, why));
    fill_api(s);
    MRL_TRY(make_workers(s, why));
    MRL_TRY(mrl_durable_load(s, why));
    MRL_TRY(mrl_housekeeping_record_export(s, why));
    MRL_TRY(mrl_housekeeping_first_identity(s, why));
    MRL_TRY(listen_all(s, &paths, why));
    MRL_TRY(listen_outside(s, why));
    MRL_TRY(mrl_housekeeping_write_roots(s, why));
    MRL_TRY(mrl_housekeeping_start(s, why));
    MRL_TRY(record(s, MRL_AUDIT_SERVER_STARTED));
    if (s->accept_clock != NULL)
        MRL_TRY(record_clock(s));
    mrl_clock_start(&s->clock, s->store);
    mrl_housekeeping_checkpoint(s);   /* from here on there is one to verify against */
    MRL_TRY(check_witnesses(s, why)); /* of a log that was empty: there was nothing to ask with */
    mrl_rotation_wake(s->rotation);   /* one may have been running */
    MRL_TRY(mrl_exports_start(s->exports, why));
    for (unsigned i = 0; i < s->worker_count; i++)
        MRL_TRY(mrl_worker_start(s->workers[i], why));
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

static void stop_workers(struct mrl_server *s)
{
    for (unsigned i = 0; i < s->worker_count; i++)
        mrl_worker_stop(s->workers[i], s->config->mqtt.drain_s * 1000 + STOP_GRACE_MS);
    for (unsigned i = 0; i < s->worker_count; i++)
        mrl_worker_wait(s->workers[i]);
    mrl_service_free(s->provisioning_service);
    mrl_service_free(
        s->service); /* runs what waits; answers nobody takes any more are dropped below */
    for (unsigned i = 0; i < s->worker_count; i++)
        mrl_worker_close(s->workers[i]);
}

static void free_workers(struct mrl_server *s)
{
    bool any;

    do {
        any = false;
        for (unsigned i = 0; i < s->worker_count; i++)
            any |= mrl_worker_discard(s->workers[i]);
    } while (any);
    for (unsigned i = 0; i < s->worker_count; i++)
        mrl_worker_free(s->workers[i]);
}

/* Takes down whatever start got to, in the opposite order; also after a start that failed half-way.
 */
static void stop(struct mrl_server *s)
{
    mrl_notify("STOPPING=1");
    mrl_housekeeping_stop(s);
    mrl_revocation_stop(s->revocation);
    stop_workers(s);
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
    free_workers(s);
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
