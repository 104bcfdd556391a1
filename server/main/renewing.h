/* SPDX-License-Identifier: Apache-2.0 */
/* Orders to renew on their way to the devices: once a second those whose turn has come are taken
 * from the store and told by a worker. Layer: main. */
#ifndef MRL_MAIN_RENEWING_H
#define MRL_MAIN_RENEWING_H

#include "issuing/renewals.h"
#include "main/worker.h"
#include "net/service.h"

struct mrl_renewing;
/* Everything is borrowed; the worker is one that runs. */
struct mrl_renewing *mrl_renewing_new(struct mrl_renewals *renewals, struct mrl_service *service);
void mrl_renewing_free(struct mrl_renewing *r); /* the service is freed already. NULL is fine */
/* Main thread, each second. */
void mrl_renewing_tick(struct mrl_renewing *r, struct mrl_worker *worker);

#endif
