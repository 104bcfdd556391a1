/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/sandbox_calls.h"

#include <seccomp.h>

/* For the report of an error; they are never called by a run without one, except sigaltstack. */
const int mrl_sandbox_extra_calls[] = {SCMP_SYS(sigaltstack),    SCMP_SYS(gettid),
                                       SCMP_SYS(tgkill),         SCMP_SYS(readlink),
                                       SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),
                                       SCMP_SYS(getuid),         SCMP_SYS(sched_getaffinity)};
const size_t mrl_sandbox_extra_call_count =
    sizeof(mrl_sandbox_extra_calls) / sizeof(mrl_sandbox_extra_calls[0]);
