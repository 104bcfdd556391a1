/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/verify.h"

#include <stdlib.h>

#include "audit/edge.h"
#include "audit/facts.h"
#include "audit/index.h"
#include "audit/read.h"

/* A walk over entries and checkpoints at once, each in its own order. */
struct walk {
    struct mrl_tx *tx;
    const struct mrl_note_key *key;
    struct mrl_audit_edge *edge;
    struct mrl_rows *checkpoints; /* on the next one, or NULL after the last */
    uint64_t indexed_from, indexed_to;
    bool (*progress)(void *context, uint64_t seq);
    void *context;
    struct mrl_audit_verdict found;
};

static mrl_err bad(struct walk *w, uint64_t from, uint64_t to, const char *what)
{
    struct mrl_why *why = &w->found.why;

    w->found.bad_from = from;
    w->found.bad_to = to;
    if (from == to)
        return mrl_fail(why, MRL_ERR_CORRUPT, "entry %llu %s", (unsigned long long)from, what);
    return mrl_fail(why, MRL_ERR_CORRUPT, "entries %llu to %llu: %s", (unsigned long long)from,
                    (unsigned long long)to, what);
}

/* --- one entry --- */

static bool opens(const struct mrl_audit_openings *opened, mrl_bytes field, const json_t *stands)
{
    const struct mrl_audit_opening *o = mrl_audit_opening_of(opened, field);

    return o == NULL ||
           (json_is_string(stands) &&
            mrl_audit_opening_check(
                o, mrl_bytes_of(json_string_value(stands), json_string_length(stands))) == MRL_OK);
}

static mrl_err check_text(struct walk *w, const struct mrl_audit_row *row)
{
    struct mrl_audit_facts f;
    bool number, open;

    if (mrl_audit_facts_parse(row, &f) != MRL_OK)
        return bad(w, row->seq, row->seq, "is not the text of an entry");
    number = f.seq == row->seq;
    open = opens(row->opened, MRL_LIT("source"), json_object_get(f.root, "source")) &&
           opens(row->opened, MRL_LIT("target"), json_object_get(f.root, "target")) &&
           opens(row->opened, MRL_LIT("actor.id"),
                 json_object_get(json_object_get(f.root, "actor"), "id"));
    mrl_audit_facts_done(&f);
    if (!number)
        return bad(w, row->seq, row->seq, "has another number in its text");
    return open ? MRL_OK : bad(w, row->seq, row->seq, "is opened by values it was not made of");
}

/* --- tiles --- */

/* The first entry of a tile of level 0 whose hash is another one. */
static mrl_err compare_leaves(struct walk *w, uint64_t first, mrl_bytes made, mrl_bytes stored)
{
    for (uint64_t i = 0; i < MRL_TLOG_WIDTH; i++) {
        mrl_bytes hash = mrl_bytes_sub(made, i * MRL_TLOG_HASH, MRL_TLOG_HASH);

        if (!mrl_bytes_eq(hash, mrl_bytes_sub(stored, i * MRL_TLOG_HASH, MRL_TLOG_HASH)))
            return bad(w, first + i, first + i, "is another than the one in the tiles");
    }
    return MRL_OK;
}

static mrl_err compare_tile(struct walk *w, int64_t id, mrl_bytes made)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    uint64_t entries = w->edge->size;
    mrl_err err = mrl_tx_query_one(w->tx, "SELECT hashes FROM audit_tiles WHERE id = $1",
                                   MRL_ARGS(MRL_INT(id)), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return bad(w, entries - MRL_TLOG_WIDTH + 1, entries, "their tile is missing");
    MRL_TRY(err);
    if (id < mrl_audit_tile_id(1, 0))
        MRL_TRY(compare_leaves(w, (uint64_t)id * MRL_TLOG_WIDTH + 1, made, mrl_row_bytes(rows, 0)));
    if (!mrl_bytes_eq(made, mrl_row_bytes(rows, 0)))
        return bad(w, 1, entries, "a tile above them is another one");
    return MRL_OK;
}

/* Tiles that are not written yet, after the newest checkpoint, are not missing. */
static mrl_err compare_tiles(struct walk *w, const struct mrl_audit_full *full)
{
    for (size_t i = 0; i < full->count; i++) {
        const int64_t *ids = (const int64_t *)(const void *)full->ids.data;
        mrl_bytes made =
            mrl_bytes_sub(mrl_buf_bytes(&full->hashes), i * MRL_TLOG_WIDTH * MRL_TLOG_HASH,
                          (size_t)MRL_TLOG_WIDTH * MRL_TLOG_HASH);

        if (w->checkpoints != NULL)
            MRL_TRY(compare_tile(w, ids[i], made));
    }
    return MRL_OK;
}

/* --- checkpoints --- */

static mrl_err next_checkpoint(struct walk *w)
{
    mrl_err err = mrl_rows_next(w->checkpoints);

    if (err != MRL_ERR_NOT_FOUND)
        return err;
    mrl_rows_free(MRL_TAKE(w->checkpoints));
    return MRL_OK;
}

static mrl_err root_here(struct walk *w, struct mrl_tlog_hash *out)
{
    struct mrl_audit_source source = {.tx = w->tx, .edge = w->edge};
    const struct mrl_tlog_tiles tiles = mrl_audit_source_tiles(&source);
    mrl_err err = mrl_tlog_tiles_root(&tiles, w->edge->size, out);

    mrl_audit_source_done(&source);
    return err;
}

/* The tiles that still grow, as they were when the newest checkpoint was made. */
static mrl_err compare_growing(struct walk *w)
{
    uint64_t size = w->edge->size;

    for (unsigned level = 1; level < MRL_TLOG_LEVELS; level++) {
        size_t len = (size_t)mrl_audit_edge_width(size, level) * MRL_TLOG_HASH;
        int64_t id = mrl_audit_tile_id(level, mrl_audit_edge_index(size, level));
        mrl_bytes made = mrl_bytes_of(w->edge->hashes[level], len);
        MRL_AUTO(mrl_rows) rows = NULL;
        mrl_err err;

        if (len == 0)
            continue;
        err = mrl_tx_query_one(w->tx, "SELECT hashes FROM audit_tiles WHERE id = $1",
                               MRL_ARGS(MRL_INT(id)), &rows);
        if (err == MRL_ERR_NOT_FOUND)
            return bad(w, 1, size, "a tile above them is missing");
        MRL_TRY(err);
        if (!mrl_bytes_eq(mrl_row_bytes(rows, 0), made))
            return bad(w, 1, size, "a tile above them is another one");
    }
    return MRL_OK;
}

static mrl_err check_checkpoint(struct walk *w, uint64_t size)
{
    struct mrl_checkpoint c;
    struct mrl_tlog_hash root;
    struct mrl_note *note = malloc(sizeof(*note));
    uint64_t from =
        w->found.signed_entries + 1 < w->found.first ? w->found.first : w->found.signed_entries + 1;
    mrl_err err;

    if (note == NULL)
        abort();
    err = mrl_checkpoint_open(mrl_row_bytes(w->checkpoints, 1), w->key, note, &c, NULL);
    free(note);
    if (err != MRL_OK || c.size != size)
        return bad(w, from, size, "the checkpoint over them is not signed by the key of this log");
    MRL_TRY(root_here(w, &root));
    if (!mrl_tlog_hash_eq(&root, &c.root))
        return bad(w, from, size, "they are others than those the checkpoint was signed over");
    w->found.signed_entries = size;
    w->found.root = root;
    MRL_TRY(next_checkpoint(w));
    return w->checkpoints == NULL ? compare_growing(w) : MRL_OK;
}

/* Those of the present size, and those before the log begins. */
static mrl_err check_checkpoints(struct walk *w)
{
    while (w->checkpoints != NULL) {
        uint64_t size = (uint64_t)mrl_row_int(w->checkpoints, 0);

        if (size > w->edge->size)
            return MRL_OK;
        MRL_TRY(size < w->edge->size ? next_checkpoint(w) : check_checkpoint(w, size));
    }
    return MRL_OK;
}

/* --- the index --- */

static mrl_err check_epoch(struct walk *w, uint64_t epoch)
{
    MRL_AUTO(mrl_audit_index) index = NULL;
    uint64_t from = epoch * MRL_AUDIT_EPOCH + 1;
    mrl_err err;

    if (epoch < w->indexed_from || epoch >= w->indexed_to || from < w->found.first)
        return MRL_OK;
    MRL_TRY(mrl_audit_index_new(w->tx, epoch, &index, NULL));
    err = mrl_audit_index_compare(w->tx, index);
    return err == MRL_ERR_CORRUPT
               ? bad(w, from, from + MRL_AUDIT_EPOCH - 1, "the search index of them is another one")
               : err;
}

/* --- the walk --- */

static mrl_err end_of_epoch(struct walk *w, uint64_t seq)
{
    MRL_TRY(check_epoch(w, seq / MRL_AUDIT_EPOCH - 1));
    if (w->progress != NULL)
        MRL_ENSURE(w->progress(w->context, seq), MRL_ERR_CLOSED);
    return MRL_OK;
}

static mrl_err check_entry(void *context, const struct mrl_audit_row *row)
{
    struct walk *w = context;
    struct mrl_audit_full full = {.count = 0};
    struct mrl_tlog_hash leaf;
    mrl_err err;

    if (row->seq != w->edge->size + 1)
        return bad(w, w->edge->size + 1, row->seq - 1, "is missing");
    MRL_TRY(mrl_tlog_leaf(row->json, &leaf));
    err = mrl_audit_edge_add(w->edge, &leaf, &full);
    if (err == MRL_OK)
        err = compare_tiles(w, &full);
    mrl_audit_full_done(&full);
    MRL_TRY(err);
    MRL_TRY(check_text(w, row));
    MRL_TRY(check_checkpoints(w));
    w->found.entries = row->seq;
    return row->seq % MRL_AUDIT_EPOCH == 0 ? end_of_epoch(w, row->seq) : MRL_OK;
}

static mrl_err start_walk(struct walk *w, uint64_t *last)
{
    uint64_t first;

    MRL_TRY(mrl_audit_bounds(w->tx, &first, last));
    w->found.first = first == 0 ? 1 : first - (first - 1) % MRL_TLOG_WIDTH;
    MRL_TRY(mrl_audit_indexed(w->tx, &w->indexed_from, &w->indexed_to));
    MRL_TRY(mrl_tx_query(w->tx, "SELECT size, note FROM audit_checkpoints ORDER BY size",
                         MRL_NO_ARGS, &w->checkpoints));
    MRL_TRY(next_checkpoint(w));
    w->found.entries = w->found.first - 1;
    if (mrl_audit_edge_load(w->tx, w->found.first - 1, w->edge) != MRL_OK)
        return bad(w, 1, w->found.first - 1, "the tiles over what was pruned are damaged");
    return check_checkpoints(w);
}

static mrl_err do_walk(struct walk *w)
{
    struct mrl_audit_range all = {.open = MRL_AUDIT_OPENED};
    struct mrl_why why = {""};
    uint64_t last;
    mrl_err err;

    MRL_TRY(start_walk(w, &last));
    all.from = w->found.first;
    all.to = last;
    err = mrl_audit_walk_entries(w->tx, &all, check_entry, w, &why);
    if (err == MRL_ERR_CORRUPT && w->found.bad_from == 0) {
        (void)bad(w, w->edge->size + 1, w->edge->size + 1, ""); /* the sentence is the envelope's */
        w->found.why = why;
    }
    MRL_TRY(err);
    if (w->checkpoints != NULL)
        return bad(w, last + 1, (uint64_t)mrl_row_int(w->checkpoints, 0),
                   "missing: a checkpoint was signed over them");
    return MRL_OK;
}

mrl_err mrl_audit_verify(struct mrl_tx *tx, bool (*progress)(void *context, uint64_t seq),
                         void *context, struct mrl_audit_verdict *out)
{
    const struct mrl_audit *a = mrl_tx_attached(tx);
    struct walk w = {.tx = tx, .progress = progress, .context = context};
    mrl_err err;

    MRL_ENSURE(a != NULL && a->key.key != NULL, MRL_ERR_STATE);
    w.key = &a->key;
    w.edge = calloc(1, sizeof(*w.edge));
    if (w.edge == NULL)
        abort();
    err = do_walk(&w);
    mrl_rows_free(w.checkpoints);
    free(w.edge);
    if (err != MRL_OK && w.found.bad_from == 0) /* not a finding: the walk itself failed */
        return err;
    *out = w.found;
    return MRL_OK;
}
