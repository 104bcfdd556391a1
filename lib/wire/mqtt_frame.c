/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mqtt_frame.h"

enum { VARINT_BYTES = 4 };

/* The bytes of the integer at the reader, 0 when it is not complete yet, more than VARINT_BYTES
 * when it never will be. */
static size_t varint_len(const struct mrl_reader *r)
{
    mrl_bytes seen = mrl_bytes_sub(r->in, r->at, VARINT_BYTES);

    for (size_t i = 0; i < seen.len; i++)
        if ((seen.data[i] & 0x80) == 0)
            return i + 1;
    return seen.len == VARINT_BYTES ? VARINT_BYTES + 1 : 0;
}

mrl_err mrl_mqtt_read_varint(struct mrl_reader *r, uint32_t *out, bool *overlong)
{
    size_t len = varint_len(r);
    uint32_t value = 0;
    mrl_bytes digits;

    MRL_ENSURE(len > 0 && len <= VARINT_BYTES, MRL_ERR_MALFORMED);
    MRL_TRY(mrl_read_bytes(r, len, &digits));
    for (size_t i = 0; i < len; i++)
        value |= (uint32_t)(digits.data[i] & 0x7f) << (7 * i);
    *overlong = len > 1 && digits.data[len - 1] == 0;
    *out = value;
    return MRL_OK;
}

void mrl_mqtt_put_varint(struct mrl_writer *w, uint32_t v)
{
    if (v > MRL_MQTT_MAX_REMAINING) {
        w->overflow = true;
        return;
    }
    for (; v > 0x7f; v >>= 7)
        mrl_put_u8(w, (uint8_t)(v | 0x80));
    mrl_put_u8(w, (uint8_t)v);
}

static mrl_err need(struct mrl_mqtt_frame *out, size_t total)
{
    out->total = total;
    return MRL_ERR_AGAIN;
}

mrl_err mrl_mqtt_frame(mrl_bytes stream, size_t max_packet, struct mrl_mqtt_frame *out)
{
    struct mrl_reader r = {stream, 0};
    uint32_t remaining;
    uint8_t first;
    bool overlong;
    size_t total;

    if (mrl_read_u8(&r, &first) != MRL_OK)
        return need(out, 2);
    MRL_ENSURE(first >> 4 != 0, MRL_ERR_MALFORMED); /* 2.1.2: type 0 is reserved */
    if (varint_len(&r) == 0)
        return need(out, stream.len + 1);
    MRL_TRY(mrl_mqtt_read_varint(&r, &remaining, &overlong));
    total = r.at + remaining;
    MRL_ENSURE(total <= max_packet, MRL_ERR_LIMIT);
    if (total > stream.len)
        return need(out, total);
    *out = (struct mrl_mqtt_frame){(enum mrl_mqtt_type)(first >> 4), first & 0x0f, overlong,
                                   mrl_bytes_sub(stream, r.at, remaining), total};
    return MRL_OK;
}

const char *mrl_mqtt_type_name(enum mrl_mqtt_type type)
{
    static const char *const names[MRL_MQTT_TYPES_] = {
        [MRL_MQTT_CONNECT] = "CONNECT",   [MRL_MQTT_CONNACK] = "CONNACK",
        [MRL_MQTT_PUBLISH] = "PUBLISH",   [MRL_MQTT_PUBACK] = "PUBACK",
        [MRL_MQTT_PUBREC] = "PUBREC",     [MRL_MQTT_PUBREL] = "PUBREL",
        [MRL_MQTT_PUBCOMP] = "PUBCOMP",   [MRL_MQTT_SUBSCRIBE] = "SUBSCRIBE",
        [MRL_MQTT_SUBACK] = "SUBACK",     [MRL_MQTT_UNSUBSCRIBE] = "UNSUBSCRIBE",
        [MRL_MQTT_UNSUBACK] = "UNSUBACK", [MRL_MQTT_PINGREQ] = "PINGREQ",
        [MRL_MQTT_PINGRESP] = "PINGRESP", [MRL_MQTT_DISCONNECT] = "DISCONNECT",
        [MRL_MQTT_AUTH] = "AUTH",
    };

    if ((unsigned)type >= MRL_MQTT_TYPES_ || names[type] == NULL)
        return "?";
    return names[type];
}
