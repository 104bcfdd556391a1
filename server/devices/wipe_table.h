/* SPDX-License-Identifier: Apache-2.0 */
/* Open wipe orders by certificate, for workers. Layer: devices, internal. Thread: any; the lock is
 * held for a look-up or a copy. Only connections of retired devices come here. */
#ifndef MRL_DEVICES_WIPE_TABLE_H
#define MRL_DEVICES_WIPE_TABLE_H

#include "devices/wipe_receipt.h"

struct mrl_wipe_table;
struct mrl_wipe_table *mrl_wipe_table_new(void);
void mrl_wipe_table_free(struct mrl_wipe_table *t); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_wipe_table);

/* Replaces what was open for this certificate. */
void mrl_wipe_table_put(struct mrl_wipe_table *t, const struct mrl_fingerprint *f,
                        const struct mrl_wipe_order *order);
void mrl_wipe_table_drop(struct mrl_wipe_table *t, const struct mrl_fingerprint *f);
/* false: nothing is open (any more) at the second now. out may be NULL. */
bool mrl_wipe_table_find(struct mrl_wipe_table *t, const struct mrl_fingerprint *f, int64_t now_s,
                         struct mrl_wipe_order *out);

#endif
