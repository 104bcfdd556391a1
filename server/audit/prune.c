/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/prune.h"

#include "audit/checkpoint.h"
#include "audit/index.h"
#include "audit/read.h"

struct pruning {
    struct mrl_write write;
    uint64_t first, keep, covered; /* the log begins at, shall begin at, is signed up to */
    uint64_t until;                /* of this piece */
    const struct mrl_audit_event *event;
};

static mrl_err read_state(struct mrl_tx *tx, void *context)
{
    struct pruning *p = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_audit_newest newest;
    uint64_t last;

    MRL_TRY(mrl_audit_bounds(tx, &p->first, &last));
    MRL_TRY(mrl_audit_newest(tx, &rows, &newest));
    p->covered = newest.size;
    return MRL_OK;
}

/* The partial bundle at the end is never touched: its hashes are in no tile yet. */
static void round_down(struct pruning *p, uint64_t before)
{
    uint64_t most = p->covered - p->covered % MRL_TLOG_WIDTH + 1;
    uint64_t wanted = before < most ? before : most;

    p->keep = wanted == 0 ? 1 : wanted - (wanted - 1) % MRL_TLOG_WIDTH;
}

static mrl_err append_entry(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct pruning *p = MRL_CONTAINER(w, struct pruning, write);
    const struct mrl_audit_detail detail = MRL_AUDIT_INT("first", p->keep);
    struct mrl_audit_event event = *p->event;

    event.details = &detail;
    event.details_count = 1;
    return mrl_audit_append(tx, &event, NULL);
}

static mrl_err remove_piece(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct pruning *p = MRL_CONTAINER(w, struct pruning, write);

    MRL_TRY(mrl_tx_exec(tx, "DELETE FROM audit_entries WHERE seq < $1", MRL_ARGS(MRL_INT(p->until)),
                        NULL));
    return mrl_audit_index_prune(tx, (p->until - 1) / MRL_AUDIT_EPOCH);
}

mrl_err mrl_audit_prune(struct mrl_store *store, uint64_t before, const struct mrl_audit_event *e,
                        struct mrl_audit_pruned *out, struct mrl_why *why)
{
    struct pruning p = {.write = {.run = append_entry, .why = why}, .event = e};

    MRL_TRY(mrl_store_read(store, read_state, &p));
    round_down(&p, before);
    if (p.keep <= p.first)
        return mrl_fail(why, MRL_ERR_STATE,
                        "no whole bundle of %d entries lies before entry %llu, under a checkpoint",
                        MRL_TLOG_WIDTH, (unsigned long long)before);
    MRL_TRY(mrl_store_write(store, &p.write));
    p.write.run = remove_piece;
    for (p.until = p.first; p.until < p.keep;) {
        p.until = p.keep - p.until > MRL_AUDIT_EPOCH ? p.until + MRL_AUDIT_EPOCH : p.keep;
        p.write.forget = p.until == p.keep;
        MRL_TRY(mrl_store_write(store, &p.write));
    }
    *out = (struct mrl_audit_pruned){p.keep, p.keep - p.first};
    return MRL_OK;
}

struct by_time {
    int64_t time_ms;
    uint64_t before;
};

/* Clocks jump: an epoch is old only when all before it are, too. */
static mrl_err find_time(struct mrl_tx *tx, void *context)
{
    struct by_time *b = context;
    uint64_t epoch, to;
    int64_t oldest, newest;

    b->before = 0;
    MRL_TRY(mrl_audit_indexed(tx, &epoch, &to));
    for (; epoch < to; epoch++) {
        MRL_TRY(mrl_audit_epoch_times(tx, epoch, &oldest, &newest));
        if (newest >= b->time_ms)
            return MRL_OK;
        b->before = (epoch + 1) * MRL_AUDIT_EPOCH + 1;
    }
    return MRL_OK;
}

mrl_err mrl_audit_before_time(struct mrl_store *store, int64_t time_ms, uint64_t *before)
{
    struct by_time b = {.time_ms = time_ms};

    MRL_TRY(mrl_store_read(store, find_time, &b));
    *before = b.before;
    return MRL_OK;
}
