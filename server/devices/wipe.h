/* SPDX-License-Identifier: Apache-2.0 */
/* Wipe orders: a retired device may still come, with a certificate that was good until then, to
 * take the order, sign a receipt and nothing else. The receipt is in the audit log before it is
 * acknowledged; only then the device destroys its key. Layer: devices. Threads as registry.h. */
#ifndef MRL_DEVICES_WIPE_H
#define MRL_DEVICES_WIPE_H

#include "audit/event.h"
#include "devices/registry.h"
#include "devices/wipe_receipt.h"

/* For mrl_store_options; after those of the registry. */
extern const struct mrl_migration_list mrl_wipe_migrations;

/* Any thread. Is the holder of this certificate to be wiped, at the second now? false: it is
 * refused as its device is. out may be NULL. */
bool mrl_wipe_find(struct mrl_registry *r, const struct mrl_fingerprint *certificate, int64_t now_s,
                   struct mrl_wipe_order *out);

/* Without waiting: the receipt is written down, an entry device.wiped holds what was signed and the
 * signature, and nobody is let in with this order any more. The receipt has passed
 * mrl_wipe_receipt_check; who: actor, source and target (the device) of the entry; all copied.
 * done: on the writer, before anybody is told that the device changed. MRL_ERR_STATE: the order was
 * withdrawn. The same order answered again is MRL_OK and makes no second entry. */
void mrl_wipe_answer(struct mrl_registry *r, const struct mrl_audit_event *who,
                     const struct mrl_fingerprint *certificate,
                     const struct mrl_wipe_receipt *receipt,
                     void (*done)(void *context, mrl_err result), void *context);

/* Stored, but for the last: a value never changes its meaning. */
enum mrl_wipe_state {
    MRL_WIPE_ORDERED = 1,
    MRL_WIPE_ANSWERED = 2,  /* the receipt is there */
    MRL_WIPE_WITHDRAWN = 3, /* the device was lifted before it answered */
    MRL_WIPE_EXPIRED = 4,   /* ordered, and the time for an answer is over */
};
const char *mrl_wipe_state_name(enum mrl_wipe_state s); /* "answered"; never NULL */

struct mrl_wipe_info {
    mrl_bytes order;
    enum mrl_wipe_state state;
    int64_t ordered_ms, expires_ms;
    int64_t answered_ms; /* 0, and the rest empty: not answered */
    mrl_bytes message;   /* what was signed */
    mrl_bytes signature;
    mrl_bytes certificate; /* fingerprint of the one whose key signed */
    mrl_bytes spki;        /* that key, SubjectPublicKeyInfo */
};
/* [service] The last order to a device; the view lives during the call. MRL_ERR_NOT_FOUND: there
 * was none. */
typedef void mrl_wipe_visit(void *context, const struct mrl_wipe_info *wipe);
mrl_err mrl_wipe_show(struct mrl_registry *r, mrl_bytes device, mrl_wipe_visit *visit,
                      void *context, struct mrl_why *why);

/* --- for the registry itself --- */

/* [writer] In the transaction that retires the device, before its certificates are revoked: an
 * order that is open until then, and its entry; none when no certificate is good. */
mrl_err mrl_wipe_order_tx(struct mrl_tx *tx, const struct mrl_actor *actor, mrl_bytes device,
                          int64_t until_ms);
/* [writer] The device is lifted. */
mrl_err mrl_wipe_withdraw_tx(struct mrl_tx *tx, mrl_bytes device);

/* One certificate that is open. */
struct mrl_wipe_entry {
    struct mrl_fingerprint certificate;
    struct mrl_wipe_order order;
};
/* What is open for this device, or, id empty, for all. */
mrl_err mrl_wipe_each_tx(struct mrl_tx *tx, mrl_bytes device,
                         void (*each)(void *context, const struct mrl_wipe_entry *entry),
                         void *context);

#endif
