/* SPDX-License-Identifier: Apache-2.0 */
#include "main/rotation.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "access/actor.h"
#include "audit/audit.h"
#include "base/log.h"
#include "main/columns.h"
#include "main/sealing.h"

enum { SEALED_MAX = 64 };

struct mrl_rotation {
    struct mrl_service *service;
    struct mrl_seal_rotation *seal;
    struct mrl_seal_column columns[SEALED_MAX];
    struct mrl_job step;
    _Atomic bool wanted; /* a step is to be made */
    _Atomic bool busy;   /* step is with the service */
    mrl_err told;        /* the last failure that was logged; only the step touches it */
};

static const struct mrl_actor system_actor = {.kind = MRL_ACTOR_SYSTEM,
                                              .id = MRL_LIT_INIT("merlond")};

static mrl_err on_ended(void *context, struct mrl_tx *tx, const struct mrl_seal_progress *p)
{
    const struct mrl_audit_detail details[] = {
        MRL_AUDIT_INT("data_key", p->data_key), MRL_AUDIT_INT("sealed", p->sealed),
        MRL_AUDIT_INT("failed", p->failed), MRL_AUDIT_INT("dropped", p->dropped),
        MRL_AUDIT_INT("kept", p->kept)};
    struct mrl_audit_event e =
        mrl_actor_event(&system_actor, MRL_AUDIT_KEYS_ROTATED, MRL_BYTES_NONE);

    (void)context;
    e.details = details;
    e.details_count = MRL_COUNT(details);
    e.outcome = p->failed > 0 ? MRL_AUDIT_FAILED : MRL_AUDIT_OK;
    e.reason = mrl_str(p->failure.text);
    return mrl_audit_append(tx, &e, NULL);
}

static void kick(struct mrl_rotation *r)
{
    if (!atomic_load(&r->wanted) || atomic_exchange(&r->busy, true))
        return;
    if (mrl_service_submit(r->service, &r->step) != MRL_OK)
        atomic_store(&r->busy, false); /* the next second tries again */
}

/* Once, and again only when it changes: the step is tried every second. */
static void tell(struct mrl_rotation *r, mrl_err err, const struct mrl_why *why)
{
    if (err != MRL_OK && err != r->told)
        mrl_log_error("keys.rotation_stopped", MRL_FIELD_STR("error", mrl_err_name(err)),
                      MRL_FIELD_STR("why", why->text));
    r->told = err;
}

/* What is wanted while a step runs is done by the next one, or by the next second. */
static void run_step(struct mrl_job *j)
{
    struct mrl_rotation *r = MRL_CONTAINER(j, struct mrl_rotation, step);
    struct mrl_why why = {{0}};
    bool more = false;
    mrl_err err;

    atomic_store(&r->wanted, false);
    err = mrl_seal_rotation_step(r->seal, &more, &why);
    tell(r, err, &why);
    if (more || err != MRL_OK)
        atomic_store(&r->wanted, true);
    atomic_store(&r->busy, false);
    if (err == MRL_OK)
        kick(r);
}

struct mrl_rotation *mrl_rotation_new(struct mrl_store *store, struct mrl_sealer *sealer,
                                      struct mrl_keys_client *keys, struct mrl_service *service)
{
    struct mrl_rotation *r = calloc(1, sizeof(*r));
    struct mrl_seal_rotation_config config = {
        .store = store, .sealer = sealer, .root = mrl_sealing_root(keys), .ended = on_ended};

    if (r == NULL)
        abort();
    r->service = service;
    r->step.run = run_step;
    config.columns = r->columns;
    config.column_count = mrl_columns_sealed(r->columns, SEALED_MAX);
    r->seal = mrl_seal_rotation_new(&config);
    return r;
}

void mrl_rotation_free(struct mrl_rotation *r)
{
    if (r == NULL)
        return;
    mrl_seal_rotation_free(r->seal);
    free(r);
}

struct mrl_seal_rotation *mrl_rotation_of(struct mrl_rotation *r)
{
    return r->seal;
}

void mrl_rotation_wake(void *context)
{
    struct mrl_rotation *r = context;

    atomic_store(&r->wanted, true);
    kick(r);
}

void mrl_rotation_tick(struct mrl_rotation *r)
{
    kick(r);
}
