/* SPDX-License-Identifier: Apache-2.0 */
#include "main/store_watch.h"

#include "access/actor.h"
#include "audit/audit.h"
#include "base/log.h"

static const struct mrl_actor system_actor = {.kind = MRL_ACTOR_SYSTEM,
                                              .id = MRL_LIT_INIT("merlond")};

static mrl_err run_try(struct mrl_tx *tx, struct mrl_write *write)
{
    const struct mrl_store_watch *w = MRL_CONTAINER(write, struct mrl_store_watch, write);
    const struct mrl_audit_detail detail = MRL_AUDIT_INT("seconds", w->failed_s);
    struct mrl_audit_event e =
        mrl_actor_event(&system_actor, MRL_AUDIT_STORE_RECOVERED, MRL_LIT("store"));

    e.details = &detail;
    e.details_count = 1;
    return mrl_audit_append(tx, &e, NULL);
}

static void on_tried(struct mrl_write *write, mrl_err result)
{
    struct mrl_store_watch *w = MRL_CONTAINER(write, struct mrl_store_watch, write);

    if (result == MRL_OK) {
        mrl_log_info("store.recovered", MRL_FIELD_INT("seconds", w->failed_s));
        w->since_ms = 0;
    }
    atomic_store(&w->trying, false);
}

void mrl_store_watch_tick(struct mrl_store_watch *w, struct mrl_store *s, uint64_t now_ms)
{
    if (atomic_load(&w->trying) || (w->since_ms == 0 && !mrl_store_failing(s)))
        return;
    if (w->since_ms == 0) {
        w->since_ms = now_ms;
        mrl_log_error("store.failing", MRL_FIELD_STR("what", "nothing is written (full disk?): "
                                                             "changes are refused, issuing too"));
    }
    w->failed_s = (now_ms - w->since_ms) / 1000;
    w->write = (struct mrl_write){.run = run_try, .done = on_tried};
    atomic_store(&w->trying, true);
    mrl_store_submit(s, &w->write);
}
