/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that do not renew: an entry device.expiring when a certificate ends within 30, 7 and 1
 * days, its renewal window is over and no other took its place. Each is looked at once for each of
 * these; how far that got is in the store. Layer: issuing. Thread: [service], blocks. */
#ifndef MRL_ISSUING_OVERDUE_H
#define MRL_ISSUING_OVERDUE_H

#include "issuing/renewals.h"

enum { MRL_OVERDUE_PAGE = 200 }; /* looked at in one transaction */

extern const struct mrl_migration_list mrl_overdue_migrations;

/* One page of each. *more: there was a full one, so that another call is due at once. */
mrl_err mrl_overdue_step(struct mrl_store *store, struct mrl_renewals *renewals, int64_t now_s,
                         bool *more);

#endif
