/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/envelope.h"

#include "base/reader.h"
#include "base/writer.h"

enum {
    VERSION = 1,
    QOS_MASK = 0x03,
    FLAG_RETAIN = 0x04,
    FLAG_FORMAT = 0x08,       /* a payload format indicator is there */
    FLAG_FORMAT_TEXT = 0x10,  /* and is 1 */
    FLAG_OWNER = 0x20,        /* of a retained message */
    FLAG_CONTENT_TYPE = 0x40, /* there, though it may be empty */
    FLAG_CORRELATION = 0x80,
};

static uint8_t flags_of(const struct mrl_publication *p)
{
    unsigned flags = p->qos;

    if (p->retain)
        flags |= FLAG_RETAIN;
    if (p->owner.len > 0)
        flags |= FLAG_OWNER;
    if (p->has_payload_format)
        flags |= p->payload_format != 0 ? FLAG_FORMAT | FLAG_FORMAT_TEXT : FLAG_FORMAT;
    flags |= p->has_content_type ? FLAG_CONTENT_TYPE : 0u;
    flags |= p->has_correlation_data ? FLAG_CORRELATION : 0u;
    return (uint8_t)flags;
}

static void put(struct mrl_writer *w, const struct mrl_publication *p)
{
    mrl_put_u8(w, VERSION);
    mrl_put_u8(w, flags_of(p));
    mrl_put_blob16(w, p->topic);
    mrl_put_blob16(w, p->content_type);
    mrl_put_blob16(w, p->response_topic);
    mrl_put_blob16(w, p->correlation_data);
    mrl_put_blob32(w, p->user_properties);
    if (p->owner.len > 0)
        mrl_put_blob16(w, p->owner);
    mrl_put_bytes(w, p->payload);
}

mrl_err mrl_envelope_write(const struct mrl_publication *p, struct mrl_buf *out)
{
    struct mrl_writer w = mrl_writer_counting();
    uint8_t *to;

    put(&w, p);
    MRL_ENSURE(!w.overflow, MRL_ERR_LIMIT);
    MRL_TRY(mrl_buf_reserve(out, w.len, &to));
    w = mrl_writer_on(to, w.len);
    put(&w, p);
    mrl_buf_added(out, w.len);
    return MRL_OK;
}

static mrl_err read_flags(uint8_t flags, struct mrl_publication *p)
{
    MRL_ENSURE((flags & QOS_MASK) <= 2, MRL_ERR_MALFORMED);
    MRL_ENSURE((flags & (FLAG_FORMAT | FLAG_FORMAT_TEXT)) != FLAG_FORMAT_TEXT, MRL_ERR_MALFORMED);
    p->qos = flags & QOS_MASK;
    p->retain = (flags & FLAG_RETAIN) != 0;
    p->has_payload_format = (flags & FLAG_FORMAT) != 0;
    p->payload_format = (flags & FLAG_FORMAT_TEXT) != 0;
    p->has_content_type = (flags & FLAG_CONTENT_TYPE) != 0;
    p->has_correlation_data = (flags & FLAG_CORRELATION) != 0;
    return MRL_OK;
}

mrl_err mrl_envelope_read(mrl_bytes bytes, struct mrl_publication *out)
{
    struct mrl_reader r = {bytes, 0};
    struct mrl_publication p = {0};
    uint8_t version, flags;

    MRL_TRY(mrl_read_u8(&r, &version));
    MRL_ENSURE(version == VERSION, MRL_ERR_UNSUPPORTED);
    MRL_TRY(mrl_read_u8(&r, &flags));
    MRL_TRY(read_flags(flags, &p));
    MRL_TRY(mrl_read_blob16(&r, &p.topic));
    MRL_TRY(mrl_read_blob16(&r, &p.content_type));
    MRL_TRY(mrl_read_blob16(&r, &p.response_topic));
    MRL_TRY(mrl_read_blob16(&r, &p.correlation_data));
    MRL_TRY(mrl_read_blob32(&r, &p.user_properties));
    if ((flags & FLAG_OWNER) != 0)
        MRL_TRY(mrl_read_blob16(&r, &p.owner));
    MRL_ENSURE((flags & FLAG_OWNER) == 0 || p.owner.len > 0, MRL_ERR_MALFORMED);
    p.payload = mrl_read_rest(&r);
    MRL_ENSURE(p.topic.len > 0, MRL_ERR_MALFORMED);
    *out = p;
    return MRL_OK;
}
