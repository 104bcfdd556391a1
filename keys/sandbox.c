/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ACCOUNT_MAX = 16384 };

static mrl_err fail_errno(struct mrl_why *why, const char *what)
{
    return mrl_fail(why, MRL_ERR_IO, "sandbox: %s: %m", what);
}

static mrl_err close_to_tracers(struct mrl_why *why)
{
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return fail_errno(why, "PR_SET_DUMPABLE");
    return MRL_OK;
}

mrl_err mrl_sandbox_start(struct mrl_why *why)
{
    static const struct rlimit none = {0, 0};

    (void)umask(077); /* cannot fail */
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        return fail_errno(why, "RLIMIT_CORE");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail_errno(why, "PR_SET_NO_NEW_PRIVS");
    return close_to_tracers(why);
}

mrl_err mrl_sandbox_close_files(int channel, struct mrl_why *why)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0)
        return fail_errno(why, "/dev/null");
    if (channel != MRL_SANDBOX_CHANNEL && dup2(channel, MRL_SANDBOX_CHANNEL) < 0)
        return fail_errno(why, "the socket to the daemon");
    if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
        return fail_errno(why, "standard input and output");
    if (fcntl(STDERR_FILENO, F_GETFD) < 0 && dup2(null, STDERR_FILENO) < 0)
        return fail_errno(why, "standard error");
    if (close_range(MRL_SANDBOX_CHANNEL + 1, ~0U, 0) != 0)
        return fail_errno(why, "close_range");
    return MRL_OK;
}

mrl_err mrl_sandbox_find_user(const char *user, uint32_t *uid, uint32_t *gid, struct mrl_why *why)
{
    char memory[ACCOUNT_MAX];
    struct passwd account, *found = NULL;

    if (getpwnam_r(user, &account, memory, sizeof(memory), &found) != 0 || found == NULL)
        return mrl_fail(why, MRL_ERR_INVALID, "there is no user account named %s", user);
    *uid = account.pw_uid;
    *gid = account.pw_gid;
    return MRL_OK;
}

static mrl_err check_no_way_back(uid_t uid, gid_t gid, struct mrl_why *why)
{
    uid_t real, effective, saved;

    if (getresuid(&real, &effective, &saved) != 0 || real != uid || effective != uid ||
        saved != uid || getegid() != gid)
        return mrl_fail(why, MRL_ERR_STATE, "sandbox: the change of user did not hold");
    if (uid != 0 && setuid(0) == 0)
        return mrl_fail(why, MRL_ERR_STATE, "sandbox: the process could become root again");
    return close_to_tracers(why); /* the kernel resets it with the user */
}

static mrl_err become(uid_t uid, gid_t gid, struct mrl_why *why)
{
    if (setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        return fail_errno(why, "changing the user");
    return check_no_way_back(uid, gid, why);
}

static mrl_err must_change(const char *user, uint32_t *uid, uint32_t *gid, bool *change,
                           struct mrl_why *why)
{
    *change = false;
    if (user == NULL)
        return MRL_OK;
    MRL_TRY(mrl_sandbox_find_user(user, uid, gid, why));
    *change = geteuid() == 0;
    if (!*change && geteuid() != *uid)
        return mrl_fail(why, MRL_ERR_DENIED, "neither root nor %s: cannot change the user", user);
    return MRL_OK;
}

mrl_err mrl_sandbox_drop_user(const char *user, struct mrl_why *why)
{
    uint32_t uid, gid;
    bool change;

    MRL_TRY(must_change(user, &uid, &gid, &change, why));
    if (!change)
        return MRL_OK;
    if (setgroups(0, NULL) != 0)
        return fail_errno(why, "changing the user");
    MRL_TRY(become(uid, gid, why));
    if (getgroups(0, NULL) != 0)
        return mrl_fail(why, MRL_ERR_STATE, "sandbox: the change of user did not hold");
    return MRL_OK;
}

mrl_err mrl_sandbox_lend_user(const char *user, struct mrl_why *why)
{
    uint32_t uid, gid;
    bool change;

    MRL_TRY(must_change(user, &uid, &gid, &change, why));
    if (!change)
        return MRL_OK;
    if (initgroups(user, gid) != 0)
        return fail_errno(why, "changing the user");
    return become(uid, gid, why);
}
