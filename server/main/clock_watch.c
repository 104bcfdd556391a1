/* SPDX-License-Identifier: Apache-2.0 */
#include "main/clock_watch.h"

#include <stdlib.h>

#include "access/actor.h"
#include "base/clock.h"
#include "base/log.h"

static const struct mrl_actor system_actor = {.kind = MRL_ACTOR_SYSTEM,
                                              .id = MRL_LIT_INIT("merlond")};

static const struct mrl_migration migrations[] = {
    {"clock", 1,
     "CREATE TABLE server_clock (id INTEGER NOT NULL PRIMARY KEY, seen INTEGER NOT NULL);"},
};
const struct mrl_migration_list mrl_clock_migrations = {migrations, MRL_COUNT(migrations)};

static mrl_err read_seen(struct mrl_tx *tx, void *context)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT seen FROM server_clock WHERE id = 1", MRL_NO_ARGS, &rows));
    *(int64_t *)context = mrl_row_int(rows, 0);
    return MRL_OK;
}

mrl_err mrl_clock_check_start(struct mrl_store *s, int64_t wall_ms, struct mrl_why *why)
{
    char seen_text[MRL_TIME_TEXT], now_text[MRL_TIME_TEXT];
    int64_t seen_ms;
    mrl_err err = mrl_store_read(s, read_seen, &seen_ms);

    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK;
    MRL_TRY(err);
    mrl_time_format(seen_ms, seen_text);
    mrl_time_format(wall_ms, now_text);
    if (wall_ms < seen_ms - (int64_t)MRL_CLOCK_JUMP_S * 1000)
        return mrl_fail(why, MRL_ERR_STATE,
                        "the clock says %s, and this store has seen %s: set the clock, or start "
                        "once with --accept-clock REASON",
                        now_text, seen_text);
    if (wall_ms > seen_ms + (int64_t)MRL_CLOCK_AWAY_S * 1000)
        return mrl_fail(why, MRL_ERR_STATE,
                        "the clock says %s, and the last this store has seen is %s: if both are "
                        "right, start once with --accept-clock REASON",
                        now_text, seen_text);
    return MRL_OK;
}

bool mrl_clock_judge(struct mrl_clock_watch *w, int64_t wall_ms, uint64_t passed_ms,
                     int64_t *off_ms)
{
    const int64_t jump_ms = (int64_t)MRL_CLOCK_JUMP_S * 1000;
    int64_t expected_ms = w->wall_ms + (int64_t)(passed_ms - w->passed_ms);
    enum mrl_clock_verdict before = w->verdict;

    *off_ms = wall_ms - expected_ms;
    w->verdict = *off_ms > jump_ms || *off_ms < -jump_ms ? MRL_CLOCK_DOUBTED : MRL_CLOCK_GOOD;
    if (w->verdict == MRL_CLOCK_GOOD)
        *w = (struct mrl_clock_watch){wall_ms, passed_ms, MRL_CLOCK_GOOD};
    return w->verdict != before;
}

struct remembering {
    struct mrl_write write;
    int64_t seen_ms;
};

static mrl_err run_remember(struct mrl_tx *tx, struct mrl_write *w)
{
    return mrl_tx_exec(tx,
                       "INSERT INTO server_clock (id, seen) VALUES (1, $1)"
                       " ON CONFLICT (id) DO UPDATE SET seen = excluded.seen",
                       MRL_ARGS(MRL_INT(MRL_CONTAINER(w, struct remembering, write)->seen_ms)),
                       NULL);
}

static void on_remembered(struct mrl_write *w, mrl_err result)
{
    (void)result; /* a full disk: the next minute tries again */
    free(MRL_CONTAINER(w, struct remembering, write));
}

static void remember(struct mrl_store *s, int64_t seen_ms)
{
    struct remembering *r = calloc(1, sizeof(*r));

    if (r == NULL)
        abort();
    r->write = (struct mrl_write){.run = run_remember, .done = on_remembered};
    r->seen_ms = seen_ms;
    mrl_store_submit(s, &r->write);
}

void mrl_clock_start(struct mrl_clock_watch *w, struct mrl_store *s)
{
    *w = (struct mrl_clock_watch){mrl_machine_wall_ms(), mrl_machine_passed_ms(), MRL_CLOCK_GOOD};
    mrl_clock_trust(w->wall_ms, w->passed_ms, (int64_t)MRL_CLOCK_JUMP_S * 1000);
    remember(s, w->wall_ms);
}

static void tell(struct mrl_audit *audit, enum mrl_clock_verdict verdict, int64_t off_ms)
{
    const struct mrl_audit_detail detail = MRL_AUDIT_INT("off", off_ms / 1000);
    struct mrl_audit_event e = mrl_actor_event(
        &system_actor,
        verdict == MRL_CLOCK_DOUBTED ? MRL_AUDIT_SERVER_CLOCK_DOUBTED : MRL_AUDIT_SERVER_CLOCK_GOOD,
        MRL_BYTES_NONE);

    e.details = &detail;
    e.details_count = 1;
    mrl_audit_record(audit, &e, NULL, NULL);
    mrl_log_error(verdict == MRL_CLOCK_DOUBTED ? "clock.doubted" : "clock.good",
                  MRL_FIELD_INT("off_s", off_ms / 1000));
}

void mrl_clock_tick(struct mrl_clock_watch *w, struct mrl_store *s, struct mrl_audit *audit)
{
    int64_t off_ms, before_ms = w->wall_ms;
    bool changed = mrl_clock_judge(w, mrl_machine_wall_ms(), mrl_machine_passed_ms(), &off_ms);

    if (w->verdict == MRL_CLOCK_GOOD)
        mrl_clock_trust(w->wall_ms, w->passed_ms, (int64_t)MRL_CLOCK_JUMP_S * 1000);
    if (changed)
        tell(audit, w->verdict, off_ms);
    if (w->verdict == MRL_CLOCK_GOOD &&
        w->wall_ms / MRL_CLOCK_REMEMBER_MS != before_ms / MRL_CLOCK_REMEMBER_MS)
        remember(s, w->wall_ms);
}
