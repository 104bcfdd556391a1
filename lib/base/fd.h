/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors. Layer: base. Thread: any. */
#ifndef MRL_BASE_FD_H
#define MRL_BASE_FD_H

#include <stdbool.h>

#include "base/bytes.h"

/* All of data, however many calls it takes; blocks. False: not all of it was written, errno says
 * why. */
bool mrl_write_all(int fd, mrl_bytes data);

#endif
