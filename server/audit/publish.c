/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/publish.h"

#include <stdlib.h>

#include "audit/edge.h"
#include "audit/entries.h"
#include "audit/read.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/writer.h"

mrl_err mrl_audit_publish_checkpoint(struct mrl_tx *tx, struct mrl_buf *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_audit_newest newest;

    MRL_TRY(mrl_audit_newest(tx, &rows, &newest));
    MRL_ENSURE(newest.size > 0, MRL_ERR_NOT_FOUND);
    return mrl_buf_append(out, newest.note);
}

static mrl_err newest_size(struct mrl_tx *tx, uint64_t *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_audit_newest newest;

    MRL_TRY(mrl_audit_newest(tx, &rows, &newest));
    *out = newest.size;
    return MRL_OK;
}

/* --- tiles --- */

struct bundle {
    struct mrl_buf *out;
    uint64_t next; /* number of the entry that must come */
};

static mrl_err put_entry(void *context, const struct mrl_audit_row *row)
{
    struct bundle *b = context;
    uint8_t head[2];
    struct mrl_writer w = mrl_writer_on(head, sizeof(head));

    MRL_ENSURE(row->seq == b->next && row->json.len <= MRL_TLOG_ENTRY_MAX, MRL_ERR_CORRUPT);
    b->next++;
    mrl_put_u16(&w, (uint16_t)row->json.len);
    MRL_TRY(mrl_buf_append(b->out, mrl_bytes_of(head, sizeof(head))));
    return mrl_buf_append(b->out, row->json);
}

static mrl_err publish_bundle(struct mrl_tx *tx, struct mrl_tlog_tile tile, struct mrl_buf *out)
{
    uint64_t from = tile.index * MRL_TLOG_WIDTH + 1, first, last;
    const struct mrl_audit_range range = {.from = from, .to = from + tile.width - 1};
    struct bundle b = {.out = out, .next = from};

    MRL_TRY(mrl_audit_bounds(tx, &first, &last));
    MRL_ENSURE(from >= first, MRL_ERR_STATE);
    MRL_TRY(mrl_audit_walk_entries(tx, &range, put_entry, &b, NULL));
    return b.next == from + tile.width ? MRL_OK : MRL_ERR_CORRUPT;
}

static mrl_err put_leaf(void *context, const struct mrl_audit_row *row)
{
    struct bundle *b = context;
    struct mrl_tlog_hash leaf;

    MRL_ENSURE(row->seq == b->next, MRL_ERR_CORRUPT);
    b->next++;
    MRL_TRY(mrl_tlog_leaf(row->json, &leaf));
    return mrl_buf_append(b->out, mrl_bytes_of(leaf.bytes, sizeof(leaf.bytes)));
}

/* The partial tile of level 0 is in no row. */
static mrl_err publish_leaves(struct mrl_tx *tx, struct mrl_tlog_tile tile, struct mrl_buf *out)
{
    uint64_t from = tile.index * MRL_TLOG_WIDTH + 1;
    const struct mrl_audit_range range = {.from = from, .to = from + tile.width - 1};
    struct bundle b = {.out = out, .next = from};

    MRL_TRY(mrl_audit_walk_entries(tx, &range, put_leaf, &b, NULL));
    return b.next == from + tile.width ? MRL_OK : MRL_ERR_CORRUPT;
}

static mrl_err publish_hashes(struct mrl_tx *tx, struct mrl_tlog_tile tile, struct mrl_buf *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    size_t len = (size_t)tile.width * MRL_TLOG_HASH;
    mrl_err err =
        mrl_tx_query_one(tx, "SELECT hashes FROM audit_tiles WHERE id = $1",
                         MRL_ARGS(MRL_INT(mrl_audit_tile_id(tile.level, tile.index))), &rows);

    if (err == MRL_ERR_NOT_FOUND && tile.level == 0)
        return publish_leaves(tx, tile, out);
    MRL_ENSURE(err != MRL_ERR_NOT_FOUND, MRL_ERR_CORRUPT);
    MRL_TRY(err);
    MRL_ENSURE(mrl_row_bytes(rows, 0).len >= len, MRL_ERR_CORRUPT);
    return mrl_buf_append(out, mrl_bytes_sub(mrl_row_bytes(rows, 0), 0, len));
}

mrl_err mrl_audit_publish_tile(struct mrl_tx *tx, struct mrl_tlog_tile tile, struct mrl_buf *out)
{
    uint64_t size;

    MRL_TRY(newest_size(tx, &size));
    MRL_ENSURE(tile.width > 0 && tile.width <= mrl_tlog_tile_width(tile.level, tile.index, size),
               MRL_ERR_NOT_FOUND);
    return tile.level == MRL_TLOG_ENTRIES ? publish_bundle(tx, tile, out)
                                          : publish_hashes(tx, tile, out);
}

/* --- proofs --- */

static mrl_err add_opening(json_t *opened, const struct mrl_audit_opening *o)
{
    MRL_AUTO(json_t) item = mrl_json_object();
    char salt[2 * MRL_AUDIT_SALT + 1], field[MRL_AUDIT_FIELD_MAX + 1];

    MRL_ENSURE(mrl_bytes_to_cstr(o->field, field, sizeof(field)), MRL_ERR_CORRUPT);
    mrl_hex(mrl_bytes_of(o->salt, sizeof(o->salt)), salt);
    MRL_TRY(mrl_json_set_str(item, "salt", mrl_str(salt)));
    MRL_TRY(mrl_json_set_str(item, "value", o->value));
    return mrl_json_set(opened, field, MRL_TAKE(item));
}

/* What the proof reveals; context: the buffer. */
static mrl_err write_extra(void *context, const struct mrl_audit_row *row)
{
    MRL_AUTO(json_t) o = mrl_json_object();
    MRL_AUTO(json_t) opened = mrl_json_object();

    for (size_t i = 0; i < row->opened->count; i++)
        MRL_TRY(add_opening(opened, &row->opened->at[i]));
    MRL_TRY(mrl_json_set_str(o, "entry", row->json));
    MRL_TRY(mrl_json_set(o, "opened", MRL_TAKE(opened)));
    return mrl_json_write(o, context);
}

static mrl_err prove_in(struct mrl_tx *tx, uint64_t seq, uint64_t size, struct mrl_audit_edge *edge,
                        struct mrl_tlog_proof *out)
{
    struct mrl_audit_source source = {.tx = tx, .edge = edge};
    const struct mrl_tlog_tiles tiles = mrl_audit_source_tiles(&source);
    mrl_err err = mrl_audit_edge_load(tx, size, edge);

    if (err == MRL_OK)
        err = mrl_tlog_prove_inclusion(&tiles, seq - 1, size, out);
    mrl_audit_source_done(&source);
    return err;
}

static mrl_err write_proof(struct mrl_tx *tx, const struct mrl_audit_newest *newest,
                           struct mrl_proof_file *p, struct mrl_buf *out, struct mrl_why *why)
{
    struct mrl_audit_edge *edge = malloc(sizeof(*edge));
    mrl_err err;

    if (edge == NULL)
        abort();
    err = prove_in(tx, p->index + 1, newest->size, edge, &p->proof);
    free(edge);
    if (err != MRL_OK)
        return mrl_fail(why, err, "the tiles of the log are damaged: verify says where");
    p->note = newest->note;
    return mrl_proof_file_write(p, out);
}

static mrl_err nothing(void *context, const struct mrl_audit_row *row)
{
    (void)context;
    (void)row;
    return MRL_OK;
}

mrl_err mrl_audit_prove(struct mrl_tx *tx, uint64_t seq, bool reveal, struct mrl_buf *out,
                        struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    MRL_SCOPED(mrl_buf) extra = {0};
    struct mrl_proof_file p = {.index = seq - 1};
    struct mrl_audit_newest newest;

    MRL_TRY(mrl_audit_newest(tx, &rows, &newest));
    MRL_TRY(mrl_audit_show(tx, seq, reveal ? write_extra : nothing, &extra, why));
    if (seq > newest.size)
        return mrl_fail(why, MRL_ERR_NOT_FOUND, "no checkpoint covers entry %llu yet",
                        (unsigned long long)seq);
    p.extra = mrl_buf_bytes(&extra);
    return write_proof(tx, &newest, &p, out, why);
}
