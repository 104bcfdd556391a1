/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of devices: each a write job. */
#include "devices/device.h"

#include <stdlib.h>

#include "access/attributes.h"
#include "audit/audit.h"
#include "base/clock.h"
#include "devices/internal.h"
#include "devices/wipe.h"

struct change {
    struct mrl_change base;
    enum mrl_device_action action;
    mrl_bytes text; /* reason, group or note */
    bool wipe;
};

static const enum mrl_audit_action audit_actions[MRL_DEVICE_ACTION_COUNT_] = {
    [MRL_DEVICE_ACTIVATE] = MRL_AUDIT_DEVICE_ACTIVATED,
    [MRL_DEVICE_SUSPEND] = MRL_AUDIT_DEVICE_SUSPENDED,
    [MRL_DEVICE_RESUME] = MRL_AUDIT_DEVICE_RESUMED,
    [MRL_DEVICE_QUARANTINE] = MRL_AUDIT_DEVICE_QUARANTINED,
    [MRL_DEVICE_RELEASE] = MRL_AUDIT_DEVICE_RELEASED,
    [MRL_DEVICE_REVOKE] = MRL_AUDIT_DEVICE_REVOKED,
    [MRL_DEVICE_RETIRE] = MRL_AUDIT_DEVICE_RETIRED,
    [MRL_DEVICE_LIFT] = MRL_AUDIT_DEVICE_LIFTED,
};

static mrl_err check_group(mrl_bytes group, struct mrl_why *why)
{
    return group.len == 0 ? MRL_OK : mrl_name_check(group, "group", why);
}

static mrl_err no_device(mrl_bytes id, struct mrl_why *why)
{
    return mrl_fail(why, MRL_ERR_NOT_FOUND, "there is no device %.*s", MRL_FMT(id));
}

/* --- adding --- */

struct addition {
    struct mrl_write write;
    struct mrl_registry *registry;
    const struct mrl_actor *actor;
    const struct mrl_device_new *devices;
    size_t count;
    struct mrl_why *why;
};

mrl_err mrl_device_check(const struct mrl_device_new *d, struct mrl_why *why)
{
    MRL_TRY(mrl_name_check(d->id, "device id", why));
    MRL_TRY(check_group(d->group, why));
    if (!mrl_attributes_valid(d->attributes))
        return mrl_fail(why, MRL_ERR_INVALID, "attributes: not a set of attributes");
    MRL_TRY(mrl_expectation_check(&d->expectation, why));
    return mrl_text_check(d->note, MRL_NOTE_MAX, "note", why);
}

mrl_err mrl_device_insert(struct mrl_tx *tx, struct mrl_sealer *sealer,
                          const struct mrl_device_new *d, struct mrl_why *why)
{
    const struct mrl_note_of of = {MRL_PRINCIPAL_DEVICE, d->id};
    MRL_SCOPED(mrl_buf) sealed = {0};
    struct mrl_value note;
    int64_t now = mrl_wall_ms();
    uint64_t added;

    MRL_TRY(mrl_note_seal(sealer, &of, d->note, &sealed, &note));
    MRL_TRY(
        mrl_tx_exec(tx,
                    "INSERT INTO devices (id, grp, state, resume, note, reason, created, changed, "
                    "attributes) VALUES ($1, $2, $3, $3, $4, '', $5, $5, $6) "
                    "ON CONFLICT DO NOTHING",
                    MRL_ARGS(MRL_TEXT(d->id), MRL_TEXT(d->group), MRL_INT(MRL_DEVICE_EXPECTED),
                             note, MRL_INT(now), MRL_TEXT(d->attributes)),
                    &added));
    if (added == 0)
        return mrl_fail(why, MRL_ERR_EXISTS,
                        "device %.*s is known already (an id never comes back after retirement)",
                        MRL_FMT(d->id));
    return mrl_expectation_insert_tx(tx, d->id, &d->expectation, why);
}

static mrl_err audit_added(struct mrl_tx *tx, const struct addition *a)
{
    bool many = a->count > 1;
    struct mrl_audit_event e = mrl_actor_event(a->actor, MRL_AUDIT_DEVICE_ADDED, a->devices[0].id);
    struct mrl_audit_detail details[4 + MRL_EXPECTATION_DETAILS];
    struct mrl_expectation_details memory;
    size_t n = 0;

    if (many) {
        details[n++] = MRL_AUDIT_INT("count", a->count);
        details[n++] = MRL_AUDIT_TEXT("last", a->devices[a->count - 1].id);
    }
    if (!many && a->devices[0].group.len > 0)
        details[n++] = MRL_AUDIT_TEXT("group", a->devices[0].group);
    if (!many && a->devices[0].attributes.len > 0)
        details[n++] = MRL_AUDIT_TEXT("attributes", a->devices[0].attributes);
    if (!many)
        n += mrl_expectation_describe(&a->devices[0].expectation, &memory, &details[n]);
    e.details = details;
    e.details_count = n;
    if (!many)
        MRL_TRY(mrl_registry_digest(tx, MRL_PRINCIPAL_DEVICE, a->devices[0].id, &e.after));
    return mrl_audit_append(tx, &e, NULL);
}

static mrl_err run_add(struct mrl_tx *tx, struct mrl_write *w)
{
    struct addition *a = MRL_CONTAINER(w, struct addition, write);

    for (size_t i = 0; i < a->count; i++)
        MRL_TRY(mrl_device_insert(tx, a->registry->sealer, &a->devices[i], a->why));
    return audit_added(tx, a);
}

static void committed_add(struct mrl_write *w)
{
    const struct addition *a = MRL_CONTAINER(w, struct addition, write);

    mrl_rcu_register();
    for (size_t i = 0; i < a->count; i++)
        (void)mrl_snapshot_put(&a->registry->snapshot, /* new: nobody is told */
                               &(struct mrl_record){.kind = MRL_PRINCIPAL_DEVICE,
                                                    .id = a->devices[i].id,
                                                    .group = a->devices[i].group,
                                                    .attributes = a->devices[i].attributes,
                                                    .device_state = MRL_DEVICE_EXPECTED});
}

mrl_err mrl_device_add_many(struct mrl_registry *r, const struct mrl_actor *actor,
                            const struct mrl_device_new *devices, size_t count, struct mrl_why *why)
{
    struct addition a = {
        .write = {.run = run_add, .committed = committed_add},
        .registry = r,
        .actor = actor,
        .devices = devices,
        .count = count,
        .why = why,
    };

    if (count > MRL_DEVICE_BATCH_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "at most %d devices at once", MRL_DEVICE_BATCH_MAX);
    for (size_t i = 0; i < count; i++)
        MRL_TRY(mrl_device_check(&devices[i], why));
    return count == 0 ? MRL_OK : mrl_registry_write(r, &a.write, why);
}

mrl_err mrl_device_add(struct mrl_registry *r, const struct mrl_actor *actor,
                       const struct mrl_device_new *device, struct mrl_why *why)
{
    return mrl_device_add_many(r, actor, device, 1, why);
}

/* MRL_ERR_NOT_FOUND: no such device. */
static mrl_err check_member(struct mrl_tx *tx, const struct mrl_device_new *d, struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT grp FROM devices WHERE id = $1", MRL_ARGS(MRL_TEXT(d->id)),
                             &rows));
    if (!mrl_bytes_eq(mrl_row_bytes(rows, 0), d->group))
        return mrl_fail(why, MRL_ERR_DENIED, "device %.*s is not of group %.*s", MRL_FMT(d->id),
                        MRL_FMT(d->group.len > 0 ? d->group : MRL_LIT("(none)")));
    return MRL_OK;
}

mrl_err mrl_device_expect_tx(struct mrl_tx *tx, const struct mrl_actor *actor,
                             const struct mrl_device_new *device, struct mrl_why *why)
{
    const struct addition a = {.actor = actor, .devices = device, .count = 1, .why = why};
    mrl_err err = check_member(tx, device, why);

    if (err != MRL_ERR_NOT_FOUND)
        return err;
    MRL_TRY(mrl_device_check(device, why));
    MRL_ENSURE(device->note.len == 0, MRL_ERR_INVALID);
    MRL_TRY(mrl_device_insert(tx, /*sealer=*/NULL, device, why));
    return audit_added(tx, &a);
}

mrl_err mrl_device_check_expected_tx(struct mrl_tx *tx, mrl_bytes id, struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT state FROM devices WHERE id = $1", MRL_ARGS(MRL_TEXT(id)),
                             &rows));
    if (mrl_row_int(rows, 0) != MRL_DEVICE_EXPECTED)
        return mrl_fail(why, MRL_ERR_EXISTS,
                        "device %.*s is known and not expected; an operator revokes it first",
                        MRL_FMT(id));
    return MRL_OK;
}

/* --- steps of its life --- */

static mrl_err read_life(struct mrl_tx *tx, mrl_bytes id, struct mrl_device_life *out,
                         struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(tx, "SELECT state, resume FROM devices WHERE id = $1",
                                   MRL_ARGS(MRL_TEXT(id)), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return no_device(id, why);
    MRL_TRY(err);
    out->state = (enum mrl_device_state)mrl_row_int(rows, 0);
    out->resume = (enum mrl_device_state)mrl_row_int(rows, 1);
    return MRL_OK;
}

static mrl_err write_life(struct mrl_tx *tx, mrl_bytes id, const struct mrl_device_life *life,
                          mrl_bytes reason)
{
    return mrl_tx_exec(
        tx, "UPDATE devices SET state = $2, resume = $3, reason = $4, changed = $5 WHERE id = $1",
        MRL_ARGS(MRL_TEXT(id), MRL_INT(life->state), MRL_INT(life->resume), MRL_TEXT(reason),
                 MRL_INT(mrl_wall_ms())),
        NULL);
}

/* What the step means for a wipe order; before its certificates are revoked. */
static mrl_err step_wipe(struct mrl_tx *tx, const struct change *c)
{
    uint64_t within_ms = c->base.registry->wipe_within_s * 1000;

    if (c->action == MRL_DEVICE_LIFT)
        return mrl_wipe_withdraw_tx(tx, c->base.id);
    if (c->action != MRL_DEVICE_RETIRE || !c->wipe || within_ms == 0)
        return MRL_OK;
    return mrl_wipe_order_tx(tx, c->base.actor, c->base.id, mrl_wall_ms() + (int64_t)within_ms);
}

static mrl_err run_step(struct mrl_tx *tx, struct mrl_change *change)
{
    const struct change *c = MRL_CONTAINER(change, struct change, base);
    bool revokes = c->action == MRL_DEVICE_REVOKE || c->action == MRL_DEVICE_RETIRE;
    struct mrl_audit_event e = mrl_actor_event(change->actor, audit_actions[c->action], change->id);
    struct mrl_audit_detail details[2];
    struct mrl_device_life life;
    uint64_t revoked = 0;

    MRL_TRY(read_life(tx, change->id, &life, change->why));
    details[0] = MRL_AUDIT_TEXT("from", mrl_str(mrl_device_state_name(life.state)));
    MRL_TRY(mrl_device_step(&life, c->action, change->why));
    MRL_TRY(mrl_registry_digest(tx, MRL_PRINCIPAL_DEVICE, change->id, &e.before));
    MRL_TRY(write_life(tx, change->id, &life, c->text));
    MRL_TRY(mrl_registry_digest(tx, MRL_PRINCIPAL_DEVICE, change->id, &e.after));
    MRL_TRY(step_wipe(tx, c));
    if (revokes)
        MRL_TRY(mrl_registry_revoke_all(change->registry, tx, MRL_PRINCIPAL_DEVICE, change->id,
                                        c->text, &revoked, change->why));
    details[1] = MRL_AUDIT_INT("certificates", revoked);
    e.reason = c->text;
    e.details = details;
    e.details_count = revokes ? 2 : 1;
    return mrl_audit_append(tx, &e, NULL);
}

static mrl_err check_step(enum mrl_device_action action, mrl_bytes reason, struct mrl_why *why)
{
    if (action == MRL_DEVICE_ACTIVATE || (size_t)action >= MRL_DEVICE_ACTION_COUNT_)
        return mrl_fail(why, MRL_ERR_INVALID, "a device becomes active by enrolling");
    if (action == MRL_DEVICE_LIFT && reason.len == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "a reason is needed");
    return mrl_text_check(reason, MRL_REASON_MAX, "reason", why);
}

struct many {
    struct mrl_write write;
    struct change each; /* of each in turn */
    const mrl_bytes *ids;
    size_t count;
    struct mrl_registry_update **updates;
};

static mrl_err run_many(struct mrl_tx *tx, struct mrl_write *w)
{
    struct many *m = MRL_CONTAINER(w, struct many, write);

    for (size_t i = 0; i < m->count; i++) {
        m->each.base.id = m->ids[i];
        MRL_TRY(run_step(tx, &m->each.base));
        MRL_TRY(mrl_registry_stage(tx, MRL_PRINCIPAL_DEVICE, m->ids[i], &m->updates[i]));
    }
    return MRL_OK;
}

static void publish_many(struct mrl_write *w)
{
    const struct many *m = MRL_CONTAINER(w, struct many, write);

    for (size_t i = 0; i < m->count; i++)
        mrl_registry_publish(m->each.base.registry, m->updates[i]);
}

/* Which one it was, in front of why it cannot. */
static mrl_err name_failed(const struct many *m, mrl_err err, struct mrl_why *why)
{
    const struct mrl_why said = *why;

    if (err != MRL_ERR_STATE)
        return err;
    return mrl_fail(why, err, "%.*s: %.180s", MRL_FMT(m->each.base.id), said.text);
}

mrl_err mrl_device_change_many(struct mrl_registry *r, const struct mrl_actor *actor,
                               const mrl_bytes *ids, size_t count, enum mrl_device_action action,
                               mrl_bytes reason, struct mrl_why *why)
{
    struct mrl_why local = {""};
    struct many m = {.write = {.run = run_many, .committed = publish_many},
                     .each = {.base = {.registry = r,
                                       .actor = actor,
                                       .kind = MRL_PRINCIPAL_DEVICE,
                                       .why = why != NULL ? why : &local},
                              .action = action,
                              .text = reason},
                     .ids = ids,
                     .count = count};
    mrl_err err;

    if (count == 0 || count > MRL_DEVICE_STEPS_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "1 to %d devices at a time", MRL_DEVICE_STEPS_MAX);
    MRL_TRY(check_step(action, reason, why));
    for (size_t i = 0; i < count; i++)
        if (!mrl_name_valid(ids[i]))
            return no_device(MRL_LIT("of that name"), why);
    m.updates = calloc(count, sizeof(struct mrl_registry_update *));
    if (m.updates == NULL)
        abort();
    err = mrl_registry_write(r, &m.write, m.each.base.why);
    for (size_t i = 0; i < count; i++)
        mrl_registry_update_free(m.updates[i]);
    free(m.updates);
    return name_failed(&m, err, m.each.base.why);
}

struct page {
    enum mrl_device_action action;
    struct mrl_name names[MRL_DEVICE_STEPS_MAX];
    mrl_bytes ids[MRL_DEVICE_STEPS_MAX];
    size_t count; /* that can make the step */
    size_t seen;
    struct mrl_name last;
};

static void add_to_page(void *context, const struct mrl_device_info *d)
{
    struct page *p = context;
    struct mrl_device_life life = d->life;

    p->seen++;
    (void)mrl_name_set(&p->last, d->id); /* it is one */
    if (mrl_device_step(&life, p->action, NULL) != MRL_OK ||
        !mrl_name_set(&p->names[p->count], d->id))
        return;
    p->ids[p->count] = mrl_name_bytes(&p->names[p->count]);
    p->count++;
}

static mrl_err change_page(struct mrl_registry *r, const struct mrl_actor *actor, mrl_bytes group,
                           struct page *p, mrl_bytes reason, struct mrl_why *why)
{
    struct mrl_device_query query = {
        .after = mrl_name_bytes(&p->last), .limit = MRL_DEVICE_STEPS_MAX, .group = group};

    p->count = p->seen = 0;
    MRL_TRY(mrl_device_list(r, &query, add_to_page, p, why));
    if (p->count == 0)
        return MRL_OK;
    return mrl_device_change_many(r, actor, p->ids, p->count, p->action, reason, why);
}

mrl_err mrl_device_change_group(struct mrl_registry *r, const struct mrl_actor *actor,
                                mrl_bytes group, enum mrl_device_action action, mrl_bytes reason,
                                size_t *changed, struct mrl_why *why)
{
    struct page *p;
    mrl_err err;

    *changed = 0;
    MRL_TRY(mrl_name_check(group, "group", why));
    MRL_TRY(check_step(action, reason, why));
    p = calloc(1, sizeof(*p));
    if (p == NULL)
        abort();
    p->action = action;
    do {
        err = change_page(r, actor, group, p, reason, why);
        *changed += err == MRL_OK ? p->count : 0;
    } while (err == MRL_OK && p->seen == MRL_DEVICE_STEPS_MAX);
    free(p);
    return err;
}

static mrl_err change_one(struct mrl_registry *r, const struct mrl_actor *actor, mrl_bytes id,
                          enum mrl_device_action action, bool wipe, mrl_bytes reason,
                          struct mrl_why *why)
{
    struct change c = {
        .base = {.registry = r,
                 .actor = actor,
                 .kind = MRL_PRINCIPAL_DEVICE,
                 .id = id,
                 .why = why,
                 .run = run_step},
        .action = action,
        .text = reason,
        .wipe = wipe,
    };

    MRL_TRY(check_step(action, reason, why));
    if (!mrl_name_valid(id))
        return no_device(MRL_LIT("of that name"), why);
    return mrl_change_write(&c.base);
}

mrl_err mrl_device_change(struct mrl_registry *r, const struct mrl_actor *actor, mrl_bytes id,
                          enum mrl_device_action action, mrl_bytes reason, struct mrl_why *why)
{
    return change_one(r, actor, id, action, /*wipe=*/false, reason, why);
}

mrl_err mrl_device_retire_and_wipe(struct mrl_registry *r, const struct mrl_actor *actor,
                                   mrl_bytes id, mrl_bytes reason, struct mrl_why *why)
{
    return change_one(r, actor, id, MRL_DEVICE_RETIRE, /*wipe=*/true, reason, why);
}

mrl_err mrl_device_activate_tx(struct mrl_tx *tx, const struct mrl_actor *actor, mrl_bytes id,
                               struct mrl_why *why)
{
    struct mrl_audit_event e = mrl_actor_event(actor, MRL_AUDIT_DEVICE_ACTIVATED, id);
    struct mrl_device_life life;
    enum mrl_device_state before;

    MRL_TRY(read_life(tx, id, &life, why));
    before = life.state;
    MRL_TRY(mrl_device_step(&life, MRL_DEVICE_ACTIVATE, why));
    if (life.state == before)
        return MRL_OK;
    MRL_TRY(mrl_registry_digest(tx, MRL_PRINCIPAL_DEVICE, id, &e.before));
    MRL_TRY(write_life(tx, id, &life, MRL_BYTES_NONE));
    MRL_TRY(mrl_registry_digest(tx, MRL_PRINCIPAL_DEVICE, id, &e.after));
    return mrl_audit_append(tx, &e, NULL);
}

/* --- group and note --- */

static struct mrl_audit_event changed(const struct mrl_change *change,
                                      const struct mrl_audit_detail *details, size_t count)
{
    struct mrl_audit_event e = mrl_actor_event(change->actor, MRL_AUDIT_DEVICE_CHANGED, change->id);

    e.details = details;
    e.details_count = count;
    return e;
}

static mrl_err run_set(struct mrl_tx *tx, struct mrl_change *change, const char *sql,
                       struct mrl_value value, struct mrl_audit_event *e)
{
    struct mrl_device_life life;

    MRL_TRY(read_life(tx, change->id, &life, change->why));
    if (life.state == MRL_DEVICE_RETIRED)
        return mrl_fail(change->why, MRL_ERR_STATE, "a retired device does not change any more");
    MRL_TRY(mrl_registry_digest(tx, MRL_PRINCIPAL_DEVICE, change->id, &e->before));
    MRL_TRY(
        mrl_tx_exec(tx, sql, MRL_ARGS(MRL_TEXT(change->id), value, MRL_INT(mrl_wall_ms())), NULL));
    MRL_TRY(mrl_registry_digest(tx, MRL_PRINCIPAL_DEVICE, change->id, &e->after));
    return mrl_audit_append(tx, e, NULL);
}

static mrl_err run_set_group(struct mrl_tx *tx, struct mrl_change *change)
{
    const struct change *c = MRL_CONTAINER(change, struct change, base);
    const struct mrl_audit_detail details[] = {MRL_AUDIT_TEXT("field", MRL_LIT("group")),
                                               MRL_AUDIT_TEXT("value", c->text)};
    struct mrl_audit_event e = changed(change, details, MRL_COUNT(details));

    return run_set(tx, change, "UPDATE devices SET grp = $2, changed = $3 WHERE id = $1",
                   MRL_TEXT(c->text), &e);
}

/* What is sealed in the record is not told in the log. */
static mrl_err run_set_note(struct mrl_tx *tx, struct mrl_change *change)
{
    const struct change *c = MRL_CONTAINER(change, struct change, base);
    const struct mrl_audit_detail detail = MRL_AUDIT_TEXT("field", MRL_LIT("note"));
    const struct mrl_note_of of = {MRL_PRINCIPAL_DEVICE, change->id};
    struct mrl_audit_event e = changed(change, &detail, 1);
    MRL_SCOPED(mrl_buf) sealed = {0};
    struct mrl_value note;

    MRL_TRY(mrl_note_seal(change->registry->sealer, &of, c->text, &sealed, &note));
    return run_set(tx, change, "UPDATE devices SET note = $2, changed = $3 WHERE id = $1", note,
                   &e);
}

mrl_err mrl_device_set_group(struct mrl_registry *r, const struct mrl_actor *actor, mrl_bytes id,
                             mrl_bytes group, struct mrl_why *why)
{
    struct change c = {
        .base = {.registry = r,
                 .actor = actor,
                 .kind = MRL_PRINCIPAL_DEVICE,
                 .id = id,
                 .why = why,
                 .run = run_set_group},
        .text = group,
    };

    if (!mrl_name_valid(id))
        return no_device(MRL_LIT("of that name"), why);
    MRL_TRY(check_group(group, why));
    return mrl_change_write(&c.base);
}

mrl_err mrl_device_set_note(struct mrl_registry *r, const struct mrl_actor *actor, mrl_bytes id,
                            mrl_bytes note, struct mrl_why *why)
{
    struct change c = {
        .base = {.registry = r,
                 .actor = actor,
                 .kind = MRL_PRINCIPAL_DEVICE,
                 .id = id,
                 .why = why,
                 .run = run_set_note},
        .text = note,
    };

    if (!mrl_name_valid(id))
        return no_device(MRL_LIT("of that name"), why);
    MRL_TRY(mrl_text_check(note, MRL_NOTE_MAX, "note", why));
    return mrl_change_write(&c.base);
}

/* --- attributes --- */

struct attributes_change {
    struct mrl_change base;
    const struct mrl_attribute_change *changes;
    size_t count;
};

static mrl_err read_attributes(struct mrl_tx *tx, mrl_bytes id, struct mrl_buf *out,
                               struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(tx, "SELECT attributes FROM devices WHERE id = $1",
                                   MRL_ARGS(MRL_TEXT(id)), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return no_device(id, why);
    MRL_TRY(err);
    return mrl_buf_append(out, mrl_row_bytes(rows, 0));
}

/* set becomes what it is with all changes. */
static mrl_err apply(struct mrl_buf *set, const struct attributes_change *c)
{
    for (size_t i = 0; i < c->count; i++) {
        MRL_SCOPED(mrl_buf) next = {0};

        MRL_TRY(mrl_attributes_with(mrl_buf_bytes(set), c->changes[i].name, c->changes[i].value,
                                    &next, c->base.why));
        mrl_buf_clear(set);
        MRL_TRY(mrl_buf_append(set, mrl_buf_bytes(&next)));
    }
    return MRL_OK;
}

/* The entry says which attributes the device has from now on. */
static mrl_err run_set_attributes(struct mrl_tx *tx, struct mrl_change *change)
{
    const struct attributes_change *c = MRL_CONTAINER(change, struct attributes_change, base);
    struct mrl_audit_detail details[] = {MRL_AUDIT_TEXT("field", MRL_LIT("attributes")),
                                         MRL_AUDIT_TEXT("value", MRL_BYTES_NONE)};
    MRL_SCOPED(mrl_buf) set = {0};
    struct mrl_audit_event e;

    MRL_TRY(read_attributes(tx, change->id, &set, change->why));
    MRL_TRY(apply(&set, c));
    details[1] = MRL_AUDIT_TEXT("value", mrl_buf_bytes(&set));
    e = changed(change, details, MRL_COUNT(details));
    return run_set(tx, change, "UPDATE devices SET attributes = $2, changed = $3 WHERE id = $1",
                   MRL_TEXT(mrl_buf_bytes(&set)), &e);
}

mrl_err mrl_device_set_attributes(struct mrl_registry *r, const struct mrl_actor *actor,
                                  mrl_bytes id, const struct mrl_attribute_change *changes,
                                  size_t count, struct mrl_why *why)
{
    struct attributes_change c = {
        .base = {.registry = r,
                 .actor = actor,
                 .kind = MRL_PRINCIPAL_DEVICE,
                 .id = id,
                 .why = why,
                 .run = run_set_attributes},
        .changes = changes,
        .count = count,
    };

    if (!mrl_name_valid(id))
        return no_device(MRL_LIT("of that name"), why);
    return mrl_change_write(&c.base);
}
