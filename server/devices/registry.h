/* SPDX-License-Identifier: Apache-2.0 */
/* The registry: every principal, its credentials, its state. Layer: devices.
 *
 * Threads: functions marked [service] block on the store and run on service threads; [writer] run
 * on the writer thread of the store, inside a write job or its committed hook. The snapshot that
 * workers read is in devices/snapshot.h.
 *
 * Every change is one write job: record and audit entry in one transaction, then the snapshot, then
 * on_change, and only then does the call return. */
#ifndef MRL_DEVICES_REGISTRY_H
#define MRL_DEVICES_REGISTRY_H

#include "access/roles.h"
#include "devices/snapshot.h"
#include "store/seal.h"

/* For mrl_store_options; after those of audit and access. */
extern const struct mrl_migration_list mrl_devices_migrations;

/* Loads the snapshot from the store and listens to changes of roles. Borrows all three, which
 * outlive it. Before the first write job that concerns principals or roles. MRL_ERR_CORRUPT: a
 * stored record cannot be. Gives *out. */
mrl_err mrl_registry_open(struct mrl_store *store, struct mrl_sealer *sealer,
                          struct mrl_access *access, struct mrl_registry **out,
                          struct mrl_why *why);
/* After the store has stopped and no reader is left. NULL is fine. */
void mrl_registry_free(struct mrl_registry *r);
MRL_AUTO_DEFINE(mrl_registry);

/* [writer] A principal changed: record, credentials or policy. After the commit and after the
 * snapshot shows it; not for a principal that is new. One listener, set before the first change; it
 * must not block. The daemon posts to all workers, which judge the live sessions of this principal
 * again. */
typedef void mrl_registry_changed(void *context, enum mrl_principal_kind kind, mrl_bytes id);
void mrl_registry_on_change(struct mrl_registry *r, mrl_registry_changed *changed, void *context);

/* [writer] A device was retired: as above, and after on_change was told of it. One listener. */
typedef void mrl_registry_retired(void *context, mrl_bytes id);
void mrl_registry_on_retire(struct mrl_registry *r, mrl_registry_retired *retired, void *context);

/* How long a retired device may come for its wipe order (devices/wipe.h); 0: none is given. Set
 * before the first change. */
void mrl_registry_wipe_within(struct mrl_registry *r, uint64_t seconds);

/* [writer] What else belongs to a revocation or retirement, in the same transaction: onboarding
 * cancels the principal's open tokens here. An error rolls the whole step back. At most 8, set
 * before the first change (MRL_ERR_LIMIT). */
typedef mrl_err mrl_registry_also(void *context, struct mrl_tx *tx, enum mrl_principal_kind kind,
                                  mrl_bytes id, struct mrl_why *why);
mrl_err mrl_registry_also_on_revoke(struct mrl_registry *r, mrl_registry_also *also, void *context);

/* Write jobs of other modules that use a `_tx` function: as the last step of run, stage takes what
 * the transaction now says about the principal; committed publishes that to the snapshot and tells
 * on_change. Whoever holds an update frees it (NULL is fine); publish does not take it. */
struct mrl_registry_update;
/* [writer] MRL_ERR_NOT_FOUND: no such principal. Gives *out. */
mrl_err mrl_registry_stage(struct mrl_tx *tx, enum mrl_principal_kind kind, mrl_bytes id,
                           struct mrl_registry_update **out);
/* [writer] After stage: this certificate of the principal is hardware-held (devices/hardware.h). */
void mrl_registry_update_hardware(struct mrl_registry_update *u, const struct mrl_fingerprint *f);
void mrl_registry_publish(struct mrl_registry *r,
                          const struct mrl_registry_update *u); /* [writer] */
void mrl_registry_update_free(struct mrl_registry_update *u);   /* any */
MRL_AUTO_DEFINE(mrl_registry_update);

/* A principal that another module stores, in the snapshot only: claims (onboarding/claim.h). It is
 * judged like an account. */
struct mrl_registry_guest {
    enum mrl_principal_kind kind;
    mrl_bytes id;
    mrl_bytes attributes; /* access/attributes.h; empty: none */
    bool active;
    struct mrl_credential credential;
};
/* [writer] Makes the snapshot say this, and tells on_change when it was known. */
void mrl_registry_put_guest(struct mrl_registry *r, const struct mrl_registry_guest *g);

struct mrl_registry_counts {
    uint64_t devices;
    uint64_t by_state[MRL_DEVICE_RETIRED + 1]; /* index: enum mrl_device_state */
    uint64_t applications;
    uint64_t operators;
    uint64_t credentials;
};
/* Any thread; each number is exact at some moment of the call. */
void mrl_registry_count(const struct mrl_registry *r, struct mrl_registry_counts *out);

#endif
