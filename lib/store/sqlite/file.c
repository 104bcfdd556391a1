/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MODE = 0600, FILE_FLAGS = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK };

static mrl_err fail_errno(struct mrl_why *why, const char *path)
{
    mrl_err err = errno == ELOOP ? MRL_ERR_DENIED : MRL_ERR_IO;

    if (errno == ENOSPC || errno == EDQUOT)
        err = MRL_ERR_NO_SPACE;
    return mrl_fail(why, err, "%s: %s", path,
                    err == MRL_ERR_DENIED ? "is a symbolic link" : strerror(errno));
}

/* Whoever may write the folder may put another database in place of ours. */
static mrl_err check_folder(int folder, const char *name, struct mrl_why *why)
{
    struct stat st;

    if (fstat(folder, &st) != 0)
        return fail_errno(why, name);
    if ((st.st_mode & S_IWOTH) != 0)
        return mrl_fail(why, MRL_ERR_DENIED, "%s: everyone may write this folder (mode %04o)", name,
                        st.st_mode & 07777);
    return MRL_OK;
}

static mrl_err check_file(int fd, const char *path, struct mrl_why *why)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return fail_errno(why, path);
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
        return mrl_fail(why, MRL_ERR_DENIED, "%s: not a file of its own", path);
    if ((st.st_mode & 077) != 0)
        return mrl_fail(why, MRL_ERR_DENIED, "%s: others may read it (mode %04o); set mode 0600",
                        path, st.st_mode & 07777);
    return MRL_OK;
}

static mrl_err open_checked(int folder, const char *name, const char *path, int *out,
                            struct mrl_why *why)
{
    int fd = openat(folder, name, FILE_FLAGS, MODE);
    mrl_err err;

    if (fd < 0)
        return fail_errno(why, path);
    err = check_file(fd, path, why);
    if (err != MRL_OK) {
        (void)close(fd); /* nothing was written */
        return err;
    }
    *out = fd;
    return MRL_OK;
}

static mrl_err take_lock(int folder, const char *name, const char *path, int *lock,
                         struct mrl_why *why)
{
    char lock_name[NAME_MAX + 1];
    int fd = -1;

    if (snprintf(lock_name, sizeof(lock_name), "%s.lock", name) >= (int)sizeof(lock_name))
        return mrl_fail(why, MRL_ERR_INVALID, "%s: the name is too long", path);
    MRL_TRY(open_checked(folder, lock_name, path, &fd, why));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        (void)close(fd); /* nothing was written */
        return mrl_fail(why, MRL_ERR_BUSY, "%s: another process uses it", path);
    }
    *lock = fd;
    return MRL_OK;
}

/* The entry of a new file must be on disk before anything in it counts. */
static mrl_err make_file(int folder, const char *name, const char *path, struct mrl_why *why)
{
    int fd = -1;

    MRL_TRY(open_checked(folder, name, path, &fd, why));
    (void)close(fd); /* nothing was written */
    return fsync(folder) == 0 ? MRL_OK : fail_errno(why, path);
}

static mrl_err take_in(int folder, const char *name, const char *path, int *lock,
                       struct mrl_why *why)
{
    int fd = -1;
    mrl_err err;

    MRL_TRY(check_folder(folder, path, why));
    MRL_TRY(take_lock(folder, name, path, &fd, why));
    err = make_file(folder, name, path, why);
    if (err != MRL_OK) {
        (void)close(fd); /* gives the lock back */
        return err;
    }
    *lock = fd;
    return MRL_OK;
}

mrl_err mrl_sqlite_file_take(const char *path, int *lock, struct mrl_why *why)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : &slash[1];
    char folder_name[PATH_MAX] = ".";
    int folder;
    mrl_err err;

    if (*name == '\0' || strlen(path) >= sizeof(folder_name))
        return mrl_fail(why, MRL_ERR_INVALID, "\"%s\" is no name of a file", path);
    if (slash != NULL)
        (void)snprintf(folder_name, sizeof(folder_name), "%.*s/", (int)(slash - path), path);
    folder = open(folder_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return fail_errno(why, folder_name);
    err = take_in(folder, name, path, lock, why);
    (void)close(folder); /* only read */
    return err;
}
