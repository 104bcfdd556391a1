/* SPDX-License-Identifier: Apache-2.0 */
#include "main/workers.h"

#include <stdio.h>

enum { STOP_GRACE_MS = 5000 /* after the drain */ };

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

mrl_err mrl_workers_make(struct mrl_server *s, struct mrl_why *why)
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

static mrl_err listen_inside(struct mrl_server *s, const struct mrl_paths *paths,
                             struct mrl_why *why)
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

mrl_err mrl_workers_listen(struct mrl_server *s, const struct mrl_paths *paths, struct mrl_why *why)
{
    MRL_TRY(listen_inside(s, paths, why));
    return listen_outside(s, why);
}

mrl_err mrl_workers_start(struct mrl_server *s, struct mrl_why *why)
{
    for (unsigned i = 0; i < s->worker_count; i++)
        MRL_TRY(mrl_worker_start(s->workers[i], why));
    return MRL_OK;
}

void mrl_workers_count(void *server, size_t *sessions, size_t *connected)
{
    const struct mrl_server *s = server;

    *sessions = *connected = 0;
    for (unsigned i = 0; i < s->worker_count; i++) {
        size_t some_sessions, some_connected;

        mrl_worker_counts(s->workers[i], &some_sessions, &some_connected);
        *sessions += some_sessions;
        *connected += some_connected;
    }
}

void mrl_workers_stop(struct mrl_server *s)
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

void mrl_workers_free(struct mrl_server *s)
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
