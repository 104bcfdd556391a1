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

struct mrl_store;
struct mrl_tx;
struct mrl_audit;

extern const struct mrl_migration mrl_devices_migrations[];
extern const size_t mrl_devices_migration_count;

/* Loads the snapshot from the store and listens to changes of roles. Borrows all three, which
 * outlive it. One per process at a time. MRL_ERR_CORRUPT: a stored record cannot be. */
mrl_err mrl_registry_open(struct mrl_store *store, struct mrl_audit *audit,
                          struct mrl_access *access, struct mrl_registry **out,
                          struct mrl_why *why);
/* After the store has stopped and no reader is left. NULL is fine. */
void mrl_registry_free(struct mrl_registry *r);
MRL_AUTO_DEFINE(mrl_registry);

/* [writer] A principal changed: record, credentials or policy. After the commit and after the
 * snapshot shows it. One listener, set before the first change; it must not block. The daemon posts
 * to all workers, which judge the live sessions of this principal again. */
typedef void mrl_registry_changed(void *context, enum mrl_principal_kind kind, mrl_bytes id);
void mrl_registry_on_change(struct mrl_registry *r, mrl_registry_changed *changed, void *context);

/* [writer] What else belongs to a revocation or retirement, in the same transaction: onboarding
 * cancels the principal's open tokens here. An error rolls the whole step back. At most 8, set
 * before the first change (MRL_ERR_LIMIT). */
typedef mrl_err mrl_registry_also(void *context, struct mrl_tx *tx, enum mrl_principal_kind kind,
                                  mrl_bytes id, struct mrl_why *why);
mrl_err mrl_registry_also_on_revoke(struct mrl_registry *r, mrl_registry_also *also, void *context);

/* [writer] In the committed hook of a job of another module that used a `_tx` function: makes the
 * snapshot of this principal equal to the store and tells on_change. */
void mrl_registry_refresh(struct mrl_registry *r, enum mrl_principal_kind kind, mrl_bytes id);

struct mrl_registry_counts {
    uint64_t devices;
    uint64_t by_state[MRL_DEVICE_RETIRED + 1];
    uint64_t applications;
    uint64_t operators;
    uint64_t credentials;
};
/* Any thread; each number is exact, all together as of about now. */
void mrl_registry_count(const struct mrl_registry *r, struct mrl_registry_counts *out);

#endif
