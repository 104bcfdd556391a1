/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/tile.h"

#include "base/reader.h"
#include "base/writer.h"

enum { GROUPS_MAX = 7 }; /* of three digits: what a uint64_t has at most */

static unsigned height_of(unsigned level)
{
    return level == MRL_TLOG_ENTRIES ? 0 : level * MRL_TLOG_TILE_HEIGHT;
}

/* No log is large enough for an index above. */
static uint64_t index_max(unsigned level)
{
    return (UINT64_MAX >> MRL_TLOG_TILE_HEIGHT) >> height_of(level);
}

static void put_index(struct mrl_writer *w, uint64_t index)
{
    unsigned groups[GROUPS_MAX];
    size_t count = 0;

    do {
        groups[count++] = (unsigned)(index % 1000);
        index /= 1000;
    } while (index > 0);
    while (count > 1)
        mrl_put_text(w, "x%03u/", groups[--count]);
    mrl_put_text(w, "%03u", groups[0]);
}

void mrl_tlog_tile_path(struct mrl_tlog_tile tile, char to[static MRL_TLOG_PATH_MAX])
{
    struct mrl_writer w = mrl_writer_on(to, MRL_TLOG_PATH_MAX);

    if (tile.level == MRL_TLOG_ENTRIES)
        mrl_put_text(&w, "tile/entries/");
    else
        mrl_put_text(&w, "tile/%u/", tile.level);
    put_index(&w, tile.index);
    if (tile.width < MRL_TLOG_WIDTH)
        mrl_put_text(&w, ".p/%u", tile.width);
    mrl_put_u8(&w, 0); /* 13 + 7 * 5 + 6 bytes at most before it: fits always */
}

static mrl_err parse_level(mrl_bytes text, unsigned *out)
{
    bool is_digit = text.len == 1 && text.data[0] >= '0' && text.data[0] < '0' + MRL_TLOG_LEVELS;

    if (mrl_bytes_eq(text, MRL_LIT("entries"))) {
        *out = MRL_TLOG_ENTRIES;
        return MRL_OK;
    }
    MRL_ENSURE(is_digit, MRL_ERR_MALFORMED);
    *out = text.data[0] - (unsigned)'0';
    return MRL_OK;
}

/* A further group is announced by an x before it; the last has none. */
static mrl_err parse_group(mrl_bytes group, bool is_last, uint64_t *index)
{
    mrl_bytes digits = is_last ? group : mrl_bytes_sub(group, 1, SIZE_MAX);
    uint64_t value;

    MRL_ENSURE(is_last || mrl_bytes_starts(group, MRL_LIT("x")), MRL_ERR_MALFORMED);
    MRL_ENSURE(digits.len == 3 && mrl_bytes_to_u64(digits, 999, &value), MRL_ERR_MALFORMED);
    MRL_ENSURE(is_last || *index + value > 0, MRL_ERR_MALFORMED); /* x000 before all others */
    MRL_ENSURE(*index <= (UINT64_MAX - 999) / 1000, MRL_ERR_MALFORMED);
    *index = *index * 1000 + value;
    return MRL_OK;
}

static mrl_err parse_index(mrl_bytes text, uint64_t *out)
{
    mrl_bytes group;
    uint64_t index = 0;

    while (mrl_bytes_split(text, '/', &group, &text))
        MRL_TRY(parse_group(group, /*is_last=*/false, &index));
    MRL_TRY(parse_group(group, /*is_last=*/true, &index));
    *out = index;
    return MRL_OK;
}

/* Cuts ".p/<width>" off. */
static mrl_err parse_width(mrl_bytes *text, unsigned *out)
{
    size_t dot = mrl_bytes_find(*text, '.', 0);
    mrl_bytes suffix = mrl_bytes_sub(*text, dot, SIZE_MAX);
    mrl_bytes digits = mrl_bytes_sub(suffix, 3, SIZE_MAX);
    uint64_t width = MRL_TLOG_WIDTH;

    if (suffix.len > 0) {
        MRL_ENSURE(mrl_bytes_starts(suffix, MRL_LIT(".p/")) && digits.len > 0, MRL_ERR_MALFORMED);
        MRL_ENSURE(digits.data[0] != '0', MRL_ERR_MALFORMED);
        MRL_ENSURE(mrl_bytes_to_u64(digits, MRL_TLOG_WIDTH - 1, &width), MRL_ERR_MALFORMED);
    }
    *text = mrl_bytes_sub(*text, 0, dot);
    *out = (unsigned)width;
    return MRL_OK;
}

mrl_err mrl_tlog_tile_parse(mrl_bytes path, struct mrl_tlog_tile *out)
{
    struct mrl_tlog_tile tile;
    mrl_bytes rest, level;

    MRL_ENSURE(mrl_bytes_starts(path, MRL_LIT("tile/")), MRL_ERR_MALFORMED);
    rest = mrl_bytes_sub(path, 5, SIZE_MAX);
    MRL_ENSURE(mrl_bytes_split(rest, '/', &level, &rest), MRL_ERR_MALFORMED);
    MRL_TRY(parse_level(level, &tile.level));
    MRL_TRY(parse_width(&rest, &tile.width));
    MRL_TRY(parse_index(rest, &tile.index));
    MRL_ENSURE(tile.index <= index_max(tile.level), MRL_ERR_MALFORMED);
    *out = tile;
    return MRL_OK;
}

unsigned mrl_tlog_tile_width(unsigned level, uint64_t index, uint64_t size)
{
    uint64_t hashes, full;

    if (level >= MRL_TLOG_LEVELS && level != MRL_TLOG_ENTRIES)
        return 0;
    hashes = size >> height_of(level);
    full = hashes / MRL_TLOG_WIDTH;
    if (index < full)
        return MRL_TLOG_WIDTH;
    return index == full ? (unsigned)(hashes % MRL_TLOG_WIDTH) : 0;
}

mrl_err mrl_tlog_bundle_next(mrl_bytes *rest, mrl_bytes *entry)
{
    struct mrl_reader r = {*rest};

    MRL_TRY(mrl_read_blob16(&r, entry));
    *rest = mrl_read_rest(&r);
    return MRL_OK;
}
