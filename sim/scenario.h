/* SPDX-License-Identifier: Apache-2.0 */
/* What can be measured: each scenario is a few orders to the crew and what is counted meanwhile.
 * Layer: sim. Thread: the main one. */
#ifndef MRL_SIM_SCENARIO_H
#define MRL_SIM_SCENARIO_H

#include "sim/crew.h"
#include "sim/options.h"
#include "sim/report.h"

struct mrl_sim_scenario {
    const char *name;
    enum mrl_sim_shape shape;
    bool persistent;
    mrl_err (*run)(struct mrl_sim_crew *crew, const struct mrl_sim_options *o,
                   struct mrl_report *report, struct mrl_why *why);
};
const struct mrl_sim_scenario *mrl_sim_scenario_find(const char *name); /* NULL: none */

#endif
