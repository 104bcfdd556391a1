/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/erase.h"

#include <string.h>

#include "audit/facts.h"
#include "audit/index.h"
#include "audit/read.h"

/* One epoch at a time. */
struct erasing {
    struct mrl_write write;
    mrl_bytes kind, id; /* of whom */
    uint64_t epoch, last;
    struct mrl_buf found; /* numbers of this epoch, uint64_t each */
    struct mrl_audit_erased erased;
    const struct mrl_audit_event *event;
    struct mrl_why *why;
};

static bool is_about(const struct erasing *e, const struct mrl_audit_row *row,
                     const struct mrl_audit_facts *f)
{
    const struct mrl_audit_opening *target = mrl_audit_opening_of(row->opened, MRL_LIT("target"));

    return target != NULL && mrl_bytes_eq(e->kind, MRL_LIT("operator")) &&
           mrl_bytes_eq(target->value, e->id) && mrl_bytes_eq(f->target, e->id);
}

static bool is_by(const struct erasing *e, const struct mrl_audit_facts *f)
{
    return mrl_bytes_eq(f->kind, e->kind) && mrl_bytes_eq(f->actor, e->id);
}

static bool is_erased(const struct erasing *e, const struct mrl_audit_row *row,
                      const struct mrl_audit_facts *f, mrl_bytes field)
{
    return mrl_bytes_eq(field, MRL_LIT("target")) ? is_about(e, row, f) : is_by(e, f);
}

/* What stays of the openings of a row. */
static void keep_others(const struct erasing *e, const struct mrl_audit_row *row,
                        struct mrl_audit_openings *kept)
{
    struct mrl_audit_facts f;

    *kept = (struct mrl_audit_openings){0};
    if (mrl_audit_facts_read(row, &f) != MRL_OK) {
        *kept = *row->opened; /* nobody can be found in it */
        return;
    }
    for (size_t i = 0; i < row->opened->count; i++)
        if (!is_erased(e, row, &f, row->opened->at[i].field))
            kept->at[kept->count++] = row->opened->at[i];
    mrl_audit_facts_done(&f);
}

static mrl_err look_at(void *context, const struct mrl_audit_row *row)
{
    struct erasing *e = context;
    struct mrl_audit_openings kept;

    if (row->opened->count == 0)
        return MRL_OK;
    keep_others(e, row, &kept);
    if (kept.count == row->opened->count)
        return MRL_OK;
    return mrl_buf_append(&e->found, mrl_bytes_of(&row->seq, sizeof(row->seq)));
}

static mrl_err find_in_epoch(struct mrl_tx *tx, struct erasing *e)
{
    const struct mrl_audit_range range = {.from = e->epoch * MRL_AUDIT_EPOCH + 1,
                                          .to = (e->epoch + 1) * MRL_AUDIT_EPOCH,
                                          .open = MRL_AUDIT_OPENABLE};

    mrl_buf_clear(&e->found);
    return mrl_audit_walk_entries(tx, &range, look_at, e, e->why);
}

static mrl_err count_all(struct mrl_tx *tx, void *context)
{
    struct erasing *e = context;
    uint64_t first;

    MRL_TRY(mrl_audit_bounds(tx, &first, &e->last));
    for (e->epoch = first == 0 ? 0 : (first - 1) / MRL_AUDIT_EPOCH;
         e->epoch * MRL_AUDIT_EPOCH < e->last; e->epoch++) {
        MRL_TRY(find_in_epoch(tx, e));
        e->erased.entries += e->found.len / sizeof(uint64_t);
    }
    return MRL_OK;
}

struct changing {
    const struct erasing *e;
    struct mrl_tx *tx;
    struct mrl_audit *audit;
};

static mrl_err seal_kept(const struct changing *c, uint64_t seq,
                         const struct mrl_audit_openings *kept, struct mrl_buf *sealed)
{
    char memory[MRL_SEAL_NUMBER_MAX];
    const struct mrl_seal_place place = mrl_audit_private_place(seq, memory);
    MRL_SCOPED(mrl_buf) plain = {0};

    MRL_TRY(mrl_audit_openings_write(kept, &plain));
    return mrl_seal(c->audit->sealer, &place, mrl_buf_bytes(&plain), sealed);
}

static mrl_err change_row(void *context, const struct mrl_audit_row *row)
{
    const struct changing *c = context;
    struct mrl_audit_openings kept;
    MRL_SCOPED(mrl_buf) sealed = {0};
    uint64_t seq = row->seq;

    keep_others(c->e, row, &kept);
    if (kept.count > 0)
        MRL_TRY(seal_kept(c, seq, &kept, &sealed));
    return mrl_tx_exec(
        c->tx, "UPDATE audit_entries SET private = $1 WHERE seq = $2",
        MRL_ARGS(kept.count > 0 ? MRL_BLOB(mrl_buf_bytes(&sealed)) : MRL_NULL, MRL_INT(seq)), NULL);
}

static mrl_err index_again(struct mrl_tx *tx, const struct erasing *e)
{
    MRL_AUTO(mrl_audit_index) index = NULL;
    uint64_t from, to;

    MRL_TRY(mrl_audit_indexed(tx, &from, &to));
    if (e->epoch < from || e->epoch >= to)
        return MRL_OK;
    MRL_TRY(mrl_audit_index_new(tx, e->epoch, &index, e->why));
    return mrl_audit_index_write(tx, index);
}

static mrl_err erase_epoch(struct mrl_tx *tx, struct mrl_write *w)
{
    struct erasing *e = MRL_CONTAINER(w, struct erasing, write);
    struct changing c = {.e = e, .tx = tx, .audit = mrl_tx_attached(tx)};

    MRL_ENSURE(c.audit != NULL, MRL_ERR_STATE);
    MRL_TRY(find_in_epoch(tx, e));
    for (size_t at = 0; at < e->found.len; at += sizeof(uint64_t)) {
        struct mrl_audit_range one = {.open = MRL_AUDIT_OPENED};

        memcpy(&one.from, &e->found.data[at], sizeof(one.from));
        one.to = one.from;
        MRL_TRY(mrl_audit_walk_entries(tx, &one, change_row, &c, e->why));
    }
    return e->found.len > 0 ? index_again(tx, e) : MRL_OK;
}

static mrl_err append_entry(struct mrl_tx *tx, struct mrl_write *w)
{
    struct erasing *e = MRL_CONTAINER(w, struct erasing, write);
    const struct mrl_audit_detail detail = MRL_AUDIT_INT("entries", e->erased.entries);
    struct mrl_audit_event event = *e->event;

    event.details = &detail;
    event.details_count = 1;
    return mrl_audit_append(tx, &event, &e->erased.seq);
}

static mrl_err look_in_epoch(struct mrl_tx *tx, void *context)
{
    return find_in_epoch(tx, context);
}

/* The one writer is asked only where a reader found something. */
static mrl_err erase_all(struct mrl_store *store, struct erasing *e)
{
    MRL_TRY(mrl_store_read(store, count_all, e));
    e->write.run = append_entry;
    MRL_TRY(mrl_store_write(store, &e->write));
    e->write.run = erase_epoch;
    e->write.forget = true;
    for (e->epoch = 0; e->epoch * MRL_AUDIT_EPOCH < e->last; e->epoch++) {
        MRL_TRY(mrl_store_read(store, look_in_epoch, e));
        if (e->found.len > 0)
            MRL_TRY(mrl_store_write(store, &e->write));
    }
    return MRL_OK;
}

mrl_err mrl_audit_erase(struct mrl_store *store, mrl_bytes actor, const struct mrl_audit_event *e,
                        struct mrl_audit_erased *out, struct mrl_why *why)
{
    struct erasing erasing = {.write = {.why = why}, .event = e, .why = why};
    mrl_err err;

    if (!mrl_bytes_split(actor, ':', &erasing.kind, &erasing.id) || erasing.id.len == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "an actor is <kind>:<id>, as operator:alice");
    err = erase_all(store, &erasing);
    mrl_buf_done(&erasing.found);
    if (err == MRL_OK)
        *out = erasing.erased;
    return err;
}
