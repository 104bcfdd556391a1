/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/checkpoint.h"

#include <stdlib.h>

#include "audit/edge.h"
#include "audit/entries.h"
#include "audit/index.h"
#include "base/clock.h"

enum {
    EPOCHS_MOST = MRL_AUDIT_CHECKPOINT_MOST / MRL_AUDIT_EPOCH,
    DAY_MS = 86400 * 1000,
};

/* One checkpoint being made. */
struct work {
    struct mrl_write write;
    struct mrl_audit *audit;
    struct mrl_audit_edge *edge; /* grows from the last checkpoint to this one */
    struct mrl_audit_full full;
    struct mrl_audit_index *epochs[EPOCHS_MOST + 1];
    size_t epoch_count;
    uint64_t old;                     /* size of the last checkpoint */
    struct mrl_buf old_note;          /* and its note */
    uint64_t last;                    /* of the log */
    struct mrl_audit_signing signing; /* what is to be signed */
    struct mrl_tlog_proof other;      /* the proof from what was signed but not stored */
    struct mrl_buf note;
    int64_t time_ms;
    struct mrl_why *why;
};

mrl_err mrl_audit_newest(struct mrl_tx *tx, struct mrl_rows **rows, struct mrl_audit_newest *out)
{
    mrl_err err = mrl_tx_query_one(
        tx, "SELECT size, note, time FROM audit_checkpoints ORDER BY size DESC LIMIT 1",
        MRL_NO_ARGS, rows);

    *out = (struct mrl_audit_newest){0};
    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK;
    MRL_TRY(err);
    *out = (struct mrl_audit_newest){(uint64_t)mrl_row_int(*rows, 0), mrl_row_bytes(*rows, 1),
                                     mrl_row_int(*rows, 2)};
    return MRL_OK;
}

/* --- reading what is new --- */

static mrl_err read_bounds(struct mrl_tx *tx, struct work *w)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_audit_newest newest;

    MRL_TRY(mrl_audit_newest(tx, &rows, &newest));
    MRL_TRY(mrl_audit_last(tx, &w->last));
    w->old = newest.size;
    MRL_TRY(mrl_buf_append(&w->old_note, newest.note));
    if (w->last < w->old)
        return mrl_fail(w->why, MRL_ERR_CORRUPT,
                        "the log has %llu entries, its newest checkpoint is over %llu: entries "
                        "are missing",
                        (unsigned long long)w->last, (unsigned long long)w->old);
    return MRL_OK;
}

static mrl_err read_edge(struct mrl_tx *tx, struct work *w)
{
    if (w->audit->edge.size == w->old) {
        *w->edge = w->audit->edge;
        return MRL_OK;
    }
    if (mrl_audit_edge_load(tx, w->old, w->edge) != MRL_OK)
        return mrl_fail(w->why, MRL_ERR_CORRUPT, "the tiles of the log of %llu entries are damaged",
                        (unsigned long long)w->old);
    return MRL_OK;
}

static mrl_err add_entry(void *context, const struct mrl_audit_row *row)
{
    struct work *w = context;
    struct mrl_tlog_hash leaf;

    if (row->seq != w->edge->size + 1)
        return mrl_fail(w->why, MRL_ERR_CORRUPT, "entry %llu is missing",
                        (unsigned long long)w->edge->size + 1);
    MRL_TRY(mrl_tlog_leaf(row->json, &leaf));
    return mrl_audit_edge_add(w->edge, &leaf, &w->full);
}

static mrl_err read_entries(struct mrl_tx *tx, struct work *w)
{
    struct mrl_audit_range more = {.from = w->old + 1, .to = w->last};

    if (w->last - w->old > MRL_AUDIT_CHECKPOINT_MOST)
        more.to = w->old + MRL_AUDIT_CHECKPOINT_MOST;
    MRL_TRY(mrl_audit_walk_entries(tx, &more, add_entry, w, w->why));
    for (uint64_t e = w->old / MRL_AUDIT_EPOCH; e < w->edge->size / MRL_AUDIT_EPOCH; e++)
        MRL_TRY(mrl_audit_index_new(tx, e, &w->epochs[w->epoch_count++], w->why));
    return MRL_OK;
}

static mrl_err prove(struct mrl_tx *tx, struct work *w)
{
    struct mrl_audit_source source = {.tx = tx, .edge = w->edge, .full = &w->full};
    const struct mrl_tlog_tiles tiles = mrl_audit_source_tiles(&source);
    uint64_t tried = w->audit->tried;
    mrl_err err;

    w->signing.size = w->edge->size;
    w->signing.old = w->old;
    err = mrl_tlog_tiles_root(&tiles, w->signing.size, &w->signing.root);
    if (err == MRL_OK)
        err = mrl_tlog_prove_consistency(&tiles, w->old, w->signing.size, &w->signing.proof);
    if (err == MRL_OK && tried > w->old && tried <= w->signing.size)
        err = mrl_tlog_prove_consistency(&tiles, tried, w->signing.size, &w->other);
    mrl_audit_source_done(&source);
    return err;
}

static mrl_err read_work(struct mrl_tx *tx, void *context)
{
    struct work *w = context;

    MRL_TRY(read_bounds(tx, w));
    if (w->last == w->old)
        return MRL_OK;
    MRL_TRY(read_edge(tx, w));
    MRL_TRY(read_entries(tx, w));
    return prove(tx, w);
}

/* --- signing and storing --- */

/* A signature that was given but not stored, or that timed out, may be what was signed last. */
static mrl_err sign(struct work *w, mrl_audit_sign ask, void *context,
                    uint8_t signature[static MRL_AUDIT_SIGNATURE])
{
    struct mrl_audit *a = w->audit;
    uint64_t tried = a->tried;
    mrl_err err;

    w->signing.note = mrl_buf_bytes(&w->old_note);
    a->tried = w->signing.size;
    err = ask(context, &w->signing, signature, w->why);
    if (err != MRL_ERR_STATE || tried <= w->old || tried > w->signing.size)
        return err;
    w->signing.old = tried;
    w->signing.proof = w->other;
    return ask(context, &w->signing, signature, w->why);
}

static mrl_err write_note(struct work *w, const uint8_t signature[static MRL_AUDIT_SIGNATURE])
{
    const struct mrl_note_key *key = &w->audit->key;
    const struct mrl_checkpoint c = {mrl_str(key->name), w->signing.size, w->signing.root};
    char memory[MRL_CHECKPOINT_TEXT_MAX];
    mrl_bytes text;

    MRL_TRY(mrl_checkpoint_text(&c, memory, &text));
    MRL_TRY(mrl_buf_append(&w->note, text));
    MRL_TRY(mrl_buf_append(&w->note, MRL_LIT("\n")));
    return mrl_note_put_signature(&w->note, c.origin, key->id,
                                  mrl_bytes_of(signature, MRL_AUDIT_SIGNATURE));
}

/* Kept are the newest, the newest that witnesses cosigned, and the last of each day. */
static mrl_err drop_older(struct mrl_tx *tx, const struct work *w)
{
    return mrl_tx_exec(
        tx,
        "DELETE FROM audit_checkpoints WHERE size < $1 AND time >= $2 AND size <>"
        " (SELECT COALESCE(MAX(size), 0) FROM audit_checkpoints WHERE cosigned > 0)",
        MRL_ARGS(MRL_INT(w->signing.size), MRL_INT(w->time_ms - w->time_ms % DAY_MS)), NULL);
}

static mrl_err run_write(struct mrl_tx *tx, struct mrl_write *write)
{
    struct work *w = MRL_CONTAINER(write, struct work, write);

    MRL_TRY(mrl_audit_edge_write(tx, w->edge, &w->full));
    for (size_t i = 0; i < w->epoch_count; i++)
        MRL_TRY(mrl_audit_index_write(tx, w->epochs[i]));
    MRL_TRY(mrl_tx_exec(
        tx, "INSERT INTO audit_checkpoints (size, note, time, cosigned) VALUES ($1, $2, $3, 0)",
        MRL_ARGS(MRL_INT(w->signing.size), MRL_TEXT(mrl_buf_bytes(&w->note)), MRL_INT(w->time_ms)),
        NULL));
    return drop_older(tx, w);
}

static void stored(struct work *w)
{
    struct mrl_audit *a = w->audit;

    a->edge = *w->edge;
    atomic_store(&a->signed_size, w->signing.size);
    atomic_store(&a->signed_ms, w->time_ms);
    atomic_fetch_add(&a->signed_count, 1);
}

static void work_done(struct work *w)
{
    for (size_t i = 0; i < w->epoch_count; i++)
        mrl_audit_index_free(w->epochs[i]);
    mrl_audit_full_done(&w->full);
    mrl_buf_done(&w->old_note);
    mrl_buf_done(&w->note);
    free(w->edge);
}

static mrl_err do_work(struct work *w, mrl_audit_sign ask, void *context)
{
    uint8_t signature[MRL_AUDIT_SIGNATURE];

    MRL_TRY(mrl_store_read(w->audit->store, read_work, w)); /* only what is committed is signed */
    if (w->last == w->old)
        return MRL_OK;
    MRL_TRY(sign(w, ask, context, signature));
    MRL_TRY(write_note(w, signature));
    w->time_ms = mrl_wall_ms();
    MRL_TRY(mrl_store_write(w->audit->store, &w->write));
    stored(w);
    return MRL_OK;
}

/* *more: there was more than one checkpoint goes on. */
static mrl_err one_checkpoint(struct mrl_audit *a, mrl_audit_sign ask, void *context, bool *more,
                              struct mrl_why *why)
{
    struct work w = {.write = {.run = run_write, .why = why}, .audit = a, .why = why};
    mrl_err err;

    w.edge = calloc(1, sizeof(*w.edge));
    if (w.edge == NULL)
        abort();
    err = do_work(&w, ask, context);
    *more = err == MRL_OK && w.last > w.old && w.last > w.signing.size;
    work_done(&w);
    return err;
}

mrl_err mrl_audit_checkpoint(struct mrl_audit *a, mrl_audit_sign sign_with, void *context,
                             struct mrl_why *why)
{
    struct mrl_why own = {""};
    bool more = true;
    mrl_err err = MRL_OK;

    MRL_ENSURE(a->key.key != NULL, MRL_ERR_STATE);
    (void)pthread_mutex_lock(&a->checkpointing); /* our own, not recursive: cannot fail */
    atomic_store(&a->uncovered, 0);
    while (err == MRL_OK && more)
        err = one_checkpoint(a, sign_with, context, &more, why != NULL ? why : &own);
    (void)pthread_mutex_unlock(&a->checkpointing);
    if (err != MRL_OK)
        atomic_fetch_add(err == MRL_ERR_CORRUPT ? &a->refused : &a->failed, 1);
    return err;
}

bool mrl_audit_checkpoint_due(const struct mrl_audit *a)
{
    return atomic_load(&a->uncovered) >= MRL_AUDIT_CHECKPOINT_ENTRIES;
}

void mrl_audit_stats(const struct mrl_audit *a, struct mrl_audit_stats *out)
{
    *out = (struct mrl_audit_stats){
        .size = atomic_load(&a->signed_size),
        .time_ms = atomic_load(&a->signed_ms),
        .signed_ = atomic_load(&a->signed_count),
        .refused = atomic_load(&a->refused),
        .failed = atomic_load(&a->failed),
    };
}

mrl_err mrl_audit_vkey(const struct mrl_audit *a, char to[static MRL_NOTE_VKEY_MAX])
{
    MRL_ENSURE(a->key.key != NULL, MRL_ERR_STATE);
    return mrl_note_key_format(&a->key, to);
}

const char *mrl_audit_origin(const struct mrl_audit *a)
{
    return a->key.name;
}
