/* SPDX-License-Identifier: Apache-2.0 */
/* /metrics: the counters, gauges of the other duties, and the readings of devices. */
#include <inttypes.h>

#include "api/request.h"
#include "audit/checkpoint.h"
#include "audit/witness.h"
#include "base/clock.h"
#include "devices/denied_key.h"
#include "devices/expiry.h"
#include "devices/registry.h"
#include "issuing/ca_expiry.h"
#include "issuing/generations.h"
#include "messages/ledger.h"
#include "messages/retained.h"

struct gauge {
    const char *name, *help;
    double value;
};

static mrl_err write_gauges(const struct gauge *gauges, size_t count, struct mrl_buf *out)
{
    for (size_t i = 0; i < count; i++) {
        MRL_TRY(mrl_expose_family(out, gauges[i].name, "gauge", gauges[i].help));
        MRL_TRY(mrl_expose_sample(out, gauges[i].name, "", gauges[i].value));
    }
    return MRL_OK;
}

static mrl_err write_states(const struct mrl_registry_counts *counts, struct mrl_buf *out)
{
    char label[64];

    MRL_TRY(mrl_expose_family(out, "merlon_devices", "gauge", "Devices by state."));
    for (int s = MRL_DEVICE_EXPECTED; s <= MRL_DEVICE_RETIRED; s++) {
        (void)snprintf(label, sizeof(label), "state=\"%s\"",
                       mrl_device_state_name((enum mrl_device_state)s));
        MRL_TRY(mrl_expose_sample(out, "merlon_devices", label, (double)counts->by_state[s]));
    }
    return MRL_OK;
}

static mrl_err write_export(const struct mrl_export_status *all, size_t count, const char *name,
                            const char *help, uint64_t (*value)(const struct mrl_export_status *s),
                            struct mrl_buf *out)
{
    char label[64];

    if (count == 0)
        return MRL_OK;
    MRL_TRY(mrl_expose_family(out, name, "gauge", help));
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(label, sizeof(label), "sink=\"%.*s\"", MRL_FMT(all[i].name));
        MRL_TRY(mrl_expose_sample(out, name, label, (double)value(&all[i])));
    }
    return MRL_OK;
}

static uint64_t works(const struct mrl_export_status *s)
{
    return s->works;
}

static uint64_t unconfirmed(const struct mrl_export_status *s)
{
    return s->sent - s->confirmed;
}

static mrl_err write_exports(struct mrl_api *api, struct mrl_buf *out)
{
    struct mrl_export_status all[MRL_EXPORTS_MAX];
    size_t count;

    MRL_TRY(mrl_exports_status(api->exports, all, &count));
    MRL_TRY(write_export(all, count, "merlon_export_lag_entries",
                         "Entries of the audit log that have not left for the sink.",
                         mrl_export_lag, out));
    MRL_TRY(write_export(all, count, "merlon_export_unconfirmed_entries",
                         "Entries that left for the sink and may have to leave again.", unconfirmed,
                         out));
    return write_export(all, count, "merlon_export_up", "Whether the sink takes entries.", works,
                        out);
}

/* Each bucket holds those below it, so that an alert needs one of them only. */
static const struct {
    const char *label;
    int64_t seconds;
} buckets[] = {
    {"expires_within=\"0s\"", 0},           {"expires_within=\"1d\"", 86400},
    {"expires_within=\"7d\"", 7 * 86400},   {"expires_within=\"30d\"", 30 * 86400},
    {"expires_within=\"90d\"", 90 * 86400},
};

static mrl_err write_expiry(struct mrl_api *api, struct mrl_buf *out)
{
    static const char name[] = "merlon_device_certificates";
    int64_t ends[MRL_COUNT(buckets)], now = mrl_wall_s();
    uint64_t counts[MRL_COUNT(buckets)];

    for (size_t i = 0; i < MRL_COUNT(buckets); i++)
        ends[i] = now + buckets[i].seconds;
    MRL_TRY(mrl_credential_count_ending(api->store, MRL_PRINCIPAL_DEVICE, ends, MRL_COUNT(ends),
                                        counts));
    MRL_TRY(mrl_expose_family(
        out, name, "gauge",
        "Certificates and pre-shared keys in use by devices that end within this time."));
    for (size_t i = 0; i < MRL_COUNT(buckets); i++)
        MRL_TRY(mrl_expose_sample(out, name, buckets[i].label, (double)counts[i]));
    return MRL_OK;
}

/* No more than two: one active CA of each kind. */
static mrl_err write_cas(const struct mrl_issuing *issuing, struct mrl_buf *out)
{
    static const char name[] = "merlon_ca_not_after_seconds";
    struct mrl_ca_end ends[MRL_KEYS_GENERATIONS_MAX];
    size_t count = mrl_ca_ends(issuing, ends);

    MRL_TRY(mrl_expose_family(out, name, "gauge", "When the active CAs end, seconds since 1970."));
    for (size_t i = 0; i < count; i++) {
        char label[16 + MRL_CA_NAME_TEXT], ca[MRL_CA_NAME_TEXT];

        (void)snprintf(label, sizeof(label), "ca=\"%s\"",
                       mrl_ca_name(ends[i].kind, ends[i].number, ca));
        MRL_TRY(mrl_expose_sample(out, name, label, (double)ends[i].not_after));
    }
    return MRL_OK;
}

/* The version is ours, but may hold anything a packager writes. */
static mrl_err write_build(const struct mrl_api *api, struct mrl_buf *out)
{
    char label[96] = "version=\"";
    size_t at = sizeof("version=\"") - 1;

    for (const char *c = api->version; *c != '\0' && at < sizeof(label) - 2; c++)
        label[at++] = (char)(*c == '"' || *c == '\\' || *c == '\n' ? '_' : *c);
    label[at] = '"';
    MRL_TRY(mrl_expose_family(out, "merlon_build_info", "gauge", "Version of the program."));
    return mrl_expose_sample(out, "merlon_build_info", label, 1);
}

static mrl_err write_duties(struct mrl_api *api, struct mrl_buf *out)
{
    struct mrl_registry_counts counts;
    const struct mrl_retained_owed *owed = mrl_retained_owed(api->retained);
    size_t sessions = 0, connected = 0;
    uint64_t entries;

    mrl_registry_count(api->registry, &counts);
    if (api->count != NULL)
        api->count(api->count_context, &sessions, &connected);
    MRL_TRY(mrl_api_audit_size(api, &entries));
    MRL_TRY(write_states(&counts, out));
    return write_gauges(
        (const struct gauge[]){
            {"merlon_applications", "Applications that are known.", (double)counts.applications},
            {"merlon_operators", "Operators that are known.", (double)counts.operators},
            {"merlon_credentials", "Certificates and pre-shared keys that are known, in any state.",
             (double)counts.credentials},
            {"merlon_sessions", "MQTT sessions, connected or kept.", (double)sessions},
            {"merlon_connections", "MQTT connections.", (double)connected},
            {"merlon_retained_messages", "Retained messages.",
             (double)mrl_retained_count(api->retained)},
            {"merlon_retained_owed_subscriptions",
             "Subscriptions that have not got all retained messages yet.",
             (double)owed->subscriptions},
            {"merlon_retained_owed_messages",
             "Retained messages that were found for them and wait until they are sent.",
             (double)owed->found},
            {"merlon_enrolments_waiting", "Enrolments under way or waiting.",
             (double)mrl_admission_waiting(api->onboarding->admission)},
            {"merlon_messages_store_failing",
             "1 while the store does not take messages and they are refused.",
             api->ledger != NULL && mrl_ledger_failing(api->ledger) ? 1.0 : 0.0},
            {"merlon_store_failing", "1 while the store takes nothing (full disk).",
             mrl_store_failing(api->store) ? 1.0 : 0.0},
            {"merlon_store_backlog", "Write jobs that wait for the disk.",
             (double)mrl_store_backlog(api->store)},
            {"merlon_audit_entries", "Entries of the audit log.", (double)entries},
            {"process_start_time_seconds", "Start of the process, seconds since 1970.",
             (double)api->started_ms / 1000},
        },
        14, out);
}

static mrl_err write_witnesses(struct mrl_witnesses *all, struct mrl_buf *out)
{
    static const struct {
        const char *name, *type, *help;
    } families[] = {
        {"merlon_audit_witness_lag_entries", "gauge", "Entries that wait for a cosignature."},
        {"merlon_audit_witness_lag_seconds", "gauge", "How long the first of them does."},
        {"merlon_audit_witness_failures_total", "counter", "Requests that brought none."},
    };
    struct mrl_witness_state s;
    char label[32];

    for (size_t f = 0; f < MRL_COUNT(families); f++) {
        MRL_TRY(mrl_expose_family(out, families[f].name, families[f].type, families[f].help));
        for (size_t i = 0; i < mrl_witnesses_count(all); i++) {
            mrl_witnesses_state(all, i, &s);
            (void)snprintf(label, sizeof(label), "witness=\"%zu\"", i + 1);
            MRL_TRY(mrl_expose_sample(out, families[f].name, label,
                                      (double)(f == 0   ? s.lag_entries
                                               : f == 1 ? mrl_witness_lag_s(&s)
                                                        : s.failures)));
        }
    }
    return MRL_OK;
}

static mrl_err write_log(struct mrl_api *api, struct mrl_buf *out)
{
    struct mrl_audit_stats s;

    mrl_audit_stats(api->audit, &s);
    MRL_TRY(write_gauges(
        (const struct gauge[]){
            {"merlon_audit_checkpoint_size", "Entries under the newest checkpoint of this run.",
             (double)s.size},
            {"merlon_audit_checkpoint_time_seconds",
             "When it was signed, seconds since 1970; 0: none yet.", (double)s.time_ms / 1000},
            {"merlon_audit_checkpoints_refused",
             "Checkpoints of this run that were not signed: the log was cut or changed.",
             (double)s.refused},
            {"merlon_audit_checkpoints_failed",
             "Checkpoints of this run that storage or the key process failed.", (double)s.failed},
        },
        4, out));
    return api->witnesses == NULL ? MRL_OK : write_witnesses(api->witnesses, out);
}

static mrl_err write_blocks(const struct mrl_guard *guard, struct mrl_buf *out)
{
    static const char name[] = "merlon_blocks_total";
    char label[64];

    if (guard == NULL)
        return MRL_OK;
    MRL_TRY(mrl_expose_family(out, name, "counter",
                              "Sources and devices that were kept out for a while, by reason."));
    for (int reason = 0; reason < MRL_GUARD_REASON_COUNT_; reason++) {
        (void)snprintf(label, sizeof(label), "reason=\"%s\"",
                       mrl_guard_reason_name((enum mrl_guard_reason)reason));
        MRL_TRY(mrl_expose_sample(out, name, label,
                                  (double)mrl_guard_blocks(guard, (enum mrl_guard_reason)reason)));
    }
    return MRL_OK;
}

static mrl_err write_refused_keys(struct mrl_buf *out)
{
    static const char name[] = "merlon_keys_refused_total";
    char label[48];

    MRL_TRY(mrl_expose_family(out, name, "counter",
                              "Public keys that got no certificate and no device, by reason."));
    for (int reason = 0; reason < MRL_KEY_REFUSED_COUNT_; reason++) {
        (void)snprintf(label, sizeof(label), "reason=\"%s\"",
                       mrl_key_refusal_name((enum mrl_key_refusal)reason));
        MRL_TRY(mrl_expose_sample(out, name, label,
                                  (double)mrl_keys_refused((enum mrl_key_refusal)reason)));
    }
    return MRL_OK;
}

mrl_err mrl_api_scrape(struct mrl_api_request *r)
{
    struct mrl_buf *out = mrl_exchange_answer(r->x);

    MRL_TRY(mrl_metrics_write(r->api->metrics, out));
    MRL_TRY(write_duties(r->api, out));
    MRL_TRY(write_log(r->api, out));
    MRL_TRY(write_expiry(r->api, out));
    MRL_TRY(write_cas(r->api->issuing, out));
    MRL_TRY(write_exports(r->api, out));
    MRL_TRY(write_blocks(r->api->guard, out));
    MRL_TRY(write_refused_keys(out));
    MRL_TRY(write_build(r->api, out));
    if (r->api->telemetry != NULL)
        MRL_TRY(mrl_telemetry_write(r->api->telemetry, out));
    mrl_exchange_set_header(r->x, "Content-Type",
                            MRL_LIT("text/plain; version=0.0.4; charset=utf-8"));
    return MRL_OK;
}
