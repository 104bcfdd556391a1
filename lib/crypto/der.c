/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/der.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* X.690 8.1.3, 10.1: short form below 128, else the fewest bytes; never indefinite. */
static mrl_err read_length(struct mrl_reader *r, size_t *out)
{
    size_t len = 0;
    uint8_t first;

    MRL_TRY(mrl_read_u8(r, &first));
    if (first < 0x80) {
        *out = first;
        return MRL_OK;
    }
    MRL_ENSURE(first > 0x80 && first <= 0x84, MRL_ERR_MALFORMED);
    for (unsigned left = first & 0x7fU; left > 0; left--) {
        uint8_t byte;

        MRL_TRY(mrl_read_u8(r, &byte));
        MRL_ENSURE(len > 0 || byte > 0, MRL_ERR_MALFORMED);
        len = len << 8 | byte;
    }
    MRL_ENSURE(len >= 0x80, MRL_ERR_MALFORMED);
    *out = len;
    return MRL_OK;
}

mrl_err mrl_der_read_any(struct mrl_reader *r, uint8_t *tag, mrl_bytes *content, mrl_bytes *whole)
{
    struct mrl_reader at = *r;
    mrl_bytes inside;
    uint8_t first;
    size_t len;

    MRL_TRY(mrl_read_u8(&at, &first));
    MRL_ENSURE((first & 0x1f) != 0x1f && first != 0, MRL_ERR_MALFORMED);
    MRL_TRY(read_length(&at, &len));
    MRL_TRY(mrl_read_bytes(&at, len, &inside));
    if (tag != NULL)
        *tag = first;
    if (content != NULL)
        *content = inside;
    if (whole != NULL)
        *whole = mrl_bytes_sub(r->in, r->at, at.at - r->at);
    *r = at;
    return MRL_OK;
}

mrl_err mrl_der_read(struct mrl_reader *r, uint8_t tag, mrl_bytes *content)
{
    MRL_ENSURE(mrl_der_next_is(r, tag), MRL_ERR_MALFORMED);
    return mrl_der_read_any(r, NULL, content, NULL);
}

mrl_err mrl_der_enter(struct mrl_reader *r, uint8_t tag, struct mrl_reader *content)
{
    mrl_bytes inside;

    MRL_TRY(mrl_der_read(r, tag, &inside));
    *content = (struct mrl_reader){inside, 0};
    return MRL_OK;
}

bool mrl_der_next_is(const struct mrl_reader *r, uint8_t tag)
{
    return mrl_reader_left(r) > 0 && r->in.data[r->at] == tag;
}

mrl_err mrl_der_read_unsigned(struct mrl_reader *r, mrl_bytes *magnitude)
{
    struct mrl_reader at = *r;
    mrl_bytes b;

    MRL_TRY(mrl_der_read(&at, MRL_DER_INTEGER, &b));
    MRL_ENSURE(b.len > 0 && b.data[0] < 0x80, MRL_ERR_MALFORMED);
    if (b.data[0] == 0) {
        MRL_ENSURE(b.len == 1 || b.data[1] >= 0x80, MRL_ERR_MALFORMED); /* X.690 8.3.2 */
        b = mrl_bytes_sub(b, 1, b.len);
    }
    *magnitude = b;
    *r = at;
    return MRL_OK;
}

mrl_err mrl_der_read_bits(struct mrl_reader *r, mrl_bytes *bits)
{
    struct mrl_reader at = *r;
    mrl_bytes b;

    MRL_TRY(mrl_der_read(&at, MRL_DER_BIT_STRING, &b));
    MRL_ENSURE(b.len > 0 && b.data[0] == 0, MRL_ERR_MALFORMED);
    *bits = mrl_bytes_sub(b, 1, b.len);
    *r = at;
    return MRL_OK;
}

static void keep(struct mrl_der *d, mrl_err err)
{
    if (d->err == MRL_OK)
        d->err = err;
}

void mrl_der_raw(struct mrl_der *d, mrl_bytes encoded)
{
    if (d->err == MRL_OK)
        keep(d, mrl_buf_append(d->out, encoded));
}

void mrl_der_begin(struct mrl_der *d, uint8_t tag)
{
    if (d->depth >= MRL_DER_DEEPEST) {
        keep(d, MRL_ERR_LIMIT);
        return;
    }
    mrl_der_raw(d, mrl_bytes_of(&tag, 1));
    d->open[d->depth++] = d->out->len;
}

static size_t encode_length(size_t len, uint8_t to[5])
{
    size_t n = 0;

    if (len < 0x80) {
        to[0] = (uint8_t)len;
        return 1;
    }
    for (int shift = 24; shift >= 0; shift -= 8) {
        if (n > 0 || len >> shift != 0)
            to[++n] = (uint8_t)(len >> shift);
    }
    to[0] = (uint8_t)(0x80 | n);
    return n + 1;
}

void mrl_der_end(struct mrl_der *d)
{
    uint8_t length[5], *unused;
    size_t start, len, n;

    if (d->depth == 0)
        keep(d, MRL_ERR_STATE);
    if (d->err != MRL_OK)
        return;
    start = d->open[--d->depth];
    len = d->out->len - start;
    if (len > UINT32_MAX) {
        keep(d, MRL_ERR_LIMIT);
        return;
    }
    n = encode_length(len, length);
    keep(d, mrl_buf_reserve(d->out, n, &unused));
    if (d->err != MRL_OK)
        return;
    memmove(&d->out->data[start + n], &d->out->data[start], len);
    memcpy(&d->out->data[start], length, n);
    mrl_buf_added(d->out, n);
}

void mrl_der_put(struct mrl_der *d, uint8_t tag, mrl_bytes content)
{
    mrl_der_begin(d, tag);
    mrl_der_raw(d, content);
    mrl_der_end(d);
}

void mrl_der_unsigned(struct mrl_der *d, mrl_bytes magnitude)
{
    size_t zeros = 0;

    while (zeros < magnitude.len && magnitude.data[zeros] == 0)
        zeros++;
    magnitude = mrl_bytes_sub(magnitude, zeros, magnitude.len);
    mrl_der_begin(d, MRL_DER_INTEGER);
    if (magnitude.len == 0 || magnitude.data[0] >= 0x80)
        mrl_der_raw(d, MRL_LIT("\0"));
    mrl_der_raw(d, magnitude);
    mrl_der_end(d);
}

void mrl_der_small(struct mrl_der *d, uint8_t value)
{
    mrl_der_unsigned(d, mrl_bytes_of(&value, 1));
}

void mrl_der_true(struct mrl_der *d)
{
    mrl_der_put(d, MRL_DER_BOOLEAN, MRL_LIT("\xff"));
}

void mrl_der_bits(struct mrl_der *d, mrl_bytes bits)
{
    mrl_der_begin(d, MRL_DER_BIT_STRING);
    mrl_der_raw(d, MRL_LIT("\0"));
    mrl_der_raw(d, bits);
    mrl_der_end(d);
}

void mrl_der_header(struct mrl_der *d, uint8_t tag, size_t len)
{
    uint8_t length[5];

    if (len > UINT32_MAX) {
        keep(d, MRL_ERR_LIMIT);
        return;
    }
    mrl_der_raw(d, mrl_bytes_of(&tag, 1));
    mrl_der_raw(d, mrl_bytes_of(length, encode_length(len, length)));
}

static void put_time(struct mrl_der *d, int64_t seconds, bool short_year)
{
    time_t at = (time_t)seconds;
    char text[sizeof("19700101000000Z") + 16];
    struct tm tm;
    int year, len;

    if (gmtime_r(&at, &tm) == NULL || tm.tm_year < 1 - 1900 || tm.tm_year > 9999 - 1900) {
        keep(d, MRL_ERR_INVALID);
        return;
    }
    year = tm.tm_year + 1900;
    short_year = short_year && year >= 1950 && year <= 2049;
    len = snprintf(text, sizeof(text),
                   short_year ? "%02d%02d%02d%02d%02d%02dZ" : "%04d%02d%02d%02d%02d%02dZ",
                   short_year ? year % 100 : year, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                   tm.tm_sec);
    mrl_der_put(d, short_year ? MRL_DER_UTC_TIME : MRL_DER_GENERALIZED_TIME,
                mrl_bytes_of((const uint8_t *)text, (size_t)len));
}

void mrl_der_time(struct mrl_der *d, int64_t seconds)
{
    put_time(d, seconds, /*short_year=*/true);
}

void mrl_der_generalized_time(struct mrl_der *d, int64_t seconds)
{
    put_time(d, seconds, /*short_year=*/false);
}

mrl_err mrl_der_finish(const struct mrl_der *d)
{
    MRL_TRY(d->err);
    return d->depth == 0 ? MRL_OK : MRL_ERR_STATE;
}
