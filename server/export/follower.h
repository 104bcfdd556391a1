/* SPDX-License-Identifier: Apache-2.0 */
/* One sink and the thread that feeds it. Layer: server/export, internal. Thread: any. */
#ifndef MRL_EXPORT_FOLLOWER_H
#define MRL_EXPORT_FOLLOWER_H

#include "export/export.h"

struct mrl_follower;
/* Borrows all until free. MRL_ERR_IO: no more threads or open files. Gives *out. */
mrl_err mrl_follower_start(const struct mrl_export_config *c, struct mrl_store *store,
                           struct mrl_audit *audit, struct mrl_follower **out);
void mrl_follower_free(struct mrl_follower *f); /* stops and joins; NULL is fine */
/* All of out but newest and lagging. */
void mrl_follower_status(struct mrl_follower *f, struct mrl_export_status *out);

#endif
