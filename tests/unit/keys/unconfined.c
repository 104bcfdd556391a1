/* SPDX-License-Identifier: Apache-2.0 */
/* Makes merlon-keys the same program without its sandbox, so that the search for leaks at exit,
 * which needs /proc and a tracer, can run. With MERLON_LEAK set it leaks, to show the search. */
#include <stdlib.h>
#include <sys/prctl.h>

#include "keys/sandbox.h"

enum { LEAK_SIZE = 4242 };

mrl_err mrl_sandbox_landlock(uint16_t *abi, struct mrl_why *why)
{
    (void)why;
    *abi = 0;
    return MRL_OK;
}

mrl_err mrl_sandbox_seccomp(struct mrl_why *why)
{
    (void)why;
    return MRL_OK;
}

static void let_trace(void)
{
    if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)
        abort();
}

/* The compiler would leave out memory that nobody looks at. */
static void leak(void)
{
    void *volatile lost = malloc(LEAK_SIZE);

    (void)lost;
    lost = NULL;
}

/* Before main, hence run at exit after everything else but the search. */
__attribute__((constructor)) static void prepare(void)
{
    if (atexit(let_trace) != 0)
        abort();
    if (getenv("MERLON_LEAK") != NULL)
        leak();
}
