/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the text of files below /proc and /sys. Pure. Layer: device. Thread: any. Each fails with
 * MRL_ERR_MALFORMED when what it needs is not there; *out is then unchanged. */
#ifndef MRL_AGENT_PROC_H
#define MRL_AGENT_PROC_H

#include "base/bytes.h"
#include "base/err.h"

struct mrl_cpu_times { /* ticks since boot, all processors together */
    uint64_t total;
    uint64_t idle; /* idle and waiting for a disk */
};
struct mrl_memory {
    uint64_t total_bytes;
    uint64_t available_bytes;
};
struct mrl_traffic { /* since boot, all interfaces but lo */
    uint64_t received_bytes;
    uint64_t sent_bytes;
};

mrl_err mrl_proc_cpu(mrl_bytes stat, struct mrl_cpu_times *out);
/* In tenths of a percent, 0 to 1000; 0 when no time went by. */
unsigned mrl_proc_busy(const struct mrl_cpu_times *before, const struct mrl_cpu_times *now);
mrl_err mrl_proc_load(mrl_bytes loadavg, uint64_t *hundredths); /* of the last minute */
mrl_err mrl_proc_memory(mrl_bytes meminfo, struct mrl_memory *out);
mrl_err mrl_proc_traffic(mrl_bytes net_dev, struct mrl_traffic *out);
mrl_err mrl_proc_uptime(mrl_bytes uptime, uint64_t *seconds);
mrl_err mrl_proc_temperature(mrl_bytes text, int64_t *millidegrees); /* -100000 to 300000 */

#endif
