/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/sandbox.h"

#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's structure as of ABI 6; an older kernel takes it as long as what it does not know is
 * zero. Defined here because build machines often have older headers than the kernel that runs. */
struct ruleset {
    uint64_t files;
    uint64_t network;
    uint64_t scoped;
};

enum { RULESET_VERSION = 1 };

/* What each ABI added; all of it is handled and nothing is allowed. */
static const struct {
    uint16_t abi;
    struct ruleset rights;
} added[] = {
    {1, {.files = (1U << 13) - 1}}, /* execute, write, read, list, make, remove */
    {2, {.files = 1U << 13}},       /* refer: link and rename between folders */
    {3, {.files = 1U << 14}},       /* truncate */
    {4, {.network = 3}},            /* bind and connect TCP */
    {5, {.files = 1U << 15}},       /* ioctl on devices */
    {6, {.scoped = 3}},             /* abstract unix sockets, signals */
};

static struct ruleset everything(long abi)
{
    struct ruleset all = {0};

    for (size_t i = 0; i < MRL_COUNT(added) && added[i].abi <= abi; i++) {
        all.files |= added[i].rights.files;
        all.network |= added[i].rights.network;
        all.scoped |= added[i].rights.scoped;
    }
    return all;
}

mrl_err mrl_sandbox_landlock(uint16_t *abi, struct mrl_why *why)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, RULESET_VERSION);
    struct ruleset all = everything(version);
    long fd;
    int result;

    *abi = 0;
    if (version <= 0)
        return MRL_OK; /* not built in, or not enabled at boot: reported, not fatal */
    fd = syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
    if (fd < 0)
        return mrl_fail(why, MRL_ERR_IO, "sandbox: landlock: %m");
    result = (int)syscall(SYS_landlock_restrict_self, fd, 0);
    (void)close((int)fd); /* the ruleset is applied */
    if (result != 0)
        return mrl_fail(why, MRL_ERR_IO, "sandbox: landlock: %m");
    *abi = (uint16_t)version;
    return MRL_OK;
}
