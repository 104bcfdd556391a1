/* SPDX-License-Identifier: Apache-2.0 */
/* The address of a host, by a deadline. The resolver of the C library waits as long as its own
 * configuration says, so it runs on a thread that is left behind when time is over, and ends by
 * itself. Layer: net. Thread: any that may block. */
#ifndef MRL_NET_RESOLVE_H
#define MRL_NET_RESOLVE_H

#include "net/address.h"

enum { MRL_RESOLVE_MAX = 32 }; /* look-ups under way in a process, those left behind included */

/* Until the deadline (monotonic). An IP address needs no look-up. MRL_ERR_TIMEOUT;
 * MRL_ERR_NOT_FOUND, MRL_ERR_INVALID as of mrl_address_resolve; MRL_ERR_BUSY: MRL_RESOLVE_MAX. */
mrl_err mrl_resolve(mrl_bytes host, uint16_t port, uint64_t deadline_ms, struct mrl_address *out,
                    struct mrl_why *why);

/* By another look-up than mrl_address_resolve; apart for tests. */
typedef mrl_err mrl_look_up(mrl_bytes host, uint16_t port, struct mrl_address *out,
                            struct mrl_why *why);
mrl_err mrl_resolve_by(mrl_look_up *look_up, mrl_bytes host, uint16_t port, uint64_t deadline_ms,
                       struct mrl_address *out, struct mrl_why *why);

#endif
