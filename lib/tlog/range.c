/* SPDX-License-Identifier: Apache-2.0 */
#include "tlog/range.h"

#include <string.h>

#include "base/attr.h"
#include "crypto/hash.h"

static mrl_err need_tile(struct mrl_tlog_ranges *r, unsigned level, uint64_t index)
{
    struct mrl_tlog_tile tile = {level, index, mrl_tlog_tile_width(level, index, r->size)};

    if (r->tile.width > 0 && r->tile.level == level && r->tile.index == index)
        return MRL_OK;
    r->tile.width = 0;
    MRL_TRY(r->tiles->read(r->tiles->context, tile, &r->hashes));
    MRL_ENSURE(r->hashes.len >= (size_t)tile.width * MRL_TLOG_HASH, MRL_ERR_CORRUPT);
    r->tile = tile;
    return MRL_OK;
}

/* The root over count (a power of two) hashes, pair by pair. */
static mrl_err reduce(struct mrl_tlog_hash *hashes, size_t count)
{
    for (; count > 1; count /= 2)
        for (size_t i = 0; i < count / 2; i++)
            MRL_TRY(mrl_tlog_node(&hashes[2 * i], &hashes[2 * i + 1], &hashes[i]));
    return MRL_OK;
}

/* The full subtree of 2^height leaves that begins at from. */
static mrl_err full_subtree(struct mrl_tlog_ranges *r, uint64_t from, unsigned height,
                            struct mrl_tlog_hash *out)
{
    unsigned level = height / MRL_TLOG_TILE_HEIGHT;
    uint64_t first = from >> (level * MRL_TLOG_TILE_HEIGHT);
    size_t at = (size_t)(first % MRL_TLOG_WIDTH);
    size_t count = (size_t)1 << height % MRL_TLOG_TILE_HEIGHT;
    struct mrl_tlog_hash hashes[MRL_TLOG_WIDTH / 2];
    mrl_bytes part;

    MRL_TRY(need_tile(r, level, first / MRL_TLOG_WIDTH));
    part = mrl_bytes_sub(r->hashes, at * MRL_TLOG_HASH, count * MRL_TLOG_HASH);
    MRL_ENSURE(part.len == count * MRL_TLOG_HASH, MRL_ERR_CORRUPT);
    memcpy(hashes, part.data, part.len);
    MRL_TRY(reduce(hashes, count));
    *out = hashes[0];
    return MRL_OK;
}

/* Height of the largest full subtree within [from, to) that ends at to. */
static unsigned last_height(uint64_t from, uint64_t to)
{
    unsigned by_end = (unsigned)__builtin_ctzll(to);
    unsigned by_room = 63U - (unsigned)__builtin_clzll(to - from);

    return by_end < by_room ? by_end : by_room;
}

mrl_err mrl_tlog_range(struct mrl_tlog_ranges *r, uint64_t from, uint64_t to,
                       struct mrl_tlog_hash *out)
{
    unsigned height = last_height(from, to);
    struct mrl_tlog_hash root, left;

    to -= (uint64_t)1 << height;
    MRL_TRY(full_subtree(r, to, height, &root));
    while (to > from) {
        height = last_height(from, to);
        to -= (uint64_t)1 << height;
        MRL_TRY(full_subtree(r, to, height, &left));
        MRL_TRY(mrl_tlog_node(&left, &root, &root));
    }
    *out = root;
    return MRL_OK;
}

mrl_err mrl_tlog_tiles_root(const struct mrl_tlog_tiles *t, uint64_t size,
                            struct mrl_tlog_hash *out)
{
    struct mrl_tlog_ranges r = {t, size};

    if (size == 0)
        return mrl_sha256(MRL_BYTES_NONE, out->bytes);
    return mrl_tlog_range(&r, 0, size, out);
}
