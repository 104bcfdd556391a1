/* SPDX-License-Identifier: Apache-2.0 */
#include "main/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

mrl_err mrl_account_find(mrl_bytes name, struct mrl_account *out, struct mrl_why *why)
{
    char memory[4096];
    struct passwd entry, *found = NULL;
    struct mrl_account account = {.uid = geteuid(), .gid = getegid()};

    if (!mrl_bytes_to_cstr(name, account.name, sizeof(account.name)))
        return mrl_fail(why, MRL_ERR_INVALID, "account name %.*s is too long", MRL_FMT(name));
    if (geteuid() == 0) {
        if (getpwnam_r(account.name, &entry, memory, sizeof(memory), &found) != 0 || found == NULL)
            return mrl_fail(why, MRL_ERR_NOT_FOUND,
                            "no account %s: make it with  useradd --system --no-create-home "
                            "--shell /usr/sbin/nologin %s",
                            account.name, account.name);
        if (entry.pw_uid == 0)
            return mrl_fail(why, MRL_ERR_INVALID,
                            "account %s is root: choose one without privileges", account.name);
        account.uid = entry.pw_uid;
        account.gid = entry.pw_gid;
    }
    *out = account;
    return MRL_OK;
}

mrl_err mrl_folder_make(const char *path, mode_t mode, const struct mrl_account *owner,
                        struct mrl_why *why)
{
    struct stat st;

    if (mkdir(path, mode) != 0 && errno != EEXIST)
        return mrl_fail(why, MRL_ERR_IO, "cannot make %s: %s", path, strerrordesc_np(errno));
    if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return mrl_fail(why, MRL_ERR_IO, "%s is not a folder", path);
    if (geteuid() == 0 && chown(path, owner->uid, owner->gid) != 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot give %s to %s: %s", path, owner->name,
                        strerrordesc_np(errno));
    if ((geteuid() == 0 || st.st_uid == geteuid()) && chmod(path, mode) != 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot set the mode of %s: %s", path,
                        strerrordesc_np(errno));
    return MRL_OK;
}

mrl_err mrl_become(const struct mrl_account *account, struct mrl_why *why)
{
    if (geteuid() != 0)
        return MRL_OK;
    if (setgroups(0, NULL) != 0 || setresgid(account->gid, account->gid, account->gid) != 0 ||
        setresuid(account->uid, account->uid, account->uid) != 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot become %s: %s", account->name,
                        strerrordesc_np(errno));
    if (setuid(0) == 0)
        return mrl_fail(why, MRL_ERR_STATE, "could become root again after becoming %s",
                        account->name);
    return MRL_OK;
}

mrl_err mrl_harden(struct mrl_why *why)
{
    const struct rlimit none = {0, 0};

    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot give up privileges: %s", strerrordesc_np(errno));
    return MRL_OK;
}
