/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of given limits: each a write job. */
#include "access/quotas.h"

#include "access/access.h"
#include "audit/audit.h"
#include "base/clock.h"

/* One change; lives on the stack of the service thread that waits for it. */
struct change {
    struct mrl_write write;
    struct mrl_access *access;
    const struct mrl_actor *actor;
    struct mrl_role_target target;
    mrl_bytes text; /* of the target */
    const struct mrl_quota_override *set;
    uint32_t unset;
    bool must_exist;
    struct mrl_quota_override now; /* what the transaction left */
    struct mrl_why *why;
};

static mrl_err check_room(struct mrl_tx *tx, const struct change *c)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT COUNT(DISTINCT target) FROM quotas", MRL_NO_ARGS, &rows));
    if (mrl_row_int(rows, 0) >= MRL_QUOTA_TARGETS_MAX)
        return mrl_fail(c->why, MRL_ERR_LIMIT, "limits are given to %d targets already",
                        MRL_QUOTA_TARGETS_MAX);
    return MRL_OK;
}

static mrl_err write_limit(struct mrl_tx *tx, const struct change *c, enum mrl_quota_limit limit)
{
    mrl_bytes name = mrl_str(mrl_quota_rules[limit].name);

    if ((c->unset & (1u << limit)) != 0)
        return mrl_tx_exec(tx, "DELETE FROM quotas WHERE target = $1 AND name = $2",
                           MRL_ARGS(MRL_TEXT(c->text), MRL_TEXT(name)), NULL);
    if (!mrl_quota_gives(c->set, limit))
        return MRL_OK;
    return mrl_tx_exec(tx,
                       "INSERT INTO quotas (target, name, value, changed) VALUES ($1, $2, $3, $4)"
                       " ON CONFLICT (target, name) DO UPDATE SET value = $3, changed = $4",
                       MRL_ARGS(MRL_TEXT(c->text), MRL_TEXT(name), MRL_INT(c->set->of[limit]),
                                MRL_INT(mrl_wall_ms())),
                       NULL);
}

static mrl_err digest(struct mrl_tx *tx, const struct change *c, struct mrl_audit_digest *out)
{
    return mrl_audit_digest(
        tx, "SELECT target, name, value, changed FROM quotas WHERE target = $1 ORDER BY name",
        MRL_ARGS(MRL_TEXT(c->text)), out);
}

/* The entry says what is given from now on. */
static mrl_err audit(struct mrl_tx *tx, const struct change *c,
                     const struct mrl_audit_digest *before)
{
    struct mrl_audit_event e = mrl_actor_event(c->actor, MRL_AUDIT_QUOTA_CHANGED, c->text);
    struct mrl_audit_detail details[MRL_QUOTA_COUNT_];

    for (size_t i = 0; i < MRL_QUOTA_COUNT_; i++)
        if (mrl_quota_gives(&c->now, (enum mrl_quota_limit)i))
            details[e.details_count++] = MRL_AUDIT_INT(mrl_quota_rules[i].name, c->now.of[i]);
    e.details = details;
    e.before = *before;
    MRL_TRY(digest(tx, c, &e.after));
    return mrl_audit_append(tx, &e, NULL);
}

static mrl_err run(struct mrl_tx *tx, struct mrl_write *w)
{
    struct change *c = MRL_CONTAINER(w, struct change, write);
    struct mrl_quota_override was;
    struct mrl_audit_digest before;

    MRL_TRY(mrl_quota_read_given(tx, c->text, &was));
    if (was.given == 0 && c->must_exist)
        return mrl_fail(c->why, MRL_ERR_NOT_FOUND, "%.*s was given no limits", MRL_FMT(c->text));
    if (was.given == 0)
        MRL_TRY(check_room(tx, c));
    MRL_TRY(digest(tx, c, &before));
    for (size_t i = 0; i < MRL_QUOTA_COUNT_; i++)
        MRL_TRY(write_limit(tx, c, (enum mrl_quota_limit)i));
    MRL_TRY(mrl_quota_read_given(tx, c->text, &c->now));
    return audit(tx, c, &before);
}

static void committed(struct mrl_write *w)
{
    struct change *c = MRL_CONTAINER(w, struct change, write);

    mrl_quota_model_put(&c->access->quotas, &c->target, &c->now);
    if (c->access->changed != NULL)
        c->access->changed(c->access->context, &c->target);
}

static mrl_err submit(struct change *c)
{
    struct mrl_why of_store = {{0}}; /* the store writes it on every failure, also an empty one */
    mrl_err err;

    c->write = (struct mrl_write){.run = run, .committed = committed, .why = &of_store};
    err = mrl_store_write(c->access->store, &c->write);
    if (err != MRL_OK && of_store.text[0] != '\0')
        (void)mrl_fail(c->why, err, "%s", of_store.text); /* err is returned below */
    return err;
}

static mrl_err check(const struct mrl_quota_override *set, uint32_t unset, struct mrl_why *why)
{
    if (set->given == 0 && unset == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "name at least one limit");
    if ((set->given & unset) != 0 || ((set->given | unset) >> MRL_QUOTA_COUNT_) != 0)
        return mrl_fail(why, MRL_ERR_INVALID, "a limit is set or unset");
    for (size_t i = 0; i < MRL_QUOTA_COUNT_; i++)
        if (mrl_quota_gives(set, (enum mrl_quota_limit)i))
            MRL_TRY(mrl_quota_check((enum mrl_quota_limit)i, set->of[i], why));
    return MRL_OK;
}

mrl_err mrl_quota_change(struct mrl_access *a, const struct mrl_actor *actor,
                         const struct mrl_role_target *target, const struct mrl_quota_override *set,
                         uint32_t unset, struct mrl_why *why)
{
    char text[MRL_QUOTA_TARGET_MAX];
    struct change c = {.access = a,
                       .actor = actor,
                       .target = *target,
                       .set = set,
                       .unset = unset,
                       .must_exist = set->given == 0,
                       .why = why};

    MRL_TRY(check(set, unset, why));
    c.text = mrl_quota_target_text(target, text);
    return submit(&c);
}

mrl_err mrl_quota_clear(struct mrl_access *a, const struct mrl_actor *actor,
                        const struct mrl_role_target *target, struct mrl_why *why)
{
    static const struct mrl_quota_override nothing;

    return mrl_quota_change(a, actor, target, &nothing, (1u << MRL_QUOTA_COUNT_) - 1, why);
}

void mrl_quota_set_defaults(struct mrl_access *a, enum mrl_principal_kind kind,
                            const uint64_t of[static MRL_QUOTA_COUNT_])
{
    mrl_quota_model_defaults(&a->quotas, kind, of);
}

const struct mrl_quota *mrl_access_quota(struct mrl_access *a, const struct mrl_subject *who)
{
    return mrl_quota_model_of(&a->quotas, who);
}

const struct mrl_quota *mrl_quota_defaults(const struct mrl_access *a, enum mrl_principal_kind kind)
{
    return kind == MRL_PRINCIPAL_APPLICATION ? a->quotas.application : a->quotas.device;
}
