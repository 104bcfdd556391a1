/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/cbor.h"

#include "base/utf8.h"

/* RFC 8949 3: the first byte is a major type and five bits of argument. */
enum { MAJOR_SHIFT = 5, ARGUMENT_BITS = 0x1f, MAJOR_TAG = 6, MAJOR_SIMPLE = 7 };
enum { ARGUMENT_U8 = 24, ARGUMENT_U16, ARGUMENT_U32, ARGUMENT_U64, INDEFINITE = 31 };
enum { SIMPLE_LEAST_U8 = 32 };

static mrl_err read_wide(struct mrl_reader *r, uint8_t argument, uint64_t *out)
{
    uint8_t u8 = 0;
    uint16_t u16 = 0;
    uint32_t u32 = 0;

    switch (argument) {
    case ARGUMENT_U8:
        MRL_TRY(mrl_read_u8(r, &u8));
        *out = u8;
        return MRL_OK;
    case ARGUMENT_U16:
        MRL_TRY(mrl_read_u16(r, &u16));
        *out = u16;
        return MRL_OK;
    case ARGUMENT_U32:
        MRL_TRY(mrl_read_u32(r, &u32));
        *out = u32;
        return MRL_OK;
    case ARGUMENT_U64:
        return mrl_read_u64(r, out);
    default: /* 28 to 30 are reserved, RFC 8949 3 */
        return argument == INDEFINITE ? MRL_ERR_UNSUPPORTED : MRL_ERR_MALFORMED;
    }
}

static mrl_err read_argument(struct mrl_reader *r, uint8_t argument, uint64_t *out)
{
    if (argument >= ARGUMENT_U8)
        return read_wide(r, argument, out);
    *out = argument;
    return MRL_OK;
}

static mrl_err read_simple(uint8_t argument, struct mrl_cbor_item *item)
{
    if (argument > ARGUMENT_U8) {
        item->type = MRL_CBOR_FLOAT;
        return MRL_OK;
    }
    /* RFC 8949 3.3: values below 32 have the short form only. */
    MRL_ENSURE(argument < ARGUMENT_U8 || item->number >= SIMPLE_LEAST_U8, MRL_ERR_MALFORMED);
    item->type = MRL_CBOR_SIMPLE;
    return MRL_OK;
}

static mrl_err read_string(struct mrl_reader *r, struct mrl_cbor_item *item)
{
    MRL_ENSURE(item->number <= mrl_reader_left(r), MRL_ERR_MALFORMED);
    MRL_TRY(mrl_read_bytes(r, (size_t)item->number, &item->bytes));
    if (item->type == MRL_CBOR_TEXT) /* RFC 8949 3.1: major type 3 is UTF-8 */
        MRL_ENSURE(mrl_utf8_valid(item->bytes), MRL_ERR_MALFORMED);
    return MRL_OK;
}

/* Each item has a byte at least: a count that promises more than there is is a lie. */
static mrl_err check_count(const struct mrl_reader *r, const struct mrl_cbor_item *item)
{
    size_t most = mrl_reader_left(r) / (item->type == MRL_CBOR_MAP ? 2 : 1);

    return item->number <= most ? MRL_OK : MRL_ERR_MALFORMED;
}

static mrl_err read_item(struct mrl_reader *r, struct mrl_cbor_item *item)
{
    uint8_t first = 0, major, argument;

    MRL_TRY(mrl_read_u8(r, &first));
    major = (uint8_t)(first >> MAJOR_SHIFT);
    argument = first & ARGUMENT_BITS;
    MRL_ENSURE(major != MAJOR_TAG, MRL_ERR_UNSUPPORTED);
    MRL_TRY(read_argument(r, argument, &item->number));
    if (major == MAJOR_SIMPLE)
        return read_simple(argument, item);
    item->type = (enum mrl_cbor_type)major; /* 0 to 5 are the same */
    if (item->type == MRL_CBOR_BYTES || item->type == MRL_CBOR_TEXT)
        return read_string(r, item);
    if (item->type == MRL_CBOR_ARRAY || item->type == MRL_CBOR_MAP)
        return check_count(r, item);
    return MRL_OK;
}

mrl_err mrl_cbor_read(struct mrl_reader *r, struct mrl_cbor_item *out)
{
    struct mrl_cbor_item item = {0};
    struct mrl_reader at = *r;

    MRL_TRY(read_item(&at, &item));
    *r = at;
    *out = item;
    return MRL_OK;
}

mrl_err mrl_cbor_read_text(struct mrl_reader *r, mrl_bytes *out)
{
    struct mrl_cbor_item item;

    MRL_TRY(mrl_cbor_read(r, &item));
    MRL_ENSURE(item.type == MRL_CBOR_TEXT, MRL_ERR_INVALID);
    *out = item.bytes;
    return MRL_OK;
}

mrl_err mrl_cbor_read_map(struct mrl_reader *r, size_t *pairs)
{
    struct mrl_cbor_item item;

    MRL_TRY(mrl_cbor_read(r, &item));
    MRL_ENSURE(item.type == MRL_CBOR_MAP, MRL_ERR_INVALID);
    *pairs = (size_t)item.number;
    return MRL_OK;
}

static uint64_t inside(const struct mrl_cbor_item *item)
{
    if (item->type == MRL_CBOR_ARRAY)
        return item->number;
    return item->type == MRL_CBOR_MAP ? 2 * item->number : 0;
}

mrl_err mrl_cbor_skip(struct mrl_reader *r)
{
    uint64_t left[MRL_CBOR_DEPTH_MAX + 1] = {1}; /* items to come on each level */
    struct mrl_reader at = *r;
    size_t depth = 0;
    struct mrl_cbor_item item;

    while (depth > 0 || left[0] > 0) {
        MRL_TRY(mrl_cbor_read(&at, &item));
        left[depth]--;
        if (inside(&item) > 0) {
            MRL_ENSURE(depth < MRL_CBOR_DEPTH_MAX, MRL_ERR_LIMIT);
            left[++depth] = inside(&item);
        }
        while (depth > 0 && left[depth] == 0)
            depth--;
    }
    *r = at;
    return MRL_OK;
}

static void put_head(struct mrl_writer *w, enum mrl_cbor_type type, uint64_t number)
{
    uint8_t major = (uint8_t)((unsigned)type << MAJOR_SHIFT);

    if (number < ARGUMENT_U8) {
        mrl_put_u8(w, (uint8_t)(major | number));
    } else if (number <= UINT8_MAX) {
        mrl_put_u8(w, major | ARGUMENT_U8);
        mrl_put_u8(w, (uint8_t)number);
    } else if (number <= UINT16_MAX) {
        mrl_put_u8(w, major | ARGUMENT_U16);
        mrl_put_u16(w, (uint16_t)number);
    } else if (number <= UINT32_MAX) {
        mrl_put_u8(w, major | ARGUMENT_U32);
        mrl_put_u32(w, (uint32_t)number);
    } else {
        mrl_put_u8(w, major | ARGUMENT_U64);
        mrl_put_u64(w, number);
    }
}

void mrl_cbor_put_map(struct mrl_writer *w, size_t pairs)
{
    put_head(w, MRL_CBOR_MAP, pairs);
}

void mrl_cbor_put_text(struct mrl_writer *w, mrl_bytes text)
{
    put_head(w, MRL_CBOR_TEXT, text.len);
    mrl_put_bytes(w, text);
}

void mrl_cbor_put_unsigned(struct mrl_writer *w, uint64_t number)
{
    put_head(w, MRL_CBOR_UNSIGNED, number);
}
