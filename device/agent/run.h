/* SPDX-License-Identifier: Apache-2.0 */
/* The agent at work: readings, commands, reconnecting, renewal. Layer: device. */
#ifndef MRL_AGENT_RUN_H
#define MRL_AGENT_RUN_H

#include "device/agent/home.h"

enum { MRL_AGENT_TOPIC = 128 }; /* with the NUL */

struct mrl_run_options {
    uint64_t interval_ms;
    const char *topic; /* of the readings; NULL: devices/ID/readings */
};

/* A topic that readings can go to: valid, no longer than 127 bytes, and none of the server's own.
 */
bool mrl_agent_topic_good(const char *topic);
/* Until SIGTERM or SIGINT: MRL_OK. SIGUSR1 renews now. Borrows h, whose identity is replaced. */
mrl_err mrl_agent_run(struct mrl_home *h, const struct mrl_run_options *o, struct mrl_why *why);

#endif
