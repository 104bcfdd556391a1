/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/sandbox.h"

#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "keys/sandbox_calls.h"

/* Allowed with any argument. */
static const int free_calls[] = {
    SCMP_SYS(close),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(mlock),
    SCMP_SYS(munlock),
    SCMP_SYS(futex),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sched_yield),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

/* Allowed on one descriptor only. */
struct fd_call {
    int call;
    int fd;
};
static const struct fd_call fd_calls[] = {
    {SCMP_SYS(recvmsg), MRL_SANDBOX_CHANNEL}, {SCMP_SYS(sendmsg), MRL_SANDBOX_CHANNEL},
    {SCMP_SYS(recvmsg), MRL_SANDBOX_SIGNER},  {SCMP_SYS(sendmsg), MRL_SANDBOX_SIGNER},
    {SCMP_SYS(write), STDERR_FILENO},
};

/* Memory, but never executable. */
static const int mapping_calls[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};

static int allow_free(scmp_filter_ctx filter, const int *calls, size_t count)
{
    int failed = 0;

    for (size_t i = 0; i < count; i++)
        failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    return failed;
}

static int allow_on_fds(scmp_filter_ctx filter, const struct fd_call *calls, size_t count)
{
    int failed = 0;

    for (size_t i = 0; i < count; i++)
        failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i].call, 1,
                                   SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)calls[i].fd));
    return failed;
}

static int allow_mappings(scmp_filter_ctx filter)
{
    int failed = 0;

    for (size_t i = 0; i < MRL_COUNT(mapping_calls); i++)
        failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, mapping_calls[i], 1,
                                   SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    return failed;
}

static int fill(scmp_filter_ctx filter)
{
    return seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) |
           allow_free(filter, free_calls, MRL_COUNT(free_calls)) |
           allow_free(filter, mrl_sandbox_extra_calls, mrl_sandbox_extra_call_count) |
           allow_on_fds(filter, fd_calls, MRL_COUNT(fd_calls)) | allow_mappings(filter);
}

mrl_err mrl_sandbox_seccomp(struct mrl_why *why)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int failed;

    if (filter == NULL)
        return mrl_fail(why, MRL_ERR_IO, "sandbox: seccomp cannot be set up");
    failed = fill(filter);
    if (failed == 0)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    if (failed != 0)
        return mrl_fail(why, MRL_ERR_IO, "sandbox: seccomp cannot be applied");
    return MRL_OK;
}

mrl_err mrl_sandbox_enter(uint16_t *abi, struct mrl_why *why)
{
    MRL_TRY(mrl_sandbox_landlock(abi, why));
    return mrl_sandbox_seccomp(why);
}
