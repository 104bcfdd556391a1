/* SPDX-License-Identifier: Apache-2.0 */
#include "issuing/overdue.h"

#include <string.h>

#include "audit/audit.h"
#include "base/hex.h"
#include "devices/inventory.h"

enum { DAY_S = 86400 };
static const int64_t stages[] = {30, 7, 1}; /* days */

static const struct mrl_actor system_actor = {.kind = MRL_ACTOR_SYSTEM,
                                              .id = MRL_LIT_INIT("merlond")};

static const struct mrl_migration migrations[] = {
    {"overdue", 1,
     "CREATE TABLE expiry_marks ("
     " days INTEGER NOT NULL PRIMARY KEY,"
     " not_after INTEGER NOT NULL,"
     " fingerprint BLOB NOT NULL);"},
};
const struct mrl_migration_list mrl_overdue_migrations = {migrations, MRL_COUNT(migrations)};

/* What is needed of one that may be overdue, after the page was read. */
struct candidate {
    struct mrl_name device;
    struct mrl_fingerprint fingerprint;
    int64_t not_before, not_after;
    bool renewed;
};

struct step {
    struct mrl_write write;
    struct mrl_renewals *renewals;
    int64_t days, now_s;
    size_t count;
    struct candidate page[MRL_OVERDUE_PAGE];
};

static mrl_err read_mark(struct mrl_tx *tx, const struct step *s, struct mrl_inventory_place *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err =
        mrl_tx_query_one(tx, "SELECT not_after, fingerprint FROM expiry_marks WHERE days = $1",
                         MRL_ARGS(MRL_INT(s->days)), &rows);

    *out = (struct mrl_inventory_place){.not_after = s->now_s};
    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK;
    MRL_TRY(err);
    MRL_ENSURE(mrl_row_bytes(rows, 1).len == sizeof(out->fingerprint.bytes), MRL_ERR_CORRUPT);
    if (mrl_row_int(rows, 0) < s->now_s)
        return MRL_OK;
    out->not_after = mrl_row_int(rows, 0);
    memcpy(out->fingerprint.bytes, mrl_row_bytes(rows, 1).data, sizeof(out->fingerprint.bytes));
    return MRL_OK;
}

static mrl_err write_mark(struct mrl_tx *tx, const struct step *s,
                          const struct mrl_inventory_place *mark)
{
    return mrl_tx_exec(tx,
                       "INSERT INTO expiry_marks (days, not_after, fingerprint)"
                       " VALUES ($1, $2, $3)"
                       " ON CONFLICT (days) DO UPDATE SET not_after = $2, fingerprint = $3",
                       MRL_ARGS(MRL_INT(s->days), MRL_INT(mark->not_after),
                                MRL_BLOB(mrl_fingerprint_bytes(&mark->fingerprint))),
                       NULL);
}

static void take(void *context, const struct mrl_inventory_item *item)
{
    struct step *s = context;
    struct candidate *c = &s->page[s->count++];

    (void)mrl_name_set(&c->device, item->credential.id); /* of the registry: valid */
    c->fingerprint = item->credential.fingerprint;
    c->not_before = item->credential.not_before;
    c->not_after = item->credential.not_after;
    c->renewed = item->renewed;
}

static bool is_overdue(const struct step *s, const struct candidate *c)
{
    const struct mrl_renewal_asks asks = {.device = mrl_name_bytes(&c->device),
                                          .fingerprint = mrl_fingerprint_bytes(&c->fingerprint),
                                          .not_before = c->not_before,
                                          .not_after = c->not_after};
    struct mrl_window w;

    return !c->renewed && mrl_renewals_window(s->renewals, &asks, &w) == MRL_OK && w.end < s->now_s;
}

static mrl_err warn(struct mrl_tx *tx, const struct step *s, const struct candidate *c)
{
    struct mrl_audit_event e =
        mrl_actor_event(&system_actor, MRL_AUDIT_DEVICE_EXPIRING, mrl_name_bytes(&c->device));
    char fingerprint[2 * MRL_SHA256_SIZE + 1];
    struct mrl_audit_detail details[3];

    mrl_hex(mrl_fingerprint_bytes(&c->fingerprint), fingerprint);
    details[0] = MRL_AUDIT_INT("days", s->days);
    details[1] = MRL_AUDIT_TEXT("fingerprint", mrl_str(fingerprint));
    details[2] = MRL_AUDIT_INT("not_after", c->not_after);
    e.details = details;
    e.details_count = MRL_COUNT(details);
    return mrl_audit_append(tx, &e, NULL);
}

/* A clock that was ahead must not hide what ends until it is there again. */
static mrl_err read_place(struct mrl_tx *tx, const struct step *s, struct mrl_inventory_place *out)
{
    int64_t end = s->now_s + s->days * DAY_S;

    MRL_TRY(read_mark(tx, s, out));
    if (out->not_after <= end)
        return MRL_OK;
    *out = (struct mrl_inventory_place){.not_after = end};
    return write_mark(tx, s, out);
}

static mrl_err run(struct mrl_tx *tx, struct mrl_write *w)
{
    struct step *s = MRL_CONTAINER(w, struct step, write);
    struct mrl_inventory_place last;
    struct mrl_inventory_query query = {.kind = MRL_PRINCIPAL_DEVICE,
                                        .ends_before = s->now_s + s->days * DAY_S + 1,
                                        .limit = MRL_OVERDUE_PAGE};

    s->count = 0;
    MRL_TRY(read_place(tx, s, &query.after));
    MRL_TRY(mrl_inventory_list_tx(tx, &query, take, s));
    for (size_t i = 0; i < s->count; i++)
        if (is_overdue(s, &s->page[i]))
            MRL_TRY(warn(tx, s, &s->page[i]));
    if (s->count == 0)
        return MRL_OK;
    last = (struct mrl_inventory_place){s->page[s->count - 1].not_after,
                                        s->page[s->count - 1].fingerprint};
    return write_mark(tx, s, &last);
}

mrl_err mrl_overdue_step(struct mrl_store *store, struct mrl_renewals *renewals, int64_t now_s,
                         bool *more)
{
    *more = false;
    for (size_t i = 0; i < MRL_COUNT(stages); i++) {
        struct step s = {
            .write = {.run = run}, .renewals = renewals, .days = stages[i], .now_s = now_s};

        MRL_TRY(mrl_store_write(store, &s.write));
        *more = *more || s.count == MRL_OVERDUE_PAGE;
    }
    return MRL_OK;
}
