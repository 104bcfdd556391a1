/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a role means: does the one it is given to exist, and has a variable of a rule a value for
 * anybody there? Layer: devices. Thread: service threads. */
#ifndef MRL_DEVICES_AUDIENCE_H
#define MRL_DEVICES_AUDIENCE_H

#include "access/level.h"
#include "devices/registry.h"

/* variable NULL: is there such an application or device that is not retired, or such a device in
 * the group? Else: is there one for which the variable has a value? Reads the records of a group
 * until one has. */
mrl_err mrl_audience_has(struct mrl_registry *r, const struct mrl_role_target *target,
                         const struct mrl_level *variable, bool *out);

#endif
