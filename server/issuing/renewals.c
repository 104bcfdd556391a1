/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/renewals.h"

#include <inttypes.h>
#include <stdlib.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/log.h"
#include "issuing/issuing.h"
#include "issuing/renewals_internal.h"

enum { HOUR_S = 3600, SPREAD_LEAST_S = 10 };

static const struct mrl_actor system_actor = {.kind = MRL_ACTOR_SYSTEM,
                                              .id = MRL_LIT_INIT("merlond")};

const char *mrl_renewal_state_name(enum mrl_renewal_state s)
{
    static const char *const names[] = {
        [MRL_RENEWAL_TELLING] = "telling",
        [MRL_RENEWAL_WAITING] = "waiting",
        [MRL_RENEWAL_DONE] = "done",
        [MRL_RENEWAL_CANCELLED] = "cancelled",
    };
    return (size_t)s < MRL_COUNT(names) && names[s] != NULL ? names[s] : "unknown";
}

bool mrl_renewal_rate_parse(mrl_bytes text, uint64_t *per_hour)
{
    mrl_bytes number, unit;
    uint64_t count, times;

    if (!mrl_bytes_split(text, '/', &number, &unit) || unit.len != 1 ||
        !mrl_bytes_to_u64(number, MRL_RENEWAL_RATE_MAX, &count) || count == 0)
        return false;
    times = unit.data[0] == 's' ? HOUR_S : unit.data[0] == 'm' ? 60 : unit.data[0] == 'h';
    if (times == 0 || count > MRL_RENEWAL_RATE_MAX / times)
        return false;
    *per_hour = count * times;
    return true;
}

/* --- what workers ask --- */

void mrl_renewals_lock(struct mrl_renewals *r)
{
    (void)pthread_mutex_lock(&r->lock); /* our own, not recursive: cannot fail */
}

void mrl_renewals_unlock(struct mrl_renewals *r)
{
    (void)pthread_mutex_unlock(&r->lock);
}

struct mrl_renewal_order *mrl_renewal_find(struct mrl_renewals *r, int64_t id)
{
    for (size_t i = 0; i < MRL_COUNT(r->orders); i++)
        if (r->orders[i].id == id)
            return &r->orders[i];
    return NULL;
}

void mrl_renewals_set(struct mrl_renewals *r, const struct mrl_renewal_order *o)
{
    struct mrl_renewal_order *place;

    mrl_renewals_lock(r);
    place = mrl_renewal_find(r, o->id);
    if (place == NULL)
        place = mrl_renewal_find(r, 0);
    if (place != NULL) { /* the store counted them */
        *place = *o;
        if (o->state >= MRL_RENEWAL_DONE)
            place->id = 0;
    }
    mrl_renewals_unlock(r);
}

static bool has_come_to(const struct mrl_renewal_order *o, const struct mrl_renewal_asks *asks,
                        int64_t now_s)
{
    mrl_bytes group = mrl_name_bytes(&o->group);
    int64_t started_s = o->started_ms / 1000;

    /* A certificate of the very second may be older: once too often does no harm. */
    if (o->id == 0 || now_s < started_s ||
        mrl_window_since(asks->not_before, asks->not_after) > started_s)
        return false;
    if (group.len > 0 && !mrl_bytes_eq(group, asks->group))
        return false;
    return o->state == MRL_RENEWAL_WAITING ||
           (o->last.len > 0 && mrl_bytes_cmp(asks->device, mrl_name_bytes(&o->last)) <= 0);
}

/* As long as telling them all takes: those who come late come together. */
static int64_t spread_s(const struct mrl_renewal_order *o)
{
    uint64_t s = o->total * HOUR_S / o->per_hour;

    return s < SPREAD_LEAST_S             ? SPREAD_LEAST_S
           : s > MRL_RENEWAL_SPREAD_MAX_S ? MRL_RENEWAL_SPREAD_MAX_S
                                          : (int64_t)s;
}

static bool by_order(struct mrl_renewals *r, const struct mrl_renewal_asks *asks, int64_t now_s,
                     struct mrl_renewal_offer *out)
{
    bool found = false;

    mrl_renewals_lock(r);
    for (size_t i = 0; i < MRL_COUNT(r->orders) && !found; i++) {
        const struct mrl_renewal_order *o = &r->orders[i];

        found = has_come_to(o, asks, now_s);
        if (found)
            *out = (struct mrl_renewal_offer){
                MRL_RENEWAL_BY_ORDER, o->id, {now_s, now_s + spread_s(o)}};
    }
    mrl_renewals_unlock(r);
    return found;
}

mrl_err mrl_renewals_window(struct mrl_renewals *r, const struct mrl_renewal_asks *asks,
                            struct mrl_window *out)
{
    const struct mrl_window_of of = {asks->device, asks->fingerprint, asks->not_before,
                                     asks->not_after};

    return mrl_window_of(mrl_bytes_of(r->key, sizeof(r->key)), &of, out);
}

bool mrl_renewals_due(struct mrl_renewals *r, const struct mrl_renewal_asks *asks, int64_t now_s,
                      struct mrl_renewal_offer *out)
{
    struct mrl_window w;

    if (by_order(r, asks, now_s, out))
        return true;
    if (mrl_renewals_window(r, asks, &w) != MRL_OK || now_s < w.start)
        return false;
    *out = (struct mrl_renewal_offer){MRL_RENEWAL_BY_WINDOW, 0, w};
    return true;
}

mrl_err mrl_renewal_offer_write(const struct mrl_renewal_offer *offer, struct mrl_buf *out)
{
    if (offer->reason == MRL_RENEWAL_BY_WINDOW)
        return mrl_buf_printf(out,
                              "{\"end\":%" PRId64 ",\"reason\":\"window\",\"start\":%" PRId64 "}",
                              offer->window.end, offer->window.start);
    return mrl_buf_printf(out,
                          "{\"end\":%" PRId64 ",\"order\":%" PRId64
                          ",\"reason\":\"order\",\"start\":%" PRId64 "}",
                          offer->window.end, offer->order, offer->window.start);
}

/* --- life --- */

static mrl_err load(struct mrl_tx *tx, void *context)
{
    return mrl_renewal_rows_load(tx, context);
}

mrl_err mrl_renewals_open(struct mrl_store *store, mrl_bytes key, struct mrl_renewals **out,
                          struct mrl_why *why)
{
    MRL_AUTO(mrl_renewals) r = calloc(1, sizeof(*r));
    mrl_err err;

    if (r == NULL || pthread_mutex_init(&r->lock, NULL) != 0)
        abort();
    r->store = store;
    MRL_TRY(mrl_sha256(key, r->key));
    err = mrl_store_read(store, load, r);
    if (err != MRL_OK)
        return mrl_fail(why, err, "orders to renew cannot be read from the store");
    *out = MRL_TAKE(r);
    return MRL_OK;
}

void mrl_renewals_free(struct mrl_renewals *r)
{
    if (r == NULL)
        return;
    (void)pthread_mutex_destroy(&r->lock); /* nobody holds it */
    free(r);
}

/* --- orders --- */

struct change {
    struct mrl_write write;
    struct mrl_renewals *renewals;
    const struct mrl_actor *actor;
    struct mrl_renewal_order order;
    size_t most;                     /* of a step */
    struct mrl_renewal_batch *batch; /* the same */
    struct mrl_why *why;
};

static void on_committed(struct mrl_write *w)
{
    const struct change *c = MRL_CONTAINER(w, struct change, write);

    mrl_renewals_set(c->renewals, &c->order);
}

static mrl_err record(struct mrl_tx *tx, const struct change *c, enum mrl_audit_action action)
{
    const struct mrl_audit_detail details[] = {
        MRL_AUDIT_INT("devices", c->order.total),
        MRL_AUDIT_TEXT("group", mrl_name_bytes(&c->order.group)),
        MRL_AUDIT_INT("order", c->order.id),
        MRL_AUDIT_INT("per_hour", c->order.per_hour),
    };
    struct mrl_audit_event e = mrl_actor_event(c->actor, action, MRL_LIT("devices"));

    e.details = details;
    e.details_count = MRL_COUNT(details);
    return mrl_audit_append(tx, &e, NULL);
}

static mrl_err run_begin(struct mrl_tx *tx, struct mrl_write *w)
{
    struct change *c = MRL_CONTAINER(w, struct change, write);

    MRL_TRY(mrl_renewal_rows_add(tx, &c->order, c->why));
    return record(tx, c, MRL_AUDIT_RENEWAL_ORDERED);
}

mrl_err mrl_renewals_begin(struct mrl_renewals *r, const struct mrl_actor *actor, mrl_bytes group,
                           uint64_t per_hour, int64_t *id, struct mrl_why *why)
{
    struct change c = {
        .write = {.run = run_begin, .committed = on_committed, .why = why},
        .renewals = r,
        .actor = actor,
        .order = {.per_hour = per_hour, .started_ms = mrl_wall_ms(), .state = MRL_RENEWAL_TELLING},
        .why = why};

    if (group.len > 0)
        MRL_TRY(mrl_name_check(group, "group", why));
    (void)mrl_name_set(&c.order.group, group); /* empty: all */
    if (per_hour == 0 || per_hour > MRL_RENEWAL_RATE_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "rate: 1/h to %d/s", MRL_RENEWAL_RATE_MAX / HOUR_S);
    MRL_TRY(mrl_store_write(r->store, &c.write));
    *id = c.order.id;
    return MRL_OK;
}

static mrl_err get(struct mrl_tx *tx, struct change *c)
{
    int64_t id = c->order.id;
    mrl_err err = mrl_renewal_rows_get(tx, id, &c->order);

    return err == MRL_ERR_NOT_FOUND
               ? mrl_fail(c->why, err, "there is no order to renew %" PRId64, id)
               : err;
}

static mrl_err run_cancel(struct mrl_tx *tx, struct mrl_write *w)
{
    struct change *c = MRL_CONTAINER(w, struct change, write);

    MRL_TRY(get(tx, c));
    if (c->order.state >= MRL_RENEWAL_DONE)
        return mrl_fail(c->why, MRL_ERR_STATE, "order %" PRId64 " is %s", c->order.id,
                        mrl_renewal_state_name(c->order.state));
    c->order.state = MRL_RENEWAL_CANCELLED;
    MRL_TRY(mrl_renewal_rows_set_state(tx, &c->order));
    return record(tx, c, MRL_AUDIT_RENEWAL_CANCELLED);
}

static mrl_err run_resume(struct mrl_tx *tx, struct mrl_write *w)
{
    struct change *c = MRL_CONTAINER(w, struct change, write);

    MRL_TRY(get(tx, c));
    if (c->order.state != MRL_RENEWAL_CANCELLED)
        return mrl_fail(c->why, MRL_ERR_STATE, "order %" PRId64 " is %s, not cancelled",
                        c->order.id, mrl_renewal_state_name(c->order.state));
    MRL_TRY(mrl_renewal_rows_room(tx, c->why));
    c->order.state = MRL_RENEWAL_TELLING;
    MRL_TRY(mrl_renewal_rows_set_state(tx, &c->order));
    return record(tx, c, MRL_AUDIT_RENEWAL_RESUMED);
}

static mrl_err change(struct mrl_renewals *r, const struct mrl_actor *actor, int64_t id,
                      mrl_err (*run)(struct mrl_tx *tx, struct mrl_write *w), struct mrl_why *why)
{
    struct change c = {.write = {.run = run, .committed = on_committed, .why = why},
                       .renewals = r,
                       .actor = actor,
                       .order = {.id = id},
                       .why = why};

    return mrl_store_write(r->store, &c.write);
}

mrl_err mrl_renewals_cancel(struct mrl_renewals *r, const struct mrl_actor *actor, int64_t id,
                            struct mrl_why *why)
{
    return change(r, actor, id, run_cancel, why);
}

mrl_err mrl_renewals_resume(struct mrl_renewals *r, const struct mrl_actor *actor, int64_t id,
                            struct mrl_why *why)
{
    return change(r, actor, id, run_resume, why);
}

struct listing {
    int64_t before;
    size_t limit;
    mrl_renewal_visit *visit;
    void *context;
};

static mrl_err run_list(struct mrl_tx *tx, void *context)
{
    const struct listing *l = context;

    return mrl_renewal_rows_list(tx, l->before, l->limit, l->visit, l->context);
}

mrl_err mrl_renewals_list(struct mrl_renewals *r, int64_t before, size_t limit,
                          mrl_renewal_visit *visit, void *context)
{
    struct listing l = {before, limit, visit, context};

    MRL_ENSURE(limit >= 1 && limit <= MRL_RENEWAL_PAGE_MAX, MRL_ERR_INVALID);
    return mrl_store_read(r->store, run_list, &l);
}

struct showing {
    int64_t id;
    mrl_renewal_visit *visit;
    void *context;
    bool found;
};

static void show_it(void *context, const struct mrl_renewal_info *info)
{
    struct showing *s = context;

    s->found = info->id == s->id;
    if (s->found)
        s->visit(s->context, info);
}

mrl_err mrl_renewals_show(struct mrl_renewals *r, int64_t id, mrl_renewal_visit *visit,
                          void *context)
{
    struct showing s = {id, visit, context, false};

    MRL_ENSURE(id > 0 && id < INT64_MAX, MRL_ERR_NOT_FOUND);
    MRL_TRY(mrl_renewals_list(r, id + 1, 1, show_it, &s));
    return s.found ? MRL_OK : MRL_ERR_NOT_FOUND;
}

/* --- steps --- */

static mrl_err run_next(struct mrl_tx *tx, struct mrl_write *w)
{
    struct change *c = MRL_CONTAINER(w, struct change, write);

    MRL_TRY(get(tx, c));
    MRL_ENSURE(c->order.state == MRL_RENEWAL_TELLING, MRL_ERR_STATE); /* cancelled just now */
    return mrl_renewal_rows_next(tx, &c->order, c->most, c->batch);
}

/* Only where telling is concerned: credit and its time stay. */
static void on_next_committed(struct mrl_write *w)
{
    const struct change *c = MRL_CONTAINER(w, struct change, write);
    struct mrl_renewal_order *o;

    mrl_renewals_lock(c->renewals);
    o = mrl_renewal_find(c->renewals, c->order.id);
    if (o != NULL) {
        o->last = c->order.last;
        o->state = c->order.state;
    }
    mrl_renewals_unlock(c->renewals);
}

static mrl_err tell_next(struct mrl_renewals *r, int64_t id, size_t most, mrl_renewal_tell *tell,
                         void *context)
{
    struct change c = {.write = {.run = run_next, .committed = on_next_committed},
                       .renewals = r,
                       .order = {.id = id},
                       .most = most};
    mrl_err err;

    c.batch = calloc(1, sizeof(*c.batch));
    if (c.batch == NULL)
        abort();
    c.batch->order = id;
    err = mrl_store_write(r->store, &c.write);
    if (err == MRL_OK && c.batch->count > 0)
        tell(context, MRL_TAKE(c.batch));
    free(c.batch);
    return err == MRL_ERR_STATE ? MRL_OK : err;
}

static mrl_err run_end(struct mrl_tx *tx, struct mrl_write *w)
{
    struct change *c = MRL_CONTAINER(w, struct change, write);
    bool all;

    MRL_TRY(get(tx, c));
    MRL_TRY(mrl_renewal_rows_all_renewed(tx, c->order.id, &all));
    MRL_ENSURE(all && c->order.state == MRL_RENEWAL_WAITING, MRL_ERR_STATE);
    c->order.state = MRL_RENEWAL_DONE;
    MRL_TRY(mrl_renewal_rows_set_state(tx, &c->order));
    return record(tx, c, MRL_AUDIT_RENEWAL_ENDED);
}

struct question {
    int64_t id;
    bool all;
};

static mrl_err run_question(struct mrl_tx *tx, void *context)
{
    struct question *q = context;

    return mrl_renewal_rows_all_renewed(tx, q->id, &q->all);
}

static mrl_err end_if_all_renewed(struct mrl_renewals *r, int64_t id)
{
    struct question q = {.id = id};
    mrl_err err;

    MRL_TRY(mrl_store_read(r->store, run_question, &q));
    if (!q.all)
        return MRL_OK;
    err = change(r, &system_actor, id, run_end, NULL);
    return err == MRL_ERR_STATE ? MRL_OK : err;
}

/* How many turns have come for an order; whole ones are taken off. The first comes at once; what
 * was not used in two seconds is not made up for. */
static size_t take_credit(struct mrl_renewal_order *o, uint64_t now_ms)
{
    double a_second = (double)o->per_hour / HOUR_S, most = 2 * a_second;
    size_t turns;

    o->credit =
        o->stepped_ms == 0 ? 1 : o->credit + a_second * (double)(now_ms - o->stepped_ms) / 1000;
    o->stepped_ms = now_ms;
    if (most < 1)
        most = 1;
    if (o->credit > most)
        o->credit = most;
    turns = (size_t)o->credit;
    if (turns > MRL_RENEWAL_BATCH)
        turns = MRL_RENEWAL_BATCH;
    o->credit -= (double)turns;
    return turns;
}

static mrl_err step_one(struct mrl_renewals *r, size_t place, uint64_t now_ms,
                        mrl_renewal_tell *tell, void *context)
{
    struct mrl_renewal_order *o = &r->orders[place];
    enum mrl_renewal_state state;
    size_t turns = 0;
    int64_t id;

    mrl_renewals_lock(r);
    id = o->id;
    state = o->state;
    if (id != 0 && state == MRL_RENEWAL_TELLING)
        turns = take_credit(o, now_ms);
    mrl_renewals_unlock(r);
    if (turns > 0)
        return tell_next(r, id, turns, tell, context);
    return id != 0 && state == MRL_RENEWAL_WAITING ? end_if_all_renewed(r, id) : MRL_OK;
}

bool mrl_renewals_are_open(struct mrl_renewals *r)
{
    bool open = false;

    mrl_renewals_lock(r);
    for (size_t i = 0; i < MRL_COUNT(r->orders); i++)
        open |= r->orders[i].id != 0;
    mrl_renewals_unlock(r);
    return open;
}

mrl_err mrl_renewals_step(struct mrl_renewals *r, uint64_t now_ms, mrl_renewal_tell *tell,
                          void *context)
{
    mrl_err first = MRL_OK;

    for (size_t i = 0; i < MRL_COUNT(r->orders); i++) {
        mrl_err err = step_one(r, i, now_ms, tell, context);

        if (first == MRL_OK)
            first = err;
    }
    return first;
}

struct told {
    struct mrl_write write;
    struct mrl_renewal_batch *batch;
};

static mrl_err run_told(struct mrl_tx *tx, struct mrl_write *w)
{
    return mrl_renewal_rows_told(tx, MRL_CONTAINER(w, struct told, write)->batch);
}

static void on_told(struct mrl_write *w, mrl_err result)
{
    struct told *t = MRL_CONTAINER(w, struct told, write);

    if (result != MRL_OK) /* they count as unreachable until they renew */
        mrl_log_error("renewals.not_written", MRL_FIELD_STR("why", mrl_err_name(result)));
    free(t->batch);
    free(t);
}

void mrl_renewals_told(struct mrl_renewals *r, struct mrl_renewal_batch *batch)
{
    struct told *t = calloc(1, sizeof(*t));

    if (t == NULL)
        abort();
    t->write = (struct mrl_write){.run = run_told, .done = on_told};
    t->batch = batch;
    mrl_store_submit(r->store, &t->write);
}
