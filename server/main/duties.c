/* SPDX-License-Identifier: Apache-2.0 */
#include "main/duties.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit/rollback.h"
#include "devices/hardware.h"
#include "devices/purges.h"
#include "keys/text.h"
#include "main/attestation.h"
#include "main/housekeeping.h"
#include "main/outsiders.h"
#include "main/quotas.h"
#include "main/restored.h"
#include "main/retirement.h"
#include "onboarding/claim.h"
#include "onboarding/maker_claim.h"

static const struct mrl_actor system_actor = {.kind = MRL_ACTOR_SYSTEM,
                                              .id = MRL_LIT_INIT("merlond")};

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

static mrl_err open_most(struct mrl_server *s, const struct mrl_paths *paths, struct mrl_why *why)
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
    MRL_TRY(mrl_collector_check_start(s->collector, s->accept_rollback, why));
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

mrl_err mrl_duties_open(struct mrl_server *s, const struct mrl_paths *paths, struct mrl_why *why)
{
    MRL_TRY(open_most(s, paths, why));
    MRL_TRY(open_exports(s, why));
    return open_revocation(s, paths, why);
}
