/* SPDX-License-Identifier: Apache-2.0 */
/* What merlon-unlock gives up before it stays. Layer: keys, merlon-unlock. Thread: all of them.
 *
 * A vendor's module opens files and sockets, starts threads and takes signals: no list of what is
 * allowed fits every one. So a list of what none needs to sign: other programs, other processes'
 * memory, the kernel's own parts. Those calls fail with EPERM. */
#ifndef MRL_KEYS_HARDWARE_CONFINE_H
#define MRL_KEYS_HARDWARE_CONFINE_H

#include "base/err.h"

/* For the whole process, for good. MRL_ERR_IO with why. */
mrl_err mrl_confine(struct mrl_why *why);

#endif
