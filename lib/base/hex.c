/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"

static const char hex_digits[] = "0123456789abcdef";
static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void mrl_hex(mrl_bytes b, char *to)
{
    for (size_t i = 0; i < b.len; i++) {
        to[2 * i] = hex_digits[b.data[i] >> 4];
        to[2 * i + 1] = hex_digits[b.data[i] & 15];
    }
    to[2 * b.len] = '\0';
}

int mrl_hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

mrl_err mrl_unhex(mrl_bytes text, uint8_t *to, size_t len)
{
    MRL_ENSURE(text.len == 2 * len, MRL_ERR_MALFORMED);
    for (size_t i = 0; i < text.len; i++)
        MRL_ENSURE(mrl_hex_digit(text.data[i]) >= 0, MRL_ERR_MALFORMED);
    for (size_t i = 0; i < len; i++)
        to[i] =
            (uint8_t)(mrl_hex_digit(text.data[2 * i]) << 4 | mrl_hex_digit(text.data[2 * i + 1]));
    return MRL_OK;
}

/* Encodes up to three bytes; returns how many of the four characters carry data. */
static size_t encode_group(const char *alphabet, mrl_bytes b, size_t at, char to[4])
{
    size_t have = b.len - at < 3 ? b.len - at : 3;
    uint32_t bits = 0;

    for (size_t i = 0; i < 3; i++)
        bits = bits << 8 | (i < have ? b.data[at + i] : 0U);
    for (size_t i = 0; i < 4; i++)
        to[i] = (char)(i <= have ? alphabet[bits >> (18 - 6 * i) & 63] : '=');
    return have + 1;
}

mrl_err mrl_base64_write(mrl_bytes b, size_t columns, struct mrl_buf *out)
{
    size_t column = 0;

    for (size_t at = 0; at < b.len; at += 3) {
        char group[4];

        (void)encode_group(standard, b, at, group);
        for (size_t i = 0; i < 4; i++) {
            MRL_TRY(mrl_buf_append(out, mrl_bytes_of(&group[i], 1)));
            if (columns > 0 && ++column == columns) {
                MRL_TRY(mrl_buf_append(out, MRL_LIT("\n")));
                column = 0;
            }
        }
    }
    return column > 0 ? mrl_buf_append(out, MRL_LIT("\n")) : MRL_OK;
}

mrl_err mrl_base64url_write(mrl_bytes b, struct mrl_buf *out)
{
    for (size_t at = 0; at < b.len; at += 3) {
        char group[4];
        size_t used = encode_group(url_safe, b, at, group);

        MRL_TRY(mrl_buf_append(out, mrl_bytes_of(group, used)));
    }
    return MRL_OK;
}

static int sextet(const char *alphabet, uint8_t c)
{
    for (int i = 0; i < 64; i++) {
        if ((uint8_t)alphabet[i] == c)
            return i;
    }
    return -1;
}

struct decoder {
    uint32_t bits;
    unsigned count; /* bits held, below 8 between characters */
};

static mrl_err decode_char(struct decoder *d, int value, struct mrl_buf *out)
{
    MRL_ENSURE(value >= 0, MRL_ERR_MALFORMED);
    d->bits = (d->bits << 6 | (uint32_t)value) & 0x3fff;
    d->count += 6;
    if (d->count < 8)
        return MRL_OK;
    d->count -= 8;
    return mrl_buf_append(out, mrl_bytes_of(&(uint8_t){(uint8_t)(d->bits >> d->count)}, 1));
}

/* A lone last character (6 bits) or set bits beyond the last byte would make two texts mean the
 * same. */
static mrl_err decode_end(const struct decoder *d)
{
    MRL_ENSURE(d->count < 6, MRL_ERR_MALFORMED);
    return (d->bits & ((1U << d->count) - 1)) == 0 ? MRL_OK : MRL_ERR_MALFORMED;
}

static bool is_space(uint8_t c)
{
    return c == '\r' || c == '\n' || c == ' ' || c == '\t';
}

mrl_err mrl_base64_read(mrl_bytes text, struct mrl_buf *out)
{
    struct decoder d = {0};
    size_t characters = 0, padding = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (is_space(text.data[i]))
            continue;
        characters++;
        if (text.data[i] == '=') {
            padding++;
            continue;
        }
        MRL_ENSURE(padding == 0, MRL_ERR_MALFORMED);
        MRL_TRY(decode_char(&d, sextet(standard, text.data[i]), out));
    }
    MRL_ENSURE(characters % 4 == 0 && padding <= 2, MRL_ERR_MALFORMED);
    return decode_end(&d);
}

mrl_err mrl_base64url_read(mrl_bytes text, struct mrl_buf *out)
{
    struct decoder d = {0};

    for (size_t i = 0; i < text.len; i++)
        MRL_TRY(decode_char(&d, sextet(url_safe, text.data[i]), out));
    return decode_end(&d);
}
