/* SPDX-License-Identifier: Apache-2.0 */
/* A rotation of data keys in the background: one step at a time on a service thread, each giving
 * way to what waits there. Layer: main. Thread: any, except where named. */
#ifndef MRL_MAIN_ROTATION_H
#define MRL_MAIN_ROTATION_H

#include "keys/client.h"
#include "net/service.h"
#include "store/seal_rotation.h"

struct mrl_rotation;

/* All borrowed for as long as it lives. */
struct mrl_rotation *mrl_rotation_new(struct mrl_store *store, struct mrl_sealer *sealer,
                                      struct mrl_keys_client *keys, struct mrl_service *service);
/* After the service was freed. NULL is fine. */
void mrl_rotation_free(struct mrl_rotation *r);

struct mrl_seal_rotation *mrl_rotation_of(struct mrl_rotation *r);
/* There is something to do: a rotation began, or one may have been running when the daemon ended.
 * context: the mrl_rotation. */
void mrl_rotation_wake(void *context);
/* Every second: goes on after a failure or when the service was busy. */
void mrl_rotation_tick(struct mrl_rotation *r);

#endif
