/* SPDX-License-Identifier: Apache-2.0 */
#include "base/writer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

uint8_t *mrl_put_space(struct mrl_writer *w, size_t n)
{
    uint8_t *at;

    if (w->overflow || n > w->cap - w->len) {
        w->overflow = true;
        return NULL;
    }
    at = w->data == NULL ? NULL : w->data + w->len;
    if (at != NULL)
        memset(at, 0, n);
    w->len += n;
    return at;
}

static void put_uint(struct mrl_writer *w, size_t width, uint64_t v)
{
    uint8_t *at = mrl_put_space(w, width);

    if (at == NULL)
        return;
    for (size_t i = 0; i < width; i++)
        at[i] = (uint8_t)(v >> (8 * (width - 1 - i)));
}

void mrl_put_u8(struct mrl_writer *w, uint8_t v)
{
    put_uint(w, 1, v);
}

void mrl_put_u16(struct mrl_writer *w, uint16_t v)
{
    put_uint(w, 2, v);
}

void mrl_put_u32(struct mrl_writer *w, uint32_t v)
{
    put_uint(w, 4, v);
}

void mrl_put_u64(struct mrl_writer *w, uint64_t v)
{
    put_uint(w, 8, v);
}

void mrl_put_bytes(struct mrl_writer *w, mrl_bytes b)
{
    if (w->overflow || b.len > w->cap - w->len) {
        w->overflow = true;
        return;
    }
    if (b.len > 0 && w->data != NULL)
        memcpy(w->data + w->len, b.data, b.len);
    w->len += b.len;
}

void mrl_put_blob16(struct mrl_writer *w, mrl_bytes b)
{
    if (b.len > UINT16_MAX) {
        w->overflow = true;
        return;
    }
    mrl_put_u16(w, (uint16_t)b.len);
    mrl_put_bytes(w, b);
}

void mrl_put_blob32(struct mrl_writer *w, mrl_bytes b)
{
    if (b.len > UINT32_MAX) {
        w->overflow = true;
        return;
    }
    mrl_put_u32(w, (uint32_t)b.len);
    mrl_put_bytes(w, b);
}

void mrl_put_text(struct mrl_writer *w, const char *format, ...)
{
    char text[512];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof(text)) {
        w->overflow = true;
        return;
    }
    mrl_put_bytes(w, mrl_bytes_of(text, (size_t)len));
}

mrl_err mrl_writer_end(const struct mrl_writer *w, mrl_bytes *out)
{
    MRL_ENSURE(!w->overflow, MRL_ERR_NO_SPACE);
    *out = mrl_bytes_of(w->data, w->len);
    return MRL_OK;
}
