/* SPDX-License-Identifier: Apache-2.0 */
#include "base/reader.h"

#include <string.h>

size_t mrl_reader_left(const struct mrl_reader *r)
{
    return r->in.len - r->at;
}

static mrl_err read_uint(struct mrl_reader *r, size_t width, uint64_t *out)
{
    uint64_t value = 0;

    MRL_ENSURE(mrl_reader_left(r) >= width, MRL_ERR_MALFORMED);
    for (size_t i = 0; i < width; i++)
        value = value << 8 | r->in.data[r->at + i];
    r->at += width;
    *out = value;
    return MRL_OK;
}

mrl_err mrl_read_u8(struct mrl_reader *r, uint8_t *out)
{
    uint64_t value;

    MRL_TRY(read_uint(r, 1, &value));
    *out = (uint8_t)value;
    return MRL_OK;
}

mrl_err mrl_read_u16(struct mrl_reader *r, uint16_t *out)
{
    uint64_t value;

    MRL_TRY(read_uint(r, 2, &value));
    *out = (uint16_t)value;
    return MRL_OK;
}

mrl_err mrl_read_u32(struct mrl_reader *r, uint32_t *out)
{
    uint64_t value;

    MRL_TRY(read_uint(r, 4, &value));
    *out = (uint32_t)value;
    return MRL_OK;
}

mrl_err mrl_read_u64(struct mrl_reader *r, uint64_t *out)
{
    return read_uint(r, 8, out);
}

mrl_err mrl_read_bytes(struct mrl_reader *r, size_t len, mrl_bytes *out)
{
    MRL_ENSURE(mrl_reader_left(r) >= len, MRL_ERR_MALFORMED);
    *out = mrl_bytes_sub(r->in, r->at, len);
    r->at += len;
    return MRL_OK;
}

mrl_err mrl_read_into(struct mrl_reader *r, void *to, size_t len)
{
    mrl_bytes view;

    MRL_TRY(mrl_read_bytes(r, len, &view));
    if (len > 0)
        memcpy(to, view.data, len);
    return MRL_OK;
}

static mrl_err read_blob(struct mrl_reader *r, size_t width, mrl_bytes *out)
{
    struct mrl_reader ahead = *r;
    uint64_t len;

    MRL_TRY(read_uint(&ahead, width, &len));
    MRL_TRY(mrl_read_bytes(&ahead, (size_t)len, out));
    *r = ahead;
    return MRL_OK;
}

mrl_err mrl_read_blob16(struct mrl_reader *r, mrl_bytes *out)
{
    return read_blob(r, 2, out);
}

mrl_err mrl_read_blob32(struct mrl_reader *r, mrl_bytes *out)
{
    return read_blob(r, 4, out);
}

mrl_bytes mrl_read_rest(struct mrl_reader *r)
{
    mrl_bytes rest = mrl_bytes_sub(r->in, r->at, SIZE_MAX);

    r->at = r->in.len;
    return rest;
}

mrl_err mrl_reader_end(const struct mrl_reader *r)
{
    return r->at == r->in.len ? MRL_OK : MRL_ERR_MALFORMED;
}
