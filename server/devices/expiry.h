/* SPDX-License-Identifier: Apache-2.0 */
/* When certificates end. Layer: devices. Thread: [service], blocks on the store. */
#ifndef MRL_DEVICES_EXPIRY_H
#define MRL_DEVICES_EXPIRY_H

#include "access/policy.h"
#include "store/store.h"

/* For each second in ends (at most 16, else MRL_ERR_LIMIT): how many active certificates of
 * principals of that kind end before it. Read from an index alone. */
mrl_err mrl_credential_count_ending(struct mrl_store *s, enum mrl_principal_kind kind,
                                    const int64_t *ends, size_t count, uint64_t *out);

#endif
