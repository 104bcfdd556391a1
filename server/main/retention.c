/* SPDX-License-Identifier: Apache-2.0 */
#include "main/retention.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "access/actor.h"
#include "audit/prune.h"
#include "base/clock.h"
#include "base/log.h"

struct mrl_retention {
    struct mrl_store *store;
    struct mrl_exports *exports;
    struct mrl_service *service;
    uint64_t keep_s;
    uint64_t next_ms; /* the ticking thread's */
    struct mrl_job look;
    _Atomic bool busy; /* look is with the service */
};

static const struct mrl_actor system_actor = {.kind = MRL_ACTOR_SYSTEM,
                                              .id = MRL_LIT_INIT("merlond")};

static mrl_err prune(struct mrl_retention *r, uint64_t before, struct mrl_why *why)
{
    char reason[64];
    struct mrl_audit_pruned pruned;
    struct mrl_audit_event e =
        mrl_actor_event(&system_actor, MRL_AUDIT_AUDIT_PRUNED, MRL_LIT("audit"));

    (void)snprintf(reason, sizeof(reason), "[audit] keep = %llus", (unsigned long long)r->keep_s);
    e.reason = mrl_str(reason);
    return mrl_audit_prune(r->store, before, &e, &pruned, why);
}

static mrl_err look(struct mrl_retention *r, struct mrl_why *why)
{
    int64_t oldest_ms = mrl_wall_ms() - (int64_t)r->keep_s * 1000;
    uint64_t confirmed = r->exports == NULL ? UINT64_MAX : mrl_export_slowest(r->exports);
    uint64_t before;
    mrl_err err;

    MRL_TRY(mrl_audit_before_time(r->store, oldest_ms, &before));
    if (confirmed < before)
        before = confirmed + 1; /* the sink has got up to here */
    err = prune(r, before, why);
    return err == MRL_ERR_STATE ? MRL_OK : err; /* nothing is old enough */
}

static void run_look(struct mrl_job *j)
{
    struct mrl_retention *r = MRL_CONTAINER(j, struct mrl_retention, look);
    struct mrl_why why = {""};
    mrl_err err = look(r, &why);

    if (err != MRL_OK)
        mrl_log_error("audit.not_pruned", MRL_FIELD_STR("error", mrl_err_name(err)),
                      MRL_FIELD_STR("why", why.text));
    atomic_store(&r->busy, false);
}

struct mrl_retention *mrl_retention_new(struct mrl_store *store, struct mrl_exports *exports,
                                        struct mrl_service *service, uint64_t keep_s)
{
    struct mrl_retention *r = calloc(1, sizeof(*r));

    if (r == NULL)
        abort();
    r->store = store;
    r->exports = exports;
    r->service = service;
    r->keep_s = keep_s;
    r->look.run = run_look;
    return r;
}

void mrl_retention_free(struct mrl_retention *r)
{
    free(r);
}

void mrl_retention_tick(struct mrl_retention *r, uint64_t now_ms)
{
    if (r->keep_s == 0 || now_ms < r->next_ms || atomic_exchange(&r->busy, true))
        return;
    if (mrl_service_submit(r->service, &r->look) != MRL_OK)
        atomic_store(&r->busy, false); /* the next tick tries again */
    else
        r->next_ms = now_ms + MRL_RETENTION_EVERY_MS;
}
