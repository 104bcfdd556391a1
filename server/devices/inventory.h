/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates and pre-shared keys of all principals of a kind, by when they end. Layer:
 * devices. Thread: [service], blocks on the store. */
#ifndef MRL_DEVICES_INVENTORY_H
#define MRL_DEVICES_INVENTORY_H

#include "devices/device.h"

enum { MRL_INVENTORY_PAGE_MAX = 1000 };

/* Where a page begins: after this one. Zero: from the start. */
struct mrl_inventory_place {
    int64_t not_after;
    struct mrl_fingerprint fingerprint;
};
struct mrl_inventory_query {
    enum mrl_principal_kind kind;    /* device, application or operator */
    enum mrl_credential_state state; /* 0: active */
    mrl_bytes group;                 /* of devices; empty: any */
    int64_t ends_after;              /* seconds since 1970; those of this second are left out */
    int64_t ends_before;             /* likewise; 0: whenever */
    struct mrl_inventory_place after;
    size_t limit; /* 1 to MRL_INVENTORY_PAGE_MAX, else MRL_ERR_INVALID */
};

struct mrl_inventory_item {
    struct mrl_credential_info credential;
    /* An active one of the same principal ends later: this one is not missed. */
    bool renewed;
};
/* The first to end comes first. Views live during the call only. */
typedef void mrl_inventory_visit(void *context, const struct mrl_inventory_item *item);
mrl_err mrl_inventory_list(struct mrl_store *store, const struct mrl_inventory_query *query,
                           mrl_inventory_visit *visit, void *context, struct mrl_why *why);
/* The same inside a transaction. */
mrl_err mrl_inventory_list_tx(struct mrl_tx *tx, const struct mrl_inventory_query *query,
                              mrl_inventory_visit *visit, void *context);

#endif
