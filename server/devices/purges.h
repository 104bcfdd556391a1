/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that were retired and whose messages are still to be removed (main/retirement.h does it).
 * Layer: devices. Thread: inside a transaction; [writer] inside a write job. */
#ifndef MRL_DEVICES_PURGES_H
#define MRL_DEVICES_PURGES_H

#include "devices/registry.h"

extern const struct mrl_migration_list mrl_purges_migrations;

/* [writer] For mrl_registry_also_on_revoke, whose shape it has: a device that is retired by the
 * same job is written down. */
mrl_err mrl_purges_note(void *context, struct mrl_tx *tx, enum mrl_principal_kind kind,
                        mrl_bytes id, struct mrl_why *why);
/* [writer] */
mrl_err mrl_purges_done_tx(struct mrl_tx *tx, mrl_bytes device);
typedef void mrl_purges_visit(void *context, mrl_bytes device);
mrl_err mrl_purges_each_tx(struct mrl_tx *tx, mrl_purges_visit *visit, void *context);

#endif
