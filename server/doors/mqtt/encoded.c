/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/encoded.h"

void mrl_encoded_done(struct mrl_encoded *e)
{
    mrl_publication_unref(e->of);
    mrl_buf_done(&e->packet);
    *e = (struct mrl_encoded){0};
}

bool mrl_encoded_can(enum mrl_mqtt_version version, const struct mrl_delivery *d)
{
    return !d->dup && d->identifier_count == 0 &&
           d->publication->payload.len <= MRL_ENCODED_PAYLOAD_MAX &&
           (version == MRL_MQTT_311 || d->publication->expires_ms == 0);
}

bool mrl_encoded_has(const struct mrl_encoded *e, enum mrl_mqtt_version version,
                     const struct mrl_delivery *d)
{
    return e->of == d->publication && e->version == version && e->qos == d->qos &&
           e->retain == d->retain;
}

/* Behind the fixed header (its length field ends with the first byte below 0x80) and the topic.
 * MQTT 5.0 2.1.4, 3.3.2 */
static size_t find_id(const struct mrl_buf *packet, size_t topic_len)
{
    size_t at = 1;

    while (packet->data[at] >= 0x80)
        at++;
    return at + 1 + sizeof(uint16_t) + topic_len;
}

static mrl_err encode(struct mrl_buf *to, enum mrl_mqtt_version version,
                      const struct mrl_mqtt_packet *packet)
{
    struct mrl_writer w;
    mrl_bytes written;
    uint8_t *memory;
    size_t size;

    mrl_buf_clear(to);
    MRL_TRY(mrl_mqtt_size(version, packet, &size));
    MRL_TRY(mrl_buf_reserve(to, size, &memory));
    w = mrl_writer_on(memory, size);
    mrl_mqtt_write(&w, version, packet);
    MRL_TRY(mrl_writer_end(&w, &written));
    mrl_buf_added(to, written.len);
    return MRL_OK;
}

static mrl_err make(struct mrl_encoded *e, enum mrl_mqtt_version version,
                    const struct mrl_delivery *d, const struct mrl_mqtt_props *props)
{
    const struct mrl_mqtt_packet packet = {
        .type = MRL_MQTT_PUBLISH,
        .publish = {.topic = d->publication->topic,
                    .payload = d->publication->payload,
                    .packet_id = d->packet_id,
                    .qos = d->qos,
                    .retain = d->retain,
                    .props = *props},
    };

    mrl_publication_unref(e->of);
    e->of = NULL;
    MRL_TRY(encode(&e->packet, version, &packet));
    e->of = mrl_publication_ref(d->publication);
    e->version = version;
    e->qos = d->qos;
    e->retain = d->retain;
    e->id_at = find_id(&e->packet, d->publication->topic.len);
    return MRL_OK;
}

mrl_err mrl_encoded_get(struct mrl_encoded *e, enum mrl_mqtt_version version,
                        const struct mrl_delivery *d, const struct mrl_mqtt_props *props,
                        mrl_bytes *out)
{
    if (!mrl_encoded_has(e, version, d))
        MRL_TRY(make(e, version, d, props));
    if (d->qos > 0) {
        struct mrl_writer w = mrl_writer_on(&e->packet.data[e->id_at], sizeof(d->packet_id));

        mrl_put_u16(&w, d->packet_id);
    }
    *out = mrl_buf_bytes(&e->packet);
    return MRL_OK;
}
