/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/inventory.h"

#include <string.h>

/* From the index of ends; the rest of the order is only for those of one second. */
#define PAGE                                                                           \
    "SELECT c.fingerprint, c.serial, c.principal, c.not_before, c.not_after, c.state," \
    " c.changed, c.reason, length(c.der),"                                             \
    " EXISTS (SELECT 1 FROM credentials n WHERE n.kind = c.kind"                       \
    " AND n.principal = c.principal AND n.state = $3 AND n.not_after > c.not_after)"   \
    " FROM credentials c WHERE c.kind = $1 AND c.state = $2"                           \
    " AND c.not_after > $4 AND c.not_after < $5"                                       \
    " AND (c.not_after > $6 OR (c.not_after = $6 AND c.fingerprint > $7))"
#define OF_GROUP " AND EXISTS (SELECT 1 FROM devices d WHERE d.id = c.principal AND d.grp = $9)"
#define PAGE_END " ORDER BY c.not_after, c.fingerprint LIMIT $8"

static mrl_err item_of_row(const struct mrl_rows *rows, enum mrl_principal_kind kind,
                           struct mrl_inventory_item *out)
{
    mrl_bytes fingerprint = mrl_row_bytes(rows, 0);
    struct mrl_credential_info *c = &out->credential;

    MRL_ENSURE(fingerprint.len == sizeof(c->fingerprint.bytes), MRL_ERR_CORRUPT);
    *out = (struct mrl_inventory_item){.credential = {.serial = mrl_row_bytes(rows, 1),
                                                      .kind = kind,
                                                      .psk = mrl_row_int(rows, 8) == 0,
                                                      .id = mrl_row_bytes(rows, 2),
                                                      .not_before = mrl_row_int(rows, 3),
                                                      .not_after = mrl_row_int(rows, 4),
                                                      .changed_ms = mrl_row_int(rows, 6),
                                                      .reason = mrl_row_bytes(rows, 7)},
                                       .renewed = mrl_row_int(rows, 9) != 0};
    c->state = (enum mrl_credential_state)mrl_row_int(rows, 5);
    memcpy(c->fingerprint.bytes, fingerprint.data, fingerprint.len);
    return MRL_OK;
}

static mrl_err query_page(struct mrl_tx *tx, const struct mrl_inventory_query *q,
                          struct mrl_rows **out)
{
    /* A later page does not walk over the earlier ones again. */
    int64_t from = q->after.not_after > q->ends_after ? q->after.not_after - 1 : q->ends_after;
    const struct mrl_value args[] = {
        MRL_INT(q->kind),
        MRL_INT(q->state != 0 ? q->state : MRL_CREDENTIAL_ACTIVE),
        MRL_INT(MRL_CREDENTIAL_ACTIVE),
        MRL_INT(from),
        MRL_INT(q->ends_before != 0 ? q->ends_before : INT64_MAX),
        MRL_INT(q->after.not_after),
        MRL_BLOB(mrl_fingerprint_bytes(&q->after.fingerprint)),
        MRL_INT(q->limit),
        MRL_TEXT(q->group),
    };

    if (q->group.len == 0)
        return mrl_tx_query(tx, PAGE PAGE_END, args, MRL_COUNT(args) - 1, out);
    return mrl_tx_query(tx, PAGE OF_GROUP PAGE_END, args, MRL_COUNT(args), out);
}

mrl_err mrl_inventory_list_tx(struct mrl_tx *tx, const struct mrl_inventory_query *query,
                              mrl_inventory_visit *visit, void *context)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(query_page(tx, query, &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        struct mrl_inventory_item item;

        MRL_TRY(item_of_row(rows, query->kind, &item));
        visit(context, &item);
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

struct listing {
    const struct mrl_inventory_query *query;
    mrl_inventory_visit *visit;
    void *context;
};

static mrl_err run(struct mrl_tx *tx, void *context)
{
    const struct listing *l = context;

    return mrl_inventory_list_tx(tx, l->query, l->visit, l->context);
}

mrl_err mrl_inventory_list(struct mrl_store *store, const struct mrl_inventory_query *query,
                           mrl_inventory_visit *visit, void *context, struct mrl_why *why)
{
    struct listing l = {query, visit, context};

    if (query->limit < 1 || query->limit > MRL_INVENTORY_PAGE_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "limit: 1 to %d", MRL_INVENTORY_PAGE_MAX);
    if (query->group.len > 0 && query->kind != MRL_PRINCIPAL_DEVICE)
        return mrl_fail(why, MRL_ERR_INVALID, "group: only devices have one");
    return mrl_store_read(store, run, &l);
}
