/* SPDX-License-Identifier: Apache-2.0 */
/* The server stops and its clients leave, spread over the drain time. */
#include "base/random.h"
#include "doors/mqtt/client.h"

/* MQTT 5.0 4.11; 0: there is no other server. */
static uint8_t elsewhere(const struct mrl_client *c)
{
    const struct mrl_mqtt_limits *limits = c->door->config.limits;

    if (limits->server_reference.len == 0)
        return 0;
    return limits->server_moved ? MRL_MQTT_SERVER_MOVED : MRL_MQTT_USE_ANOTHER_SERVER;
}

void mrl_client_leave(struct mrl_client *c)
{
    uint8_t reason = elsewhere(c);

    mrl_client_end(c, reason != 0 ? reason : MRL_MQTT_SERVER_SHUTTING_DOWN, "server shutting down");
}

uint8_t mrl_client_away_reason(const struct mrl_client *c, enum mrl_mqtt_version version)
{
    uint8_t reason = version == MRL_MQTT_5 ? elsewhere(c) : 0;

    return reason != 0 ? reason : MRL_MQTT_SERVER_UNAVAILABLE; /* CONNACK has no "shutting down" */
}

static uint64_t moment(const struct mrl_mqtt_limits *limits)
{
    return limits->drain_ms == 0 ? 0 : mrl_random_below((uint32_t)limits->drain_ms);
}

static void plan_leave(struct mrl_mqtt_door *d, struct mrl_list *clients)
{
    MRL_LIST_EACH(c, clients, struct mrl_client, in_door)
    {
        if (c->state != MRL_CLIENT_RECORDING && c->state != MRL_CLIENT_INTRODUCING &&
            c->state != MRL_CLIENT_ENDING)
            mrl_loop_timer(d->config.loop, &c->timer, moment(d->config.limits));
    }
}

/* Until its moment a client is served; a CONNECT is refused. */
void mrl_mqtt_door_stop(struct mrl_mqtt_door *d)
{
    d->stopping = true;
    plan_leave(d, &d->clients);
    plan_leave(d, &d->wiping);
}
