/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/ws.h"

#include <string.h>

#include "base/reader.h"
#include "base/utf8.h"

enum {
    FIN = 0x80,
    RESERVED = 0x70,
    OPCODE = 0x0f,
    MASKED = 0x80,
    LENGTH = 0x7f,
    LENGTH_16 = 126,
    LENGTH_64 = 127,
    LARGEST_7 = 125,
    WORD = 8,
};

static mrl_err fail(struct mrl_ws_fault *fault, uint16_t code, const char *text)
{
    *fault = (struct mrl_ws_fault){code, text};
    return code == MRL_WS_TOO_BIG ? MRL_ERR_LIMIT : MRL_ERR_MALFORMED;
}

static bool is_known(uint8_t opcode)
{
    return opcode <= MRL_WS_BINARY || (opcode >= MRL_WS_CLOSE && opcode <= MRL_WS_PONG);
}

/* RFC 6455 5.2: no extension is ever agreed on, so the reserved bits are zero. */
static mrl_err read_first(struct mrl_reader *r, struct mrl_ws_frame *f, struct mrl_ws_fault *fault)
{
    uint8_t first;

    MRL_ENSURE(mrl_read_u8(r, &first) == MRL_OK, MRL_ERR_AGAIN);
    f->fin = (first & FIN) != 0;
    f->opcode = first & OPCODE;
    if ((first & RESERVED) != 0)
        return fail(fault, MRL_WS_PROTOCOL_ERROR, "reserved bits are set");
    if (!is_known(f->opcode))
        return fail(fault, MRL_WS_PROTOCOL_ERROR, "opcode is reserved");
    if (mrl_ws_is_control(f->opcode) && !f->fin) /* RFC 6455 5.4 */
        return fail(fault, MRL_WS_PROTOCOL_ERROR, "control frame is fragmented");
    return MRL_OK;
}

static mrl_err read_second(struct mrl_reader *r, enum mrl_ws_from from, struct mrl_ws_frame *f,
                           struct mrl_ws_fault *fault)
{
    uint8_t second;

    MRL_ENSURE(mrl_read_u8(r, &second) == MRL_OK, MRL_ERR_AGAIN);
    f->masked = (second & MASKED) != 0;
    f->length = second & LENGTH;
    if (f->masked != (from == MRL_WS_FROM_CLIENT)) /* RFC 6455 5.1 */
        return fail(fault, MRL_WS_PROTOCOL_ERROR,
                    f->masked ? "frame of a server is masked" : "frame of a client is not masked");
    if (mrl_ws_is_control(f->opcode) && f->length > MRL_WS_CONTROL_MAX) /* RFC 6455 5.5 */
        return fail(fault, MRL_WS_PROTOCOL_ERROR, "control frame is over 125 bytes");
    return MRL_OK;
}

/* RFC 6455 5.2: the minimal number of bytes, and a most significant bit of 0. */
static mrl_err read_long_length(struct mrl_reader *r, struct mrl_ws_frame *f,
                                struct mrl_ws_fault *fault)
{
    uint16_t length;

    if (f->length < LENGTH_16)
        return MRL_OK;
    if (f->length == LENGTH_16) {
        MRL_ENSURE(mrl_read_u16(r, &length) == MRL_OK, MRL_ERR_AGAIN);
        f->length = length;
        return length > LARGEST_7
                   ? MRL_OK
                   : fail(fault, MRL_WS_PROTOCOL_ERROR, "length is not in its shortest form");
    }
    MRL_ENSURE(mrl_read_u64(r, &f->length) == MRL_OK, MRL_ERR_AGAIN);
    if (f->length <= UINT16_MAX)
        return fail(fault, MRL_WS_PROTOCOL_ERROR, "length is not in its shortest form");
    if (f->length > INT64_MAX)
        return fail(fault, MRL_WS_PROTOCOL_ERROR, "length has its highest bit set");
    if (f->length > MRL_WS_FRAME_MAX)
        return fail(fault, MRL_WS_TOO_BIG, "frame is too large");
    return MRL_OK;
}

mrl_err mrl_ws_read_header(mrl_bytes in, enum mrl_ws_from from, struct mrl_ws_frame *out,
                           struct mrl_ws_fault *fault)
{
    struct mrl_reader r = {.in = in};
    struct mrl_ws_frame f = {0};

    MRL_TRY(read_first(&r, &f, fault));
    MRL_TRY(read_second(&r, from, &f, fault));
    MRL_TRY(read_long_length(&r, &f, fault));
    if (f.masked)
        MRL_ENSURE(mrl_read_into(&r, f.mask, sizeof(f.mask)) == MRL_OK, MRL_ERR_AGAIN);
    f.header_len = (uint8_t)r.at;
    *out = f;
    return MRL_OK;
}

void mrl_ws_put_header(struct mrl_writer *w, const struct mrl_ws_frame *f)
{
    uint8_t masked = f->masked ? MASKED : 0;

    mrl_put_u8(w, (uint8_t)((f->fin ? FIN : 0) | f->opcode));
    if (f->length <= LARGEST_7) {
        mrl_put_u8(w, (uint8_t)(masked | f->length));
    } else if (f->length <= UINT16_MAX) {
        mrl_put_u8(w, masked | LENGTH_16);
        mrl_put_u16(w, (uint16_t)f->length);
    } else {
        mrl_put_u8(w, masked | LENGTH_64);
        mrl_put_u64(w, f->length);
    }
    if (f->masked)
        mrl_put_bytes(w, mrl_bytes_of(f->mask, sizeof(f->mask)));
}

void mrl_ws_mask(uint8_t *data, size_t len, const uint8_t mask[static MRL_WS_MASK_SIZE],
                 uint64_t at)
{
    uint8_t turned[WORD];
    uint64_t wide, word;
    size_t i = 0;

    for (size_t k = 0; k < WORD; k++)
        turned[k] = mask[(at + k) % MRL_WS_MASK_SIZE];
    memcpy(&wide, turned, WORD);
    for (; len - i >= WORD; i += WORD) {
        memcpy(&word, &data[i], WORD);
        word ^= wide;
        memcpy(&data[i], &word, WORD);
    }
    for (; i < len; i++)
        data[i] ^= turned[i % WORD];
}

/* RFC 6455 7.4.1, 7.4.2 and IANA's registry up to 1014; the others there must not be on the wire.
 */
static bool may_be_sent(uint16_t code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

mrl_err mrl_ws_read_close(mrl_bytes payload, uint16_t *code, struct mrl_ws_fault *fault)
{
    struct mrl_reader r = {.in = payload};
    uint16_t said = MRL_WS_NO_STATUS;

    if (payload.len > 0) {
        if (mrl_read_u16(&r, &said) != MRL_OK)
            return fail(fault, MRL_WS_PROTOCOL_ERROR, "Close holds half a code");
        if (!may_be_sent(said))
            return fail(fault, MRL_WS_PROTOCOL_ERROR, "code of Close is not for the wire");
        if (!mrl_utf8_valid(mrl_read_rest(&r))) /* RFC 6455 8.1 */
            return fail(fault, MRL_WS_INVALID_DATA, "reason of Close is not UTF-8");
    }
    *code = said;
    return MRL_OK;
}

void mrl_ws_put_close(struct mrl_writer *w, uint16_t code)
{
    bool bare = code == MRL_WS_NO_STATUS;
    const struct mrl_ws_frame f = {
        .fin = true, .opcode = MRL_WS_CLOSE, .length = bare ? 0 : sizeof(code)};

    mrl_ws_put_header(w, &f);
    if (!bare)
        mrl_put_u16(w, code);
}
