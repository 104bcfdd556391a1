/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/ustar.h"

#include <string.h>

/* Offsets and lengths of the fields of a header. */
enum {
    NAME_AT = 0,
    MODE_AT = 100,
    UID_AT = 108,
    GID_AT = 116,
    SIZE_AT = 124,
    MTIME_AT = 136,
    SUM_AT = 148,
    TYPE_AT = 156,
    MAGIC_AT = 257,
    LONG_OCTAL = 12,
    SUM_LEN = 8,
    MAGIC_LEN = 8,
};

static const char magic[MAGIC_LEN + 1] = "ustar\00000";
static const uint8_t zeros[MRL_USTAR_BLOCK];

static bool name_is_fine(mrl_bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

        if (!letter && c != '.' && c != '_' && c != '-')
            return false;
    }
    return name.len > 0 && name.len <= MRL_USTAR_NAME_MAX && name.data[0] != '.';
}

static unsigned checksum(const uint8_t *block)
{
    unsigned sum = 0;

    for (size_t i = 0; i < MRL_USTAR_BLOCK; i++)
        sum += i >= SUM_AT && i < SUM_AT + SUM_LEN ? ' ' : block[i];
    return sum;
}

static void put_octal(uint8_t *to, size_t digits, uint64_t value)
{
    for (size_t i = digits; i > 0; i--) {
        to[i - 1] = (uint8_t)('0' + (value & 7));
        value >>= 3;
    }
}

mrl_err mrl_ustar_write_header(const struct mrl_ustar_entry *e, uint8_t out[static MRL_USTAR_BLOCK])
{
    mrl_bytes name = mrl_str(e->name);

    MRL_ENSURE(name_is_fine(name), MRL_ERR_INVALID);
    MRL_ENSURE(e->size <= MRL_USTAR_SIZE_MAX, MRL_ERR_LIMIT);
    MRL_ENSURE(e->mtime_s >= 0 && (uint64_t)e->mtime_s <= MRL_USTAR_SIZE_MAX, MRL_ERR_LIMIT);
    memset(out, 0, MRL_USTAR_BLOCK);
    memcpy(&out[NAME_AT], name.data, name.len);
    put_octal(&out[MODE_AT], 7, 0600);
    put_octal(&out[UID_AT], 7, 0);
    put_octal(&out[GID_AT], 7, 0);
    put_octal(&out[SIZE_AT], LONG_OCTAL - 1, e->size);
    put_octal(&out[MTIME_AT], LONG_OCTAL - 1, (uint64_t)e->mtime_s);
    out[TYPE_AT] = '0';
    memcpy(&out[MAGIC_AT], magic, MAGIC_LEN);
    put_octal(&out[SUM_AT], 6, checksum(out));
    out[SUM_AT + 7] = ' ';
    return MRL_OK;
}

size_t mrl_ustar_padding(uint64_t size)
{
    return (size_t)((MRL_USTAR_BLOCK - size % MRL_USTAR_BLOCK) % MRL_USTAR_BLOCK);
}

static mrl_err read_octal(const uint8_t *from, uint64_t *out)
{
    uint64_t value = 0;

    for (size_t i = 0; i < LONG_OCTAL - 1; i++) {
        MRL_ENSURE(from[i] >= '0' && from[i] <= '7', MRL_ERR_MALFORMED);
        value = value << 3 | (uint64_t)(from[i] - '0');
    }
    MRL_ENSURE(from[LONG_OCTAL - 1] == 0, MRL_ERR_MALFORMED);
    *out = value;
    return MRL_OK;
}

/* A header is good when we would have written it so. */
static mrl_err read_header(const uint8_t *block, struct mrl_ustar_entry *out)
{
    uint8_t same[MRL_USTAR_BLOCK];
    uint64_t mtime;

    memcpy(out->name, block, MRL_USTAR_NAME_MAX);
    out->name[MRL_USTAR_NAME_MAX] = '\0';
    MRL_TRY(read_octal(&block[SIZE_AT], &out->size));
    MRL_TRY(read_octal(&block[MTIME_AT], &mtime));
    out->mtime_s = (int64_t)mtime;
    MRL_ENSURE(mrl_ustar_write_header(out, same) == MRL_OK, MRL_ERR_MALFORMED);
    MRL_ENSURE(memcmp(block, same, sizeof(same)) == 0, MRL_ERR_MALFORMED);
    return MRL_OK;
}

static mrl_err on_block(struct mrl_ustar_reader *r)
{
    struct mrl_ustar_entry e;

    r->held = 0;
    if (memcmp(r->block, zeros, sizeof(zeros)) == 0) {
        r->zero_blocks += r->zero_blocks < 2 ? 1 : 0;
        return MRL_OK;
    }
    MRL_ENSURE(r->zero_blocks == 0, MRL_ERR_MALFORMED);
    MRL_TRY(read_header(r->block, &e));
    r->left = e.size;
    r->padding = mrl_ustar_padding(e.size);
    return r->entry(r->context, &e);
}

static mrl_err take_data(struct mrl_ustar_reader *r, mrl_bytes in, size_t *taken)
{
    mrl_bytes part = mrl_bytes_sub(in, 0, r->left < in.len ? (size_t)r->left : in.len);

    *taken = part.len;
    r->left -= part.len;
    return r->data(r->context, part);
}

static mrl_err take_padding(struct mrl_ustar_reader *r, mrl_bytes in, size_t *taken)
{
    mrl_bytes part = mrl_bytes_sub(in, 0, r->padding);

    MRL_ENSURE(memcmp(part.data, zeros, part.len) == 0, MRL_ERR_MALFORMED);
    *taken = part.len;
    r->padding -= part.len;
    return MRL_OK;
}

static mrl_err take_block(struct mrl_ustar_reader *r, mrl_bytes in, size_t *taken)
{
    mrl_bytes part = mrl_bytes_sub(in, 0, MRL_USTAR_BLOCK - r->held);

    memcpy(&r->block[r->held], part.data, part.len);
    *taken = part.len;
    r->held += part.len;
    return r->held == MRL_USTAR_BLOCK ? on_block(r) : MRL_OK;
}

mrl_err mrl_ustar_read(struct mrl_ustar_reader *r, mrl_bytes in)
{
    while (in.len > 0) {
        size_t taken = 0;

        if (r->left > 0)
            MRL_TRY(take_data(r, in, &taken));
        else if (r->padding > 0)
            MRL_TRY(take_padding(r, in, &taken));
        else
            MRL_TRY(take_block(r, in, &taken));
        in = mrl_bytes_sub(in, taken, in.len);
    }
    return MRL_OK;
}

mrl_err mrl_ustar_end(const struct mrl_ustar_reader *r)
{
    bool complete = r->zero_blocks == 2 && r->held == 0;

    return complete ? MRL_OK : MRL_ERR_MALFORMED;
}
