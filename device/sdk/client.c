/* SPDX-License-Identifier: Apache-2.0 */
#include "merlon/client.h"

#include <string.h>

#include "base/utf8.h"
#include "wire/mqtt.h"
#include "wire/mqtt_topic.h"

#define TRY(call)                       \
    do {                                \
        enum merlon_status s_ = (call); \
        if (s_ != MERLON_OK)            \
            return s_;                  \
    } while (0)

enum { LARGEST_ID = 65535, TRUST_BUNDLE_MAX = 88 /* id, and two texts with their lengths */ };

enum merlon_status merlon_client_init(struct merlon_client *c,
                                      const struct merlon_client_config *config)
{
    if (config->in == NULL || config->out == NULL || config->client_id == NULL ||
        config->in_size < MERLON_CLIENT_BUFFER_LEAST ||
        config->out_size < MERLON_CLIENT_BUFFER_LEAST || config->transport.read == NULL ||
        config->transport.write == NULL)
        return MERLON_INVALID;
    memset(c, 0, sizeof(*c));
    c->config = config;
    return MERLON_OK;
}

/* ---- out ---- */

static struct mrl_writer room(struct merlon_client *c)
{
    const struct merlon_client_config *config = c->config;

    if (c->out_at > 0) {
        memmove(config->out, &config->out[c->out_at], c->out_len - c->out_at);
        c->out_len -= c->out_at;
        c->out_at = 0;
    }
    return mrl_writer_on(&config->out[c->out_len], config->out_size - c->out_len);
}

/* Counts what a writer put, or says whether it could ever fit. */
static enum merlon_status put(struct merlon_client *c, const struct mrl_mqtt_packet *p)
{
    struct mrl_writer w;
    mrl_bytes done;
    size_t size;

    if (mrl_mqtt_size(MRL_MQTT_5, p, &size) != MRL_OK)
        return MERLON_INVALID;
    if (size > c->config->out_size || size > c->maximum_packet)
        return MERLON_TOO_LARGE;
    w = room(c);
    if (size > w.cap)
        return MERLON_FULL;
    mrl_mqtt_write(&w, MRL_MQTT_5, p);
    if (mrl_writer_end(&w, &done) != MRL_OK)
        return MERLON_INVALID;
    c->out_len += done.len;
    c->sent_ms = c->now_ms;
    return MERLON_OK;
}

static enum merlon_status flush(struct merlon_client *c)
{
    const struct merlon_transport *t = &c->config->transport;

    while (c->out_at < c->out_len) {
        size_t done = 0;

        TRY(t->write(t->context, &c->config->out[c->out_at], c->out_len - c->out_at, &done));
        if (done == 0 || done > c->out_len - c->out_at)
            return MERLON_IO;
        c->out_at += done;
    }
    c->out_at = c->out_len = 0;
    return MERLON_OK;
}

static enum merlon_status end(struct merlon_client *c, enum merlon_status why)
{
    c->state = MERLON_CLIENT_IDLE;
    return why;
}

/* MQTT 5.0 4.13: says what was wrong, best effort, and ends. */
static enum merlon_status broken(struct merlon_client *c, uint8_t reason)
{
    const struct mrl_mqtt_packet p = {.type = MRL_MQTT_DISCONNECT,
                                      .disconnect = {.reason = reason}};

    c->reason = reason;
    if (c->state == MERLON_CLIENT_OPEN && put(c, &p) == MERLON_OK)
        (void)flush(c); /* the connection ends anyway */
    return end(c, MERLON_PROTOCOL);
}

/* ---- requests without an answer ---- */

static bool in_use(const struct merlon_client *c, uint16_t id)
{
    for (size_t i = 0; i < MERLON_CLIENT_IN_FLIGHT; i++)
        if (c->in_flight[i].id == id)
            return true;
    return false;
}

static uint16_t free_id(const struct merlon_client *c)
{
    uint16_t id = c->next_id;

    do {
        id = id == LARGEST_ID ? 1 : (uint16_t)(id + 1);
    } while (in_use(c, id)); /* ends: far fewer are in use than there are */
    return id;
}

static enum merlon_status may_ask(const struct merlon_client *c, bool publish)
{
    if (publish && c->publishes >= c->receive_maximum)
        return MERLON_FULL; /* MQTT 5.0 3.3.4-7 */
    return in_use(c, 0) ? MERLON_OK : MERLON_FULL;
}

static void asked(struct merlon_client *c, uint16_t id, bool publish)
{
    for (size_t i = 0; i < MERLON_CLIENT_IN_FLIGHT; i++) {
        if (c->in_flight[i].id != 0)
            continue;
        c->in_flight[i].id = id;
        c->in_flight[i].publish = publish;
        c->publishes = (uint16_t)(c->publishes + publish);
        return;
    }
}

/* An answer to nothing is passed over: it may be late for a request of an earlier connection. */
static void answered(struct merlon_client *c, uint16_t id, bool publish, uint8_t reason)
{
    const struct merlon_client_events *e = &c->config->events;

    for (size_t i = 0; i < MERLON_CLIENT_IN_FLIGHT; i++) {
        if (c->in_flight[i].id != id || c->in_flight[i].publish != publish)
            continue;
        c->in_flight[i].id = 0;
        c->publishes = (uint16_t)(c->publishes - publish);
        if (e->acknowledged != NULL)
            e->acknowledged(e->context, id, reason);
        return;
    }
}

/* ---- what the caller asks for ---- */

enum merlon_status merlon_client_connect(struct merlon_client *c, bool clean_start, uint64_t now_ms)
{
    const struct merlon_client_config *config = c->config;
    struct mrl_mqtt_packet p = {.type = MRL_MQTT_CONNECT};
    struct mrl_mqtt_props *props = &p.connect.props;
    uint8_t memory[TRUST_BUNDLE_MAX];
    struct mrl_writer user = mrl_writer_on(memory, sizeof(memory));

    p.connect.version = MRL_MQTT_5;
    p.connect.clean_start = clean_start;
    p.connect.keep_alive = config->keep_alive_s;
    p.connect.client_id = mrl_bytes_of(config->client_id, strlen(config->client_id));
    mrl_mqtt_set(props, MRL_MQTT_PROP_MAXIMUM_PACKET_SIZE);
    props->maximum_packet_size =
        config->in_size < UINT32_MAX ? (uint32_t)config->in_size : UINT32_MAX;
    if (config->session_expiry_s > 0) {
        mrl_mqtt_set(props, MRL_MQTT_PROP_SESSION_EXPIRY);
        props->session_expiry = config->session_expiry_s;
    }
    if (config->trust_bundle != NULL && config->trust_bundle[0] != '\0') {
        mrl_mqtt_put_user_property(
            &user, mrl_str("merlon-trust-bundle"),
            mrl_bytes_of(config->trust_bundle, strlen(config->trust_bundle)));
        if (user.overflow)
            return MERLON_INVALID;
        mrl_mqtt_set(props, MRL_MQTT_PROP_USER);
        props->user = mrl_bytes_of(user.data, user.len);
    }
    memset(c->in_flight, 0, sizeof(c->in_flight));
    c->in_len = c->out_at = c->out_len = 0;
    c->publishes = 0;
    c->ping_open = false;
    c->clean_start = clean_start;
    c->reason = 0;
    c->maximum_packet = UINT32_MAX;
    c->keep_alive_s = config->keep_alive_s;
    c->now_ms = c->asked_ms = now_ms;
    TRY(put(c, &p));
    c->state = MERLON_CLIENT_CONNECTING;
    return MERLON_OK;
}

static enum merlon_status publish(struct merlon_client *c, const struct merlon_message *m,
                                  uint16_t id, bool again)
{
    const struct mrl_mqtt_packet p = {
        .type = MRL_MQTT_PUBLISH,
        .publish = {.topic = mrl_bytes_of(m->topic, m->topic_len),
                    .payload = mrl_bytes_of(m->payload, m->payload_len),
                    .packet_id = id,
                    .qos = m->qos,
                    .dup = again,
                    .retain = m->retain},
    };

    if (c->state != MERLON_CLIENT_OPEN)
        return MERLON_STATE;
    if (m->qos > 1 || m->qos > c->maximum_qos || (m->retain && !c->retain_available))
        return MERLON_INVALID; /* MQTT 5.0 3.2.2-11, 3.2.2-14 */
    if (m->qos > 0)
        TRY(may_ask(c, /*publish=*/true));
    TRY(put(c, &p));
    if (m->qos > 0)
        asked(c, id, /*publish=*/true);
    return MERLON_OK;
}

enum merlon_status merlon_client_publish(struct merlon_client *c, const struct merlon_message *m,
                                         uint16_t *packet_id)
{
    uint16_t id = m->qos > 0 ? free_id(c) : 0;

    if (m->qos > 0 && packet_id == NULL)
        return MERLON_INVALID;
    TRY(publish(c, m, id, /*again=*/false));
    if (id > 0)
        c->next_id = id;
    if (packet_id != NULL)
        *packet_id = id;
    return MERLON_OK;
}

enum merlon_status merlon_client_publish_again(struct merlon_client *c,
                                               const struct merlon_message *m, uint16_t packet_id)
{
    if (m->qos != 1 || packet_id == 0 || in_use(c, packet_id))
        return MERLON_INVALID;
    return publish(c, m, packet_id, /*again=*/true);
}

enum merlon_status merlon_client_subscribe(struct merlon_client *c, const char *filter, uint8_t qos,
                                           uint16_t *packet_id)
{
    uint8_t memory[MERLON_CLIENT_BUFFER_LEAST];
    struct mrl_writer list = mrl_writer_on(memory, sizeof(memory));
    const struct mrl_mqtt_subscription s = {.filter = mrl_bytes_of(filter, strlen(filter)),
                                            .qos = qos};
    struct mrl_mqtt_packet p = {.type = MRL_MQTT_SUBSCRIBE};

    if (c->state != MERLON_CLIENT_OPEN)
        return MERLON_STATE;
    if (qos > 1 || packet_id == NULL || !mrl_mqtt_filter_valid(s.filter))
        return MERLON_INVALID;
    TRY(may_ask(c, /*publish=*/false));
    mrl_mqtt_put_subscription(&list, &s);
    if (mrl_writer_end(&list, &p.subscribe.subscriptions) != MRL_OK)
        return MERLON_TOO_LARGE;
    p.subscribe.packet_id = free_id(c);
    TRY(put(c, &p));
    c->next_id = *packet_id = p.subscribe.packet_id;
    asked(c, p.subscribe.packet_id, /*publish=*/false);
    return MERLON_OK;
}

enum merlon_status merlon_client_disconnect(struct merlon_client *c, uint64_t now_ms)
{
    const struct mrl_mqtt_packet p = {.type = MRL_MQTT_DISCONNECT};

    if (c->state != MERLON_CLIENT_OPEN)
        return MERLON_STATE;
    c->now_ms = now_ms;
    TRY(put(c, &p));
    c->state = MERLON_CLIENT_IDLE;
    return MERLON_OK;
}

/* ---- in ---- */

static enum merlon_status on_connack(struct merlon_client *c, const struct mrl_mqtt_packet *p)
{
    const struct mrl_mqtt_connack *a = &p->connack;
    const struct merlon_client_events *e = &c->config->events;

    c->reason = a->reason;
    if (a->reason >= 0x80)
        return end(c, MERLON_REFUSED);
    if (a->session_present && c->clean_start)
        return broken(c, MRL_MQTT_PROTOCOL_ERROR); /* we kept nothing [MQTT-3.2.2-4] */
    if (mrl_mqtt_has(&a->props, MRL_MQTT_PROP_SERVER_KEEP_ALIVE))
        c->keep_alive_s = a->props.server_keep_alive; /* MQTT 5.0 3.2.2-21 */
    c->receive_maximum = a->props.receive_maximum;
    c->maximum_packet = a->props.maximum_packet_size;
    c->maximum_qos = a->props.maximum_qos;
    c->retain_available = a->props.retain_available;
    c->state = MERLON_CLIENT_OPEN;
    if (e->connected != NULL)
        e->connected(e->context, a->session_present);
    return MERLON_OK;
}

/* Room for the acknowledgement is made before the message is shown, so that it is not shown twice
 * for want of room. */
static enum merlon_status on_publish(struct merlon_client *c, const struct mrl_mqtt_packet *p)
{
    const struct mrl_mqtt_publish *in = &p->publish;
    const struct merlon_client_events *e = &c->config->events;
    const struct mrl_mqtt_packet ack = {.type = MRL_MQTT_PUBACK,
                                        .ack = {.packet_id = in->packet_id}};
    const struct merlon_message m = {(const char *)in->topic.data,
                                     in->topic.len,
                                     in->payload.data,
                                     in->payload.len,
                                     in->qos,
                                     in->retain};

    if (in->qos > 1) /* nobody subscribed for it. MQTT 5.0 3.8.4-8 */
        return broken(c, MRL_MQTT_QOS_NOT_SUPPORTED);
    if (mrl_mqtt_has(&in->props, MRL_MQTT_PROP_TOPIC_ALIAS)) /* we allow none. 3.1.2-26 */
        return broken(c, MRL_MQTT_TOPIC_ALIAS_INVALID);
    if (in->qos == 1)
        TRY(put(c, &ack));
    if (e->message != NULL)
        e->message(e->context, &m);
    return MERLON_OK;
}

static enum merlon_status on_puback(struct merlon_client *c, const struct mrl_mqtt_packet *p)
{
    answered(c, p->ack.packet_id, /*publish=*/true, p->ack.reason);
    return MERLON_OK;
}

static enum merlon_status on_suback(struct merlon_client *c, const struct mrl_mqtt_packet *p)
{
    if (p->suback.codes.len != 1) /* one filter was asked for. MQTT 5.0 3.8.4-6 */
        return broken(c, MRL_MQTT_PROTOCOL_ERROR);
    answered(c, p->suback.packet_id, /*publish=*/false, p->suback.codes.data[0]);
    return MERLON_OK;
}

static enum merlon_status on_pingresp(struct merlon_client *c, const struct mrl_mqtt_packet *p)
{
    (void)p;
    c->ping_open = false;
    return MERLON_OK;
}

static enum merlon_status on_disconnect(struct merlon_client *c, const struct mrl_mqtt_packet *p)
{
    c->reason = p->disconnect.reason;
    return end(c, MERLON_REFUSED);
}

/* What a server may send, and when; anything else breaks the protocol. MQTT 5.0 3.2.0-1 */
static const struct {
    enum merlon_client_state state;
    enum merlon_status (*run)(struct merlon_client *c, const struct mrl_mqtt_packet *p);
} rules[MRL_MQTT_TYPES_] = {
    [MRL_MQTT_CONNACK] = {MERLON_CLIENT_CONNECTING, on_connack},
    [MRL_MQTT_PUBLISH] = {MERLON_CLIENT_OPEN, on_publish},
    [MRL_MQTT_PUBACK] = {MERLON_CLIENT_OPEN, on_puback},
    [MRL_MQTT_SUBACK] = {MERLON_CLIENT_OPEN, on_suback},
    [MRL_MQTT_PINGRESP] = {MERLON_CLIENT_OPEN, on_pingresp},
    [MRL_MQTT_DISCONNECT] = {MERLON_CLIENT_OPEN, on_disconnect},
};

static enum merlon_status on_frame(struct merlon_client *c, const struct mrl_mqtt_frame *frame)
{
    struct mrl_mqtt_packet p;
    struct mrl_mqtt_fault fault = {0};

    if (mrl_mqtt_read(frame, MRL_MQTT_5, MRL_MQTT_FROM_SERVER, &p, &fault) != MRL_OK)
        return broken(c, fault.reason);
    if (rules[p.type].run == NULL || rules[p.type].state != c->state)
        return broken(c, MRL_MQTT_PROTOCOL_ERROR);
    return rules[p.type].run(c, &p);
}

static enum merlon_status fill(struct merlon_client *c)
{
    const struct merlon_client_config *config = c->config;
    size_t space = config->in_size - c->in_len, done = 0;

    if (space == 0)
        return MERLON_OK;
    TRY(config->transport.read(config->transport.context, &config->in[c->in_len], space, &done));
    if (done == 0 || done > space)
        return MERLON_IO;
    c->in_len += done;
    return MERLON_OK;
}

/* Handles whole packets at the start of the buffer; MERLON_FULL: the rest waits for room in out. */
static enum merlon_status handle(struct merlon_client *c)
{
    const struct merlon_client_config *config = c->config;
    enum merlon_status status = MERLON_OK;
    size_t at = 0;

    while (status == MERLON_OK) {
        struct mrl_mqtt_frame frame;
        mrl_err err =
            mrl_mqtt_frame(mrl_bytes_of(&config->in[at], c->in_len - at), config->in_size, &frame);

        if (err == MRL_ERR_AGAIN)
            break;
        if (err != MRL_OK)
            return broken(c, err == MRL_ERR_LIMIT ? MRL_MQTT_PACKET_TOO_LARGE
                                                  : MRL_MQTT_MALFORMED_PACKET);
        status = on_frame(c, &frame);
        if (status == MERLON_OK)
            at += frame.total;
    }
    memmove(config->in, &config->in[at], c->in_len - at);
    c->in_len -= at;
    return status;
}

/* ---- time ---- */

/* A quarter of the keep-alive is left for the way. MQTT 5.0 3.1.2-20 */
static uint64_t ping_at(const struct merlon_client *c)
{
    return c->sent_ms + (uint64_t)c->keep_alive_s * 750;
}

static enum merlon_status keep_alive(struct merlon_client *c)
{
    const struct mrl_mqtt_packet ping = {.type = MRL_MQTT_PINGREQ};
    bool waiting = c->state == MERLON_CLIENT_CONNECTING || c->ping_open;

    if (waiting && c->now_ms >= c->asked_ms + MERLON_CLIENT_ANSWER_MS)
        return end(c, MERLON_TIMEOUT);
    if (waiting || c->keep_alive_s == 0 || c->now_ms < ping_at(c))
        return MERLON_OK;
    TRY(put(c, &ping));
    c->ping_open = true;
    c->asked_ms = c->now_ms;
    return MERLON_OK;
}

uint32_t merlon_client_wait_ms(const struct merlon_client *c, uint64_t now_ms)
{
    uint64_t at = UINT64_MAX;

    if (c->state == MERLON_CLIENT_CONNECTING || (c->state == MERLON_CLIENT_OPEN && c->ping_open))
        at = c->asked_ms + MERLON_CLIENT_ANSWER_MS;
    else if (c->state == MERLON_CLIENT_OPEN && c->keep_alive_s > 0)
        at = ping_at(c);
    if (at <= now_ms)
        return 0;
    return at - now_ms < UINT32_MAX ? (uint32_t)(at - now_ms) : UINT32_MAX;
}

/* ---- one turn ---- */

static enum merlon_status receive(struct merlon_client *c)
{
    enum merlon_status got = fill(c), handled = handle(c);

    if (handled != MERLON_OK && handled != MERLON_FULL)
        return handled; /* the server's last word counts more than how the transport ended */
    return got == MERLON_OK || got == MERLON_AGAIN ? (handled == MERLON_FULL ? handled : got) : got;
}

static enum merlon_status turn(struct merlon_client *c)
{
    enum merlon_status sent = flush(c), received;

    if (sent != MERLON_OK && sent != MERLON_AGAIN)
        return sent;
    if (c->state == MERLON_CLIENT_IDLE)
        return sent == MERLON_OK ? MERLON_AGAIN : sent; /* only DISCONNECT was left */
    received = receive(c);
    if (received != MERLON_OK && received != MERLON_AGAIN && received != MERLON_FULL)
        return received;
    sent = keep_alive(c);
    if (sent != MERLON_OK && sent != MERLON_FULL)
        return sent;
    sent = flush(c);
    if (sent != MERLON_OK && sent != MERLON_AGAIN)
        return sent;
    /* Packets that wait for room go on at once, or when the transport takes bytes again. */
    return received == MERLON_FULL ? sent : received;
}

enum merlon_status merlon_client_step(struct merlon_client *c, uint64_t now_ms)
{
    enum merlon_status status;

    c->now_ms = now_ms;
    if (c->state == MERLON_CLIENT_IDLE && c->out_at == c->out_len)
        return MERLON_STATE;
    status = turn(c);
    if (status != MERLON_OK && status != MERLON_AGAIN)
        c->state = MERLON_CLIENT_IDLE;
    return status;
}

bool merlon_client_wants_write(const struct merlon_client *c)
{
    return c->out_at < c->out_len;
}

enum merlon_client_state merlon_client_state(const struct merlon_client *c)
{
    return c->state;
}

uint8_t merlon_client_reason(const struct merlon_client *c)
{
    return c->reason;
}
