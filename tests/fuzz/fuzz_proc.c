/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "device/agent/proc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Any text: refused, or values within their bounds. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mrl_bytes text = mrl_bytes_of(data, size);
    const struct mrl_cpu_times zero = {0, 0};
    struct mrl_cpu_times t;
    struct mrl_memory m;
    struct mrl_traffic n;
    uint64_t v;
    int64_t c;

    if (mrl_proc_cpu(text, &t) == MRL_OK && (t.idle > t.total || mrl_proc_busy(&zero, &t) > 1000))
        abort();
    if (mrl_proc_memory(text, &m) == MRL_OK && m.total_bytes % 1024 != 0)
        abort();
    if (mrl_proc_traffic(text, &n) == MRL_OK && n.sent_bytes > UINT64_C(1) << 56)
        abort();
    if (mrl_proc_load(text, &v) == MRL_OK && mrl_proc_uptime(text, &v) != MRL_OK)
        abort();
    if (mrl_proc_temperature(text, &c) == MRL_OK && (c < -100000 || c > 300000))
        abort();
    return 0;
}
