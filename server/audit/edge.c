/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/edge.h"

#include <string.h>

#include "audit/entries.h"

enum { LEVEL_SHIFT = 56, TILE_BYTES = MRL_TLOG_WIDTH * MRL_TLOG_HASH };

int64_t mrl_audit_tile_id(unsigned level, uint64_t index)
{
    return (int64_t)((uint64_t)level << LEVEL_SHIFT | index);
}

void mrl_audit_full_done(struct mrl_audit_full *f)
{
    mrl_buf_done(&f->ids);
    mrl_buf_done(&f->hashes);
    f->count = 0;
}

uint64_t mrl_audit_edge_index(uint64_t size, unsigned level)
{
    return level + 1 < MRL_TLOG_LEVELS ? size >> (MRL_TLOG_TILE_HEIGHT * (level + 1)) : 0;
}

unsigned mrl_audit_edge_width(uint64_t size, unsigned level)
{
    return (unsigned)(size >> MRL_TLOG_TILE_HEIGHT * level) % MRL_TLOG_WIDTH;
}

/* --- loading --- */

static mrl_err load_leaf(void *context, const struct mrl_audit_row *row)
{
    struct mrl_audit_edge *e = context;

    return mrl_tlog_leaf(row->json, &e->hashes[0][(row->seq - 1) % MRL_TLOG_WIDTH]);
}

/* A missing entry shows as a root that is another one: verification names it. */
static mrl_err load_leaves(struct mrl_tx *tx, struct mrl_audit_edge *e)
{
    unsigned width = mrl_audit_edge_width(e->size, 0);
    const struct mrl_audit_range tail = {.from = e->size - width + 1, .to = e->size};

    return width == 0 ? MRL_OK : mrl_audit_walk_entries(tx, &tail, load_leaf, e, NULL);
}

static mrl_err load_level(struct mrl_tx *tx, struct mrl_audit_edge *e, unsigned level)
{
    unsigned width = mrl_audit_edge_width(e->size, level);
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_bytes hashes;
    mrl_err err;

    if (width == 0)
        return MRL_OK;
    err = mrl_tx_query_one(
        tx, "SELECT hashes FROM audit_tiles WHERE id = $1",
        MRL_ARGS(MRL_INT(mrl_audit_tile_id(level, mrl_audit_edge_index(e->size, level)))), &rows);
    MRL_ENSURE(err != MRL_ERR_NOT_FOUND, MRL_ERR_CORRUPT);
    MRL_TRY(err);
    hashes = mrl_row_bytes(rows, 0);
    MRL_ENSURE(hashes.len >= (size_t)width * MRL_TLOG_HASH && hashes.len <= TILE_BYTES,
               MRL_ERR_CORRUPT);
    memcpy(e->hashes[level], hashes.data, (size_t)width * MRL_TLOG_HASH);
    return MRL_OK;
}

mrl_err mrl_audit_edge_load(struct mrl_tx *tx, uint64_t size, struct mrl_audit_edge *out)
{
    out->size = size;
    MRL_TRY(load_leaves(tx, out));
    for (unsigned level = 1; level < MRL_TLOG_LEVELS; level++)
        MRL_TRY(load_level(tx, out, level));
    return MRL_OK;
}

/* --- appending --- */

/* The root of a full tile. */
static mrl_err root_of(const struct mrl_tlog_hash tile[static MRL_TLOG_WIDTH],
                       struct mrl_tlog_hash *out)
{
    struct mrl_tlog_hash nodes[MRL_TLOG_WIDTH / 2] = {{{0}}};
    const struct mrl_tlog_hash *from = tile;

    for (size_t n = MRL_TLOG_WIDTH / 2; n > 0; n /= 2) {
        for (size_t i = 0; i < n; i++)
            MRL_TRY(mrl_tlog_node(&from[2 * i], &from[2 * i + 1], &nodes[i]));
        from = nodes;
    }
    *out = nodes[0];
    return MRL_OK;
}

static mrl_err add_full(struct mrl_audit_full *f, int64_t id,
                        const struct mrl_tlog_hash tile[static MRL_TLOG_WIDTH])
{
    MRL_TRY(mrl_buf_append(&f->ids, mrl_bytes_of(&id, sizeof(id))));
    MRL_TRY(mrl_buf_append(&f->hashes, mrl_bytes_of(tile, TILE_BYTES)));
    f->count++;
    return MRL_OK;
}

mrl_err mrl_audit_edge_add(struct mrl_audit_edge *e, const struct mrl_tlog_hash *leaf,
                           struct mrl_audit_full *full)
{
    struct mrl_tlog_hash hash = *leaf;
    unsigned level = 0, width = mrl_audit_edge_width(e->size, 0);

    MRL_ENSURE(e->size < MRL_TLOG_SIZE_MAX, MRL_ERR_LIMIT);
    e->hashes[0][width] = hash;
    while (width == MRL_TLOG_WIDTH - 1) {
        MRL_TRY(add_full(full, mrl_audit_tile_id(level, mrl_audit_edge_index(e->size, level)),
                         e->hashes[level]));
        MRL_TRY(root_of(e->hashes[level], &hash));
        level++;
        width = mrl_audit_edge_width(e->size, level);
        e->hashes[level][width] = hash;
    }
    e->size++;
    return MRL_OK;
}

static mrl_err put_tile(struct mrl_tx *tx, int64_t id, mrl_bytes hashes)
{
    return mrl_tx_exec(tx,
                       "INSERT INTO audit_tiles (id, hashes) VALUES ($1, $2)"
                       " ON CONFLICT (id) DO UPDATE SET hashes = excluded.hashes",
                       MRL_ARGS(MRL_INT(id), MRL_BLOB(hashes)), NULL);
}

static int64_t id_of_full(const struct mrl_audit_full *f, size_t at)
{
    int64_t id;

    memcpy(&id, f->ids.data + at * sizeof(id), sizeof(id));
    return id;
}

static mrl_bytes hashes_of_full(const struct mrl_audit_full *f, size_t at)
{
    return mrl_bytes_sub(mrl_buf_bytes(&f->hashes), at * TILE_BYTES, TILE_BYTES);
}

mrl_err mrl_audit_edge_write(struct mrl_tx *tx, const struct mrl_audit_edge *e,
                             const struct mrl_audit_full *full)
{
    for (size_t i = 0; i < full->count; i++)
        MRL_TRY(put_tile(tx, id_of_full(full, i), hashes_of_full(full, i)));
    if (full->count == 0)
        return MRL_OK; /* then the levels above are as they were */
    for (unsigned level = 1; level < MRL_TLOG_LEVELS; level++) {
        unsigned width = mrl_audit_edge_width(e->size, level);

        if (width > 0)
            MRL_TRY(put_tile(tx, mrl_audit_tile_id(level, mrl_audit_edge_index(e->size, level)),
                             mrl_bytes_of(e->hashes[level], (size_t)width * MRL_TLOG_HASH)));
    }
    return MRL_OK;
}

/* --- as a source of tiles --- */

static bool find_in_edge(const struct mrl_audit_edge *e, struct mrl_tlog_tile t, mrl_bytes *out)
{
    if (t.level >= MRL_TLOG_LEVELS || t.index != mrl_audit_edge_index(e->size, t.level) ||
        t.width > mrl_audit_edge_width(e->size, t.level))
        return false;
    *out = mrl_bytes_of(e->hashes[t.level], (size_t)t.width * MRL_TLOG_HASH);
    return true;
}

static bool find_in_full(const struct mrl_audit_full *f, int64_t id, mrl_bytes *out)
{
    for (size_t i = f == NULL ? 0 : f->count; i > 0; i--) {
        if (id_of_full(f, i - 1) != id)
            continue;
        *out = hashes_of_full(f, i - 1);
        return true;
    }
    return false;
}

static mrl_err read_tile(void *context, struct mrl_tlog_tile tile, mrl_bytes *hashes)
{
    struct mrl_audit_source *s = context;
    int64_t id = mrl_audit_tile_id(tile.level, tile.index);
    mrl_err err;

    if (find_in_edge(s->edge, tile, hashes) || find_in_full(s->full, id, hashes))
        return MRL_OK;
    mrl_rows_free(MRL_TAKE(s->rows));
    err = mrl_tx_query_one(s->tx, "SELECT hashes FROM audit_tiles WHERE id = $1",
                           MRL_ARGS(MRL_INT(id)), &s->rows);
    MRL_ENSURE(err != MRL_ERR_NOT_FOUND, MRL_ERR_CORRUPT);
    MRL_TRY(err);
    *hashes = mrl_row_bytes(s->rows, 0);
    return MRL_OK;
}

struct mrl_tlog_tiles mrl_audit_source_tiles(struct mrl_audit_source *s)
{
    return (struct mrl_tlog_tiles){read_tile, s};
}

void mrl_audit_source_done(struct mrl_audit_source *s)
{
    mrl_rows_free(MRL_TAKE(s->rows));
}
