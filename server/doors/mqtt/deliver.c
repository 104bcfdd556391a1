/* SPDX-License-Identifier: Apache-2.0 */
/* From a session to the wire. */
#include "base/clock.h"
#include "doors/mqtt/client.h"

enum {
    IDENTIFIER_MAX = 5,          /* bytes of one encoded subscription identifier */
    ALIAS_MAX = 5,               /* that an alias can add: the property, longer lengths */
    MESSAGE_BACKLOG = 256 << 10, /* a slow reader is sent no more: what is left up to the limit of
                                    its connection is for answers */
};

static void add_identifiers(struct mrl_buf *memory, const struct mrl_delivery *d,
                            struct mrl_mqtt_props *props)
{
    size_t cap = d->identifier_count * IDENTIFIER_MAX;
    struct mrl_writer w;
    uint8_t *to;

    mrl_buf_clear(memory);
    if (d->identifier_count == 0 || mrl_buf_reserve(memory, cap, &to) != MRL_OK)
        return;
    w = mrl_writer_on(to, cap);
    for (size_t i = 0; i < d->identifier_count; i++)
        mrl_mqtt_put_subscription_id(&w, d->identifiers[i]);
    if (mrl_writer_end(&w, &props->subscription_ids) == MRL_OK)
        mrl_mqtt_set(props, MRL_MQTT_PROP_SUBSCRIPTION_ID);
}

static void add_properties(struct mrl_mqtt_door *door, const struct mrl_delivery *d,
                           struct mrl_mqtt_props *props)
{
    const struct mrl_publication *m = d->publication;
    uint64_t now = mrl_monotonic_ms();
    const struct {
        enum mrl_mqtt_prop id;
        bool present;
        mrl_bytes value;
        mrl_bytes *field;
    } texts[] = {
        {MRL_MQTT_PROP_CONTENT_TYPE, m->has_content_type, m->content_type, &props->content_type},
        {MRL_MQTT_PROP_RESPONSE_TOPIC, m->response_topic.len > 0, m->response_topic,
         &props->response_topic},
        {MRL_MQTT_PROP_CORRELATION_DATA, m->has_correlation_data, m->correlation_data,
         &props->correlation_data},
        {MRL_MQTT_PROP_USER, m->user_properties.len > 0, m->user_properties, &props->user},
    };

    for (size_t i = 0; i < MRL_COUNT(texts); i++) {
        *texts[i].field = texts[i].value;
        if (texts[i].present)
            mrl_mqtt_set(props, texts[i].id);
    }
    if (m->has_payload_format) {
        props->payload_format = m->payload_format;
        mrl_mqtt_set(props, MRL_MQTT_PROP_PAYLOAD_FORMAT);
    }
    if (m->expires_ms != 0) { /* what is left of it. MQTT 5.0 3.3.2-6 */
        props->message_expiry =
            m->expires_ms > now ? (uint32_t)((m->expires_ms - now + 999) / 1000) : 0;
        mrl_mqtt_set(props, MRL_MQTT_PROP_MESSAGE_EXPIRY);
    }
    add_identifiers(&door->identifiers, d, props);
}

/* The message that goes behind what may wait takes nothing from the answers, however large it is.
 */
static void make_way(struct mrl_client *c, size_t size)
{
    if (mrl_conn_backlog(c->conn) + size > MESSAGE_BACKLOG)
        mrl_conn_allow(c->conn, (uint32_t)size);
}

/* The header is written apart from the payload, which is copied once, into the connection. */
static mrl_err write_publish(struct mrl_client *c, const struct mrl_mqtt_packet *packet,
                             size_t size)
{
    struct mrl_buf *scratch = &c->door->scratch;
    mrl_bytes payload = packet->publish.payload;
    struct mrl_writer w;
    mrl_bytes header;
    uint8_t *to;

    mrl_buf_clear(scratch);
    MRL_TRY(mrl_buf_reserve(scratch, size - payload.len, &to));
    w = mrl_writer_on(to, size - payload.len);
    mrl_mqtt_write_publish_header(&w, c->version, &packet->publish, payload.len);
    MRL_TRY(mrl_writer_end(&w, &header));
    MRL_TRY(mrl_conn_write(c->conn, header));
    return mrl_conn_write(c->conn, payload);
}

/* The topic gives way to its alias, or introduces one; *size follows. MQTT 5.0 3.3.2.3.4 */
static void use_alias(struct mrl_client *c, struct mrl_mqtt_publish *p, size_t *size)
{
    struct mrl_mqtt_packet packet = {.type = MRL_MQTT_PUBLISH};
    bool known = false;
    uint16_t alias;

    if (p->topic.len <= ALIAS_MAX || *size + ALIAS_MAX > c->maximum_packet)
        return;
    alias = mrl_aliases_send(&c->aliases, c->aliases_out, p->topic, &known);
    if (alias == 0)
        return;
    if (known)
        p->topic = MRL_BYTES_NONE;
    p->props.topic_alias = alias;
    mrl_mqtt_set(&p->props, MRL_MQTT_PROP_TOPIC_ALIAS);
    packet.publish = *p;
    (void)mrl_mqtt_size(c->version, &packet, size); /* it has one without the alias */
}

/* The same bytes as for others. */
static bool deliver_shared(struct mrl_client *c, const struct mrl_delivery *d)
{
    struct mrl_encoded *e = &c->door->encoded;
    struct mrl_mqtt_props props = {0};
    mrl_bytes packet;

    if (c->version == MRL_MQTT_5 && !mrl_encoded_has(e, c->version, d))
        add_properties(c->door, d, &props);
    if (mrl_encoded_get(e, c->version, d, &props, &packet) != MRL_OK ||
        packet.len > c->maximum_packet)
        return false;
    make_way(c, packet.len);
    if (mrl_conn_write(c->conn, packet) == MRL_OK) /* a full backlog ends it by itself */
        mrl_client_count(c, MRL_COUNTER_MESSAGES_OUT);
    return true;
}

static bool deliver_alone(struct mrl_client *c, const struct mrl_delivery *d)
{
    struct mrl_mqtt_packet packet = {
        .type = MRL_MQTT_PUBLISH,
        .publish = {.topic = d->publication->topic,
                    .payload = d->publication->payload,
                    .packet_id = d->packet_id,
                    .qos = d->qos,
                    .dup = d->dup,
                    .retain = d->retain},
    };
    size_t size;

    if (c->version == MRL_MQTT_5)
        add_properties(c->door, d, &packet.publish.props);
    if (mrl_mqtt_size(c->version, &packet, &size) != MRL_OK || size > c->maximum_packet)
        return false;
    if (c->aliases_out > 0)
        use_alias(c, &packet.publish, &size);
    make_way(c, size);
    if (write_publish(c, &packet, size) ==
        MRL_OK) /* a full backlog ends the connection by itself */
        mrl_client_count(c, MRL_COUNTER_MESSAGES_OUT);
    return true;
}

static bool deliver(void *door, const struct mrl_delivery *d)
{
    struct mrl_client *c = door;

    if (c->state != MRL_CLIENT_OPEN)
        return true;
    if (d->qos == 0 && mrl_conn_backlog(c->conn) > MESSAGE_BACKLOG) {
        mrl_client_count(c, MRL_COUNTER_MESSAGES_DROPPED);
        return true;
    }
    return c->aliases_out == 0 && mrl_encoded_can(c->version, d) ? deliver_shared(c, d)
                                                                 : deliver_alone(c, d);
}

static void release(void *door, uint16_t packet_id)
{
    struct mrl_client *c = door;
    const struct mrl_mqtt_packet packet = {.type = MRL_MQTT_PUBREL,
                                           .ack = {.packet_id = packet_id}};

    if (c->state == MRL_CLIENT_OPEN)
        (void)mrl_client_send(c,
                              &packet); /* four bytes: fits every client; a full backlog ends it */
}

static const struct {
    uint8_t reason;
    const char *why;
} evictions[] = {
    [MRL_EVICT_TAKEN_OVER] = {MRL_MQTT_SESSION_TAKEN_OVER, "taken over by a newer connection"},
    [MRL_EVICT_NOT_ALLOWED] = {MRL_MQTT_ADMINISTRATIVE_ACTION,
                               "not allowed to be connected any more"},
};

static void evict(void *door, enum mrl_evict_reason why)
{
    struct mrl_client *c = door;

    c->session = NULL;
    mrl_client_end(c, evictions[why].reason, evictions[why].why);
}

static enum mrl_room room(void *door)
{
    const struct mrl_client *c = door;
    size_t waits;

    if (c->state != MRL_CLIENT_OPEN)
        return MRL_ROOM_NONE;
    waits = mrl_conn_backlog(c->conn);
    if (waits <= MESSAGE_BACKLOG / 2)
        return MRL_ROOM_MUCH;
    mrl_conn_set_kind(c->conn, &mrl_client_kind_filled);
    return waits <= MESSAGE_BACKLOG ? MRL_ROOM_LITTLE : MRL_ROOM_NONE;
}

const struct mrl_session_sink mrl_client_sink = {
    .publish = deliver, .pubrel = release, .evict = evict, .room = room};
