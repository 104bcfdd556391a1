/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets of those who may not come in any more. They would not resume: the judge is asked each
 * time. But what they hold is secret, and goes with the credential. Layer: main. */
#ifndef MRL_MAIN_TICKETS_H
#define MRL_MAIN_TICKETS_H

#include "devices/registry.h"
#include "net/tls_tickets.h"

/* [service] Forgets them all. */
void mrl_tickets_sweep(struct mrl_tls_tickets *tickets, struct mrl_registry *registry);

#endif
