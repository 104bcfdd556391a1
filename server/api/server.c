/* SPDX-License-Identifier: Apache-2.0 */
/* The server itself: how it is, and what outsiders trust. */
#include "api/request.h"
#include "audit/read.h"
#include "base/clock.h"
#include "base/hex.h"
#include "devices/registry.h"

static mrl_err on_last(void *context, const struct mrl_audit_row *row)
{
    *(uint64_t *)context = row->seq;
    return MRL_OK;
}

static mrl_err run_last(struct mrl_tx *tx, void *context)
{
    const struct mrl_audit_filter newest = {.newest_first = true, .limit = 1};

    return mrl_audit_list(tx, &newest, on_last, context);
}

mrl_err mrl_api_audit_size(struct mrl_api *api, uint64_t *out)
{
    *out = 0;
    return mrl_store_read(api->store, run_last, out);
}

static json_t *devices_json(struct mrl_api_request *r, const struct mrl_registry_counts *counts)
{
    json_t *o = mrl_json_object();

    for (int s = MRL_DEVICE_EXPECTED; s <= MRL_DEVICE_RETIRED; s++)
        mrl_api_put_number(r, o, mrl_device_state_name((enum mrl_device_state)s),
                           (int64_t)counts->by_state[s]);
    return o;
}

static void put_counts(struct mrl_api_request *r, json_t *o)
{
    struct mrl_registry_counts counts;
    size_t sessions = 0, connected = 0;

    mrl_registry_count(r->api->registry, &counts);
    if (r->api->count != NULL)
        r->api->count(r->api->count_context, &sessions, &connected);
    mrl_api_put(r, o, "devices", devices_json(r, &counts));
    mrl_api_put_number(r, o, "applications", (int64_t)counts.applications);
    mrl_api_put_number(r, o, "operators", (int64_t)counts.operators);
    mrl_api_put_number(r, o, "credentials", (int64_t)counts.credentials);
    mrl_api_put_number(r, o, "sessions", (int64_t)sessions);
    mrl_api_put_number(r, o, "connected", (int64_t)connected);
}

static json_t *fingerprints(struct mrl_api_request *r, const struct mrl_cert_list *list)
{
    json_t *array = mrl_json_array();
    char hex[2 * MRL_SHA256_SIZE + 1];

    for (size_t i = 0; i < list->count; i++) {
        mrl_hex(mrl_fingerprint_bytes(&mrl_cert_facts(list->certs[i])->fingerprint), hex);
        mrl_api_add_text(r, array, mrl_str(hex));
    }
    return array;
}

static json_t *ca_json(struct mrl_api_request *r)
{
    json_t *o = mrl_json_object();

    mrl_api_put(r, o, "roots_sha256", fingerprints(r, mrl_issuing_roots(r->api->issuing)));
    mrl_api_put(r, o, "issuing_sha256",
                fingerprints(r, mrl_issuing_intermediates(r->api->issuing)));
    return o;
}

mrl_err mrl_api_status(struct mrl_api_request *r)
{
    int64_t now = mrl_wall_ms();
    uint64_t entries;
    json_t *o;

    MRL_TRY(mrl_api_audit_size(r->api, &entries));
    o = mrl_json_object();
    mrl_api_put_text(r, o, "version", mrl_str(r->api->version));
    mrl_api_put_time(r, o, "started", r->api->started_ms);
    mrl_api_put_number(r, o, "uptime_s", (now - r->api->started_ms) / 1000);
    put_counts(r, o);
    mrl_api_put_number(r, o, "audit_entries", (int64_t)entries);
    mrl_api_put_number(r, o, "store_backlog", (int64_t)mrl_store_backlog(r->api->store));
    mrl_api_put_text(r, o, "mqtt_address", mrl_str(r->api->mqtt_address));
    mrl_api_put_text(r, o, "enrolment_address", mrl_str(r->api->enrolment_address));
    mrl_api_put_text(r, o, "server_name", r->api->server_name);
    mrl_api_put(r, o, "ca", ca_json(r));
    return mrl_api_answer(r, 200, o);
}

static mrl_err put_pem(struct mrl_api_request *r, json_t *o, const char *name,
                       const struct mrl_cert_list *list)
{
    MRL_SCOPED(mrl_buf) pem = {0};

    for (size_t i = 0; i < list->count; i++)
        MRL_TRY(mrl_cert_to_pem(list->certs[i], &pem));
    mrl_api_put_text(r, o, name, mrl_buf_bytes(&pem));
    return MRL_OK;
}

mrl_err mrl_api_ca(struct mrl_api_request *r)
{
    const struct mrl_cert_list *roots = mrl_issuing_roots(r->api->issuing);
    MRL_AUTO(json_t) o = mrl_json_object();

    MRL_TRY(put_pem(r, o, "root", roots));
    MRL_TRY(put_pem(r, o, "issuing", mrl_issuing_intermediates(r->api->issuing)));
    if (roots->count > 0)
        mrl_api_put_hex(r, o, "root_sha256",
                        mrl_fingerprint_bytes(&mrl_cert_facts(roots->certs[0])->fingerprint));
    return mrl_api_answer(r, 200, MRL_TAKE(o));
}
