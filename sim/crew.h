/* SPDX-License-Identifier: Apache-2.0 */
/* All processes of the generator: started, given orders, listened to. Layer: sim. Thread: one. */
#ifndef MRL_SIM_CREW_H
#define MRL_SIM_CREW_H

#include "sim/member.h"

struct mrl_sim_crew;

/* Forks plan->members processes. Borrows plan until freed. MRL_ERR_IO. */
mrl_err mrl_sim_crew_new(const struct mrl_sim_plan *plan, struct mrl_sim_crew **out,
                         struct mrl_why *why);
void mrl_sim_crew_free(struct mrl_sim_crew *crew); /* ends them; NULL is fine */
MRL_AUTO_DEFINE(mrl_sim_crew);

/* Gives an order to all; wait takes the answers of all. The first failure of any. */
mrl_err mrl_sim_crew_order(struct mrl_sim_crew *crew, const struct mrl_sim_order *order,
                           struct mrl_why *why);
mrl_err mrl_sim_crew_wait(struct mrl_sim_crew *crew, struct mrl_why *why);
/* What all counted together. */
void mrl_sim_crew_count(const struct mrl_sim_crew *crew, struct mrl_sim_board *out);

#endif
