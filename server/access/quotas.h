/* SPDX-License-Identifier: Apache-2.0 */
/* Who was given which limits, in the store and in memory. Layer: access.
 *
 * Limits are given to a device, a group of devices or an application: to the same targets as roles,
 * and likewise before the target exists. Threads: [service] and [writer] as in access/roles.h. */
#ifndef MRL_ACCESS_QUOTAS_H
#define MRL_ACCESS_QUOTAS_H

#include "access/quota.h"
#include "access/roles.h"

enum { MRL_QUOTA_TARGETS_MAX = 100000 }; /* that were given something */

/* Before the registry is opened: what holds where nothing was given. Until it is called these are
 * the fallbacks of mrl_quota_rules, for applications without rates. */
void mrl_quota_set_defaults(struct mrl_access *a, enum mrl_principal_kind kind,
                            const uint64_t of[static MRL_QUOTA_COUNT_]);

/* [writer], and before the first write job. What holds for a subject; shared with all who have the
 * same. Gives a reference. Never NULL. */
const struct mrl_quota *mrl_access_quota(struct mrl_access *a, const struct mrl_subject *who);

/* [service] One write job with its audit entry; returns after what holds is published. Sets the
 * limits in set, takes back those in unset (sum of 1 << limit). MRL_ERR_INVALID: a value outside of
 * its rule, or nothing to do; MRL_ERR_LIMIT: MRL_QUOTA_TARGETS_MAX; or an error of the store. */
mrl_err mrl_quota_change(struct mrl_access *a, const struct mrl_actor *actor,
                         const struct mrl_role_target *target, const struct mrl_quota_override *set,
                         uint32_t unset, struct mrl_why *why);
/* [service] Takes back everything. MRL_ERR_NOT_FOUND: nothing was given. */
mrl_err mrl_quota_clear(struct mrl_access *a, const struct mrl_actor *actor,
                        const struct mrl_role_target *target, struct mrl_why *why);

/* [service] Reading. Targets in the order of "kind:name", after `after` (empty: from the start), at
 * most limit. Views live during the call of visit only. */
typedef void mrl_quota_visit(void *context, const struct mrl_role_target *target,
                             const struct mrl_quota_override *given);
mrl_err mrl_quota_list(struct mrl_access *a, mrl_bytes after, size_t limit, mrl_quota_visit *visit,
                       void *context);
/* MRL_ERR_NOT_FOUND: nothing was given to it. */
mrl_err mrl_quota_given(struct mrl_access *a, const struct mrl_role_target *target,
                        struct mrl_quota_override *out);
/* The defaults of a kind. */
const struct mrl_quota *mrl_quota_defaults(const struct mrl_access *a,
                                           enum mrl_principal_kind kind);

#endif
