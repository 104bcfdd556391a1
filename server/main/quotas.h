/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration says about limits: defaults of devices and applications, and the guard.
 * Layer: main. Thread: main, before the workers run. */
#ifndef MRL_MAIN_QUOTAS_H
#define MRL_MAIN_QUOTAS_H

#include "access/quotas.h"
#include "guard/guard.h"
#include "main/config.h"

/* What holds for a device, or an application, where nothing was given to it. */
void mrl_quotas_of_config(const struct mrl_config *c, enum mrl_principal_kind kind,
                          uint64_t of[static MRL_QUOTA_COUNT_]);

/* exempt: memory that outlives the guard. MRL_ERR_INVALID: an exempt network is none. Gives *out.
 */
mrl_err mrl_guard_of_config(const struct mrl_config *c, struct mrl_audit *audit,
                            struct mrl_network exempt[static MRL_CONFIG_EXEMPT_MAX],
                            struct mrl_guard **out, struct mrl_why *why);

#endif
