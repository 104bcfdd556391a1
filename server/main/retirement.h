/* SPDX-License-Identifier: Apache-2.0 */
/* What must be gone of devices that are retired: what they retained, and what is retained for them.
 * A retirement writes down that this is still to be done (devices/purges.h), and the last worker
 * that has done it, on the disk, that it is: so a daemon that ends in between does it at its next
 * start, and takes nothing that was retained later. Layer: main. Threads as marked. */
#ifndef MRL_MAIN_RETIREMENT_H
#define MRL_MAIN_RETIREMENT_H

#include "devices/registry.h"
#include "doors/mqtt/door.h"

/* [main] Before workers run: what a daemon did not come to. */
mrl_err mrl_retirement_forget(struct mrl_registry *registry, struct mrl_store *store,
                              struct mrl_mqtt_door *door, struct mrl_why *why);

/* Of one device, in as many parts as there are workers. Any thread. Gone with its last part. */
struct mrl_purge;
struct mrl_purge *mrl_purge_new(struct mrl_store *store, mrl_bytes device, unsigned parts);
/* [worker, or main before workers run] One part. */
void mrl_purge_part(struct mrl_purge *p, struct mrl_mqtt_door *door);
/* A part that will not be done: it is still to be done at the next start. */
void mrl_purge_give_up(struct mrl_purge *p);

#endif
