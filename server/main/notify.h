/* SPDX-License-Identifier: Apache-2.0 */
/* One datagram to the service manager, where there is one (sd_notify(3) protocol). Layer: main. */
#ifndef MRL_MAIN_NOTIFY_H
#define MRL_MAIN_NOTIFY_H

/* "READY=1". Without $NOTIFY_SOCKET nothing happens; failures are of no consequence. */
void mrl_notify(const char *state);

#endif
