/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http1_body.h"

#include "base/hex.h"
#include "wire/http1_head.h"

enum state {
    DONE,
    PLAIN,       /* left bytes of body by length */
    UNTIL_CLOSE, /* all is body */
    SIZE,        /* hex digits of a chunk size */
    EXTENSION,   /* after ";" up to CR */
    SIZE_LF,
    DATA, /* left bytes of a chunk */
    DATA_CR,
    DATA_LF,
    TRAILER_START, /* a trailer's name, or the CR of the empty line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
};

/* 60 bits: sums below cannot overflow. */
enum { SIZE_DIGITS_MAX = 15 };

void mrl_http_body_start(struct mrl_http_body *b, enum mrl_http_framing framing, uint64_t length,
                         uint64_t limit)
{
    static const unsigned states[] = {[MRL_HTTP_BODY_NONE] = DONE,
                                      [MRL_HTTP_BODY_LENGTH] = PLAIN,
                                      [MRL_HTTP_BODY_CHUNKED] = SIZE,
                                      [MRL_HTTP_BODY_UNTIL_CLOSE] = UNTIL_CLOSE};

    *b = (struct mrl_http_body){.state = states[framing], .limit = limit};
    if (framing == MRL_HTTP_BODY_LENGTH) {
        b->left = b->total = length;
        if (length == 0)
            b->state = DONE;
    }
}

static mrl_err too_large(const struct mrl_http_body *b, struct mrl_http_refusal *refusal)
{
    return mrl_http_refuse(refusal, 413, MRL_ERR_LIMIT, "body is over %llu bytes",
                           (unsigned long long)b->limit);
}

static mrl_err expect(struct mrl_http_body *b, uint8_t c, uint8_t wanted, enum state next,
                      struct mrl_http_refusal *refusal)
{
    if (c != wanted)
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED,
                               "0x%02x where a chunk line needs 0x%02x", c, wanted);
    b->state = next;
    return MRL_OK;
}

static mrl_err end_of_size(struct mrl_http_body *b, enum state next,
                           struct mrl_http_refusal *refusal)
{
    if (b->digits == 0)
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "chunk without a size");
    if (b->total > b->limit || b->left > b->limit - b->total)
        return too_large(b, refusal);
    b->total += b->left;
    b->state = next;
    return MRL_OK;
}

/* RFC 9112 7.1. The blanks that 7.1.1 would tolerate before ";" are refused: parsers differ there.
 */
static mrl_err on_size(struct mrl_http_body *b, uint8_t c, struct mrl_http_refusal *refusal)
{
    int digit = mrl_hex_digit(c);

    if (c == ';')
        return end_of_size(b, EXTENSION, refusal);
    if (c == '\r')
        return end_of_size(b, SIZE_LF, refusal);
    if (digit < 0)
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "0x%02x in a chunk size", c);
    if (b->digits == SIZE_DIGITS_MAX)
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "chunk size of over %d digits",
                               SIZE_DIGITS_MAX);
    b->digits++;
    b->left = b->left * 16 + (uint64_t)digit;
    return MRL_OK;
}

static mrl_err on_extension(struct mrl_http_body *b, uint8_t c, struct mrl_http_refusal *refusal)
{
    if (c == '\r')
        return expect(b, c, '\r', SIZE_LF, refusal);
    if (!mrl_http_is_value_char(c)) /* a bare LF here would end the line for others */
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "0x%02x in a chunk extension", c);
    if (b->extensions == MRL_HTTP_CHUNK_EXTENSIONS_MAX) /* RFC 9112 7.1.1 */
        return mrl_http_refuse(refusal, 413, MRL_ERR_LIMIT, "chunk extensions over %d bytes",
                               MRL_HTTP_CHUNK_EXTENSIONS_MAX);
    b->extensions++;
    return MRL_OK;
}

static mrl_err on_size_lf(struct mrl_http_body *b, uint8_t c, struct mrl_http_refusal *refusal)
{
    b->digits = 0;
    return expect(b, c, '\n', b->left == 0 ? TRAILER_START : DATA, refusal);
}

static mrl_err on_data_cr(struct mrl_http_body *b, uint8_t c, struct mrl_http_refusal *refusal)
{
    return expect(b, c, '\r', DATA_LF, refusal);
}

static mrl_err on_data_lf(struct mrl_http_body *b, uint8_t c, struct mrl_http_refusal *refusal)
{
    return expect(b, c, '\n', SIZE, refusal);
}

static mrl_err count_trailer(struct mrl_http_body *b, struct mrl_http_refusal *refusal)
{
    if (b->trailers == MRL_HTTP_TRAILERS_MAX)
        return mrl_http_refuse(refusal, 431, MRL_ERR_LIMIT, "trailers over %d bytes",
                               MRL_HTTP_TRAILERS_MAX);
    b->trailers++;
    return MRL_OK;
}

/* RFC 9112 7.1.2: trailers are headers by their form, and we use none of them. */
static mrl_err on_trailer_name(struct mrl_http_body *b, uint8_t c, struct mrl_http_refusal *refusal)
{
    MRL_TRY(count_trailer(b, refusal));
    if (c == ':' && b->state == TRAILER_NAME)
        return expect(b, c, ':', TRAILER_VALUE, refusal);
    if (!mrl_http_is_tchar(c))
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "0x%02x in a trailer name", c);
    b->state = TRAILER_NAME;
    return MRL_OK;
}

static mrl_err on_trailer_start(struct mrl_http_body *b, uint8_t c,
                                struct mrl_http_refusal *refusal)
{
    if (c == '\r')
        return expect(b, c, '\r', END_LF, refusal);
    return on_trailer_name(b, c, refusal);
}

static mrl_err on_trailer_value(struct mrl_http_body *b, uint8_t c,
                                struct mrl_http_refusal *refusal)
{
    MRL_TRY(count_trailer(b, refusal));
    if (c == '\r')
        return expect(b, c, '\r', TRAILER_LF, refusal);
    if (!mrl_http_is_value_char(c))
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "0x%02x in a trailer", c);
    return MRL_OK;
}

static mrl_err on_trailer_lf(struct mrl_http_body *b, uint8_t c, struct mrl_http_refusal *refusal)
{
    return expect(b, c, '\n', TRAILER_START, refusal);
}

static mrl_err on_end_lf(struct mrl_http_body *b, uint8_t c, struct mrl_http_refusal *refusal)
{
    return expect(b, c, '\n', DONE, refusal);
}

/* The states that take one byte at a time; the others take runs. */
static mrl_err (*const steps[])(struct mrl_http_body *, uint8_t, struct mrl_http_refusal *) = {
    [SIZE] = on_size,
    [EXTENSION] = on_extension,
    [SIZE_LF] = on_size_lf,
    [DATA_CR] = on_data_cr,
    [DATA_LF] = on_data_lf,
    [TRAILER_START] = on_trailer_start,
    [TRAILER_NAME] = on_trailer_name,
    [TRAILER_VALUE] = on_trailer_value,
    [TRAILER_LF] = on_trailer_lf,
    [END_LF] = on_end_lf,
};

static mrl_err append(struct mrl_buf *out, mrl_bytes run, struct mrl_http_refusal *refusal)
{
    if (mrl_buf_append(out, run) != MRL_OK)
        return mrl_http_refuse(refusal, 413, MRL_ERR_LIMIT, "body is over %zu bytes", out->limit);
    return MRL_OK;
}

/* Copies the body bytes that stand in a row. */
static mrl_err take_run(struct mrl_http_body *b, mrl_bytes in, size_t *consumed,
                        struct mrl_buf *out, struct mrl_http_refusal *refusal)
{
    mrl_bytes run = b->left < in.len ? mrl_bytes_sub(in, 0, b->left) : in;

    MRL_TRY(append(out, run, refusal));
    *consumed += run.len;
    b->left -= run.len;
    if (b->left == 0)
        b->state = b->state == DATA ? DATA_CR : DONE;
    return MRL_OK;
}

static mrl_err take_all(struct mrl_http_body *b, mrl_bytes in, size_t *consumed,
                        struct mrl_buf *out, struct mrl_http_refusal *refusal)
{
    if (in.len > b->limit - b->total)
        return too_large(b, refusal);
    MRL_TRY(append(out, in, refusal));
    b->total += in.len;
    *consumed += in.len;
    return MRL_OK;
}

static mrl_err take_some(struct mrl_http_body *b, mrl_bytes in, size_t *consumed,
                         struct mrl_buf *out, struct mrl_http_refusal *refusal)
{
    if (b->state == PLAIN || b->state == DATA)
        return take_run(b, in, consumed, out, refusal);
    if (b->state == UNTIL_CLOSE)
        return take_all(b, in, consumed, out, refusal);
    *consumed += 1;
    return steps[b->state](b, in.data[0], refusal);
}

static mrl_err read_body(struct mrl_http_body *b, mrl_bytes in, size_t *consumed,
                         struct mrl_buf *out, struct mrl_http_refusal *refusal)
{
    if (b->total > b->limit)
        return too_large(b, refusal);
    while (b->state != DONE && *consumed < in.len)
        MRL_TRY(take_some(b, mrl_bytes_sub(in, *consumed, SIZE_MAX), consumed, out, refusal));
    return b->state == DONE ? MRL_OK : MRL_ERR_AGAIN;
}

mrl_err mrl_http_body_read(struct mrl_http_body *b, mrl_bytes in, size_t *consumed,
                           struct mrl_buf *out, unsigned *status, struct mrl_why *why)
{
    struct mrl_http_refusal refusal = {.status = 400, .why = why};
    mrl_err err;

    *consumed = 0;
    err = read_body(b, in, consumed, out, &refusal);
    if (err != MRL_OK && err != MRL_ERR_AGAIN && status != NULL)
        *status = refusal.status;
    return err;
}

mrl_err mrl_http_body_closed(const struct mrl_http_body *b, struct mrl_why *why)
{
    if (b->state == DONE || b->state == UNTIL_CLOSE)
        return MRL_OK;
    return mrl_fail(why, MRL_ERR_CLOSED, "connection closed in the middle of a body"); /* 9112 8 */
}

bool mrl_http_body_complete(const struct mrl_http_body *b)
{
    return b->state == DONE;
}
