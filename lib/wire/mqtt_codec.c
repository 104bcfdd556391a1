/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mqtt_codec.h"

#include "base/utf8.h"

mrl_err mrl_mqtt_in_u8(struct mrl_mqtt_in *in, uint8_t *out)
{
    MRL_MQTT_ENSURE(in, mrl_read_u8(&in->r, out) == MRL_OK, TRUNCATED);
    return MRL_OK;
}

mrl_err mrl_mqtt_in_u16(struct mrl_mqtt_in *in, uint16_t *out)
{
    MRL_MQTT_ENSURE(in, mrl_read_u16(&in->r, out) == MRL_OK, TRUNCATED);
    return MRL_OK;
}

mrl_err mrl_mqtt_in_varint(struct mrl_mqtt_in *in, uint32_t *out)
{
    bool overlong;

    MRL_MQTT_ENSURE(in, mrl_mqtt_read_varint(&in->r, out, &overlong) == MRL_OK, VARINT);
    MRL_MQTT_ENSURE(in, !overlong, OVERLONG);
    return MRL_OK;
}

mrl_err mrl_mqtt_in_blob(struct mrl_mqtt_in *in, mrl_bytes *out)
{
    MRL_MQTT_ENSURE(in, mrl_read_blob16(&in->r, out) == MRL_OK, TRUNCATED);
    return MRL_OK;
}

mrl_err mrl_mqtt_in_end(struct mrl_mqtt_in *in)
{
    MRL_MQTT_ENSURE(in, mrl_reader_left(&in->r) == 0, TRAILING);
    return MRL_OK;
}

enum mrl_mqtt_rule mrl_mqtt_check_text(mrl_bytes text)
{
    if (text.len > UINT16_MAX)
        return MRL_MQTT_RULE_TOO_LONG;
    if (mrl_bytes_find(text, 0, 0) < text.len)
        return MRL_MQTT_RULE_NUL;
    return mrl_utf8_valid(text) ? MRL_MQTT_RULE_NONE : MRL_MQTT_RULE_UTF8;
}

/* Size of the body, or false when the packet must not be written. */
static bool count_body(const struct mrl_mqtt_out *out, size_t *len)
{
    struct mrl_writer count = mrl_writer_counting();

    if (out->broken != MRL_MQTT_RULE_NONE ||
        (out->version != MRL_MQTT_311 && out->version != MRL_MQTT_5))
        return false;
    out->body(&count, out->version, out->packet);
    *len = count.len;
    return !count.overflow && count.len <= MRL_MQTT_MAX_REMAINING;
}

void mrl_mqtt_put_packet(struct mrl_writer *w, const struct mrl_mqtt_out *out)
{
    size_t len;

    if (!count_body(out, &len) || out->payload_len > MRL_MQTT_MAX_REMAINING - len) {
        w->overflow = true;
        return;
    }
    mrl_put_u8(w, out->first);
    mrl_mqtt_put_varint(w, (uint32_t)(len + out->payload_len));
    out->body(w, out->version, out->packet);
}
