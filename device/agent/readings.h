/* SPDX-License-Identifier: Apache-2.0 */
/* Readings of this machine, as one JSON object. Layer: device. Thread: one; reads files. What this
 * machine does not offer is left out, never made up. */
#ifndef MRL_AGENT_READINGS_H
#define MRL_AGENT_READINGS_H

#include "base/writer.h"
#include "device/agent/proc.h"

struct mrl_readings {
    int64_t time_ms; /* since 1970 */
    uint64_t sequence;
    bool has_cpu; /* from the second sample on */
    bool has_load;
    bool has_memory;
    bool has_temperature;
    bool has_traffic;
    bool has_uptime;
    unsigned cpu_tenths; /* of a percent, since the sample before */
    uint64_t load_hundredths;
    struct mrl_memory memory;
    int64_t millidegrees;
    struct mrl_traffic traffic;
    uint64_t uptime_s;
};

struct mrl_sampler {  /* zeroed before the first sample */
    const char *root; /* "" on a machine; tests have their own files */
    bool has_times;
    struct mrl_cpu_times times;
    uint64_t sequence;
};
void mrl_readings_take(struct mrl_sampler *s, struct mrl_readings *out);
void mrl_readings_write(const struct mrl_readings *r, struct mrl_writer *w);

#endif
