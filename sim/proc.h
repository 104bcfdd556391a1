/* SPDX-License-Identifier: Apache-2.0 */
/* What a process has used, from /proc. Layer: sim. Thread: any. */
#ifndef MRL_SIM_PROC_H
#define MRL_SIM_PROC_H

#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"

struct mrl_proc_use {
    double cpu_s;           /* user and system, all threads, those that ended included */
    uint64_t private_bytes; /* RssAnon */
};

/* utime and stime, in ticks of the clock, of a line of /proc/PID/stat. MRL_ERR_MALFORMED. */
mrl_err mrl_proc_parse_stat(mrl_bytes line, uint64_t *ticks);
/* RssAnon in bytes from the text of /proc/PID/status. MRL_ERR_NOT_FOUND. */
mrl_err mrl_proc_parse_status(mrl_bytes text, uint64_t *bytes);
/* MRL_ERR_NOT_FOUND: no such process. */
mrl_err mrl_proc_read(pid_t pid, struct mrl_proc_use *out);

#endif
