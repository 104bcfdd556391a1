/* SPDX-License-Identifier: Apache-2.0 */
#include "main/renewing.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "messages/announce.h"

enum { AT_ONCE_S = 10 /* whose turn it is renews within */, LIFE_MS = 86400000 };

struct mrl_renewing {
    struct mrl_renewals *renewals;
    struct mrl_service *service;
    struct mrl_worker *worker; /* of the step */
    struct mrl_job step;
    _Atomic bool busy; /* step is with the service */
    mrl_err told;      /* the last failure that was logged; only the step touches it */
};

struct telling {
    struct mrl_message message;
    struct mrl_renewals *renewals;
    struct mrl_worker *worker;
    struct mrl_renewal_batch *batch;
};

static void drop_telling(struct mrl_message *m)
{
    struct telling *t = MRL_CONTAINER(m, struct telling, message);

    free(t->batch);
    free(t);
}

/* On the worker. A kept session takes the message into its queue. */
static void on_telling(struct mrl_message *m, void *owner)
{
    struct telling *t = MRL_CONTAINER(m, struct telling, message);
    struct mrl_hub *hub = mrl_mqtt_door_hub(mrl_worker_door(t->worker));
    int64_t now_s = mrl_wall_s();
    const struct mrl_renewal_offer offer = {
        MRL_RENEWAL_BY_ORDER, t->batch->order, {now_s, now_s + AT_ONCE_S}};
    struct mrl_announcement a = {
        .name = MRL_LIT("renew"), .content_type = MRL_LIT("application/json"), .life_ms = LIFE_MS};
    MRL_SCOPED(mrl_buf) json = {0};

    (void)owner;
    if (mrl_renewal_offer_write(&offer, &json) == MRL_OK) {
        a.payload = mrl_buf_bytes(&json);
        for (size_t i = 0; i < t->batch->count; i++) {
            a.device = mrl_name_bytes(&t->batch->turns[i].device);
            t->batch->turns[i].reached = mrl_announce(hub, &a);
        }
    }
    mrl_renewals_told(t->renewals, MRL_TAKE(t->batch));
    drop_telling(m);
}

static void tell(void *context, struct mrl_renewal_batch *batch)
{
    struct mrl_renewing *r = context;
    struct telling *t = calloc(1, sizeof(*t));

    if (t == NULL)
        abort();
    t->message = (struct mrl_message){.handle = on_telling, .drop = drop_telling};
    t->renewals = r->renewals;
    t->worker = r->worker;
    t->batch = batch;
    mrl_worker_post(r->worker, &t->message);
}

static void run_step(struct mrl_job *j)
{
    struct mrl_renewing *r = MRL_CONTAINER(j, struct mrl_renewing, step);
    mrl_err err = mrl_renewals_step(r->renewals, mrl_monotonic_ms(), tell, r);

    if (err != MRL_OK && err != r->told) /* once: it is tried every second */
        mrl_log_error("renewals.stopped", MRL_FIELD_STR("error", mrl_err_name(err)));
    r->told = err;
    atomic_store(&r->busy, false);
}

struct mrl_renewing *mrl_renewing_new(struct mrl_renewals *renewals, struct mrl_service *service)
{
    struct mrl_renewing *r = calloc(1, sizeof(*r));

    if (r == NULL)
        abort();
    r->renewals = renewals;
    r->service = service;
    r->step.run = run_step;
    return r;
}

void mrl_renewing_free(struct mrl_renewing *r)
{
    free(r);
}

void mrl_renewing_tick(struct mrl_renewing *r, struct mrl_worker *worker)
{
    if (!mrl_renewals_are_open(r->renewals) || atomic_exchange(&r->busy, true))
        return;
    r->worker = worker;
    if (mrl_service_submit(r->service, &r->step) != MRL_OK)
        atomic_store(&r->busy, false); /* the next second tries again */
}
