/* SPDX-License-Identifier: Apache-2.0 */
/* The agent at work: readings, commands, reconnecting, renewal. Layer: device. */
#ifndef MRL_AGENT_RUN_H
#define MRL_AGENT_RUN_H

#include "device/agent/home.h"

/* Until SIGTERM or SIGINT: MRL_OK. SIGUSR1 renews now. Borrows h, whose identity is replaced. */
mrl_err mrl_agent_run(struct mrl_home *h, uint64_t interval_ms, struct mrl_why *why);

#endif
