/* SPDX-License-Identifier: Apache-2.0 */
/* What must be gone of devices that are retired. Layer: main. Thread: main, before workers run. */
#ifndef MRL_MAIN_RETIREMENT_H
#define MRL_MAIN_RETIREMENT_H

#include "devices/registry.h"
#include "doors/mqtt/door.h"

/* The daemon may have ended between a retirement and what followed from it: what retired devices
 * retained goes. Their sessions went when they were loaded. */
mrl_err mrl_retirement_forget(struct mrl_registry *registry, struct mrl_mqtt_door *door,
                              struct mrl_why *why);

#endif
