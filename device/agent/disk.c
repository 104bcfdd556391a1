/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

enum { PATH_SIZE = 4096, PIECE = 4096 };

static mrl_err of_errno(void)
{
    switch (errno) {
    case ENOSPC:
    case EDQUOT:
        return MRL_ERR_NO_SPACE;
    case ENOENT:
        return MRL_ERR_NOT_FOUND;
    default:
        return MRL_ERR_IO;
    }
}

static mrl_err on_create(void *context, const char *path, int *fd)
{
    (void)context;
    *fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    return *fd >= 0 ? MRL_OK : of_errno();
}

static mrl_err on_append(void *context, const char *path, int *fd)
{
    (void)context;
    *fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    return *fd >= 0 ? MRL_OK : of_errno();
}

static mrl_err on_write(void *context, int fd, mrl_bytes data)
{
    (void)context;
    return mrl_write_all(fd, data) ? MRL_OK : of_errno();
}

static mrl_err on_sync(void *context, int fd)
{
    (void)context;
    return fsync(fd) == 0 ? MRL_OK : of_errno();
}

static mrl_err on_rename(void *context, const char *from, const char *to)
{
    (void)context;
    return rename(from, to) == 0 ? MRL_OK : of_errno();
}

static mrl_err on_sync_dir(void *context, const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    mrl_err err;

    if (fd < 0)
        return of_errno();
    err = on_sync(context, fd);
    (void)close(fd); /* only read */
    return err;
}

static mrl_err on_remove(void *context, const char *path)
{
    (void)context;
    return unlink(path) == 0 || errno == ENOENT ? MRL_OK : of_errno();
}

static mrl_err write_zeros(int fd)
{
    static const uint8_t zeros[PIECE];
    struct stat st;

    if (fstat(fd, &st) != 0)
        return of_errno();
    for (off_t left = st.st_size; left > 0; left -= PIECE)
        MRL_TRY(on_write(NULL, fd, mrl_bytes_of(zeros, left < PIECE ? (size_t)left : PIECE)));
    return on_sync(NULL, fd);
}

static mrl_err on_blank(void *context, const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    mrl_err err;

    (void)context;
    if (fd < 0)
        return errno == ENOENT ? MRL_OK : of_errno();
    err = write_zeros(fd);
    (void)close(fd); /* synced */
    return err;
}

const struct mrl_disk mrl_disk_system = {NULL,        on_create, on_write,  on_sync, on_rename,
                                         on_sync_dir, on_remove, on_append, on_blank};

static mrl_err path_of(const char *dir, const char *name, const char *ending, char to[PATH_SIZE],
                       struct mrl_why *why)
{
    int n = snprintf(to, PATH_SIZE, "%s/%s%s", dir, name, ending);

    return n > 0 && n < PATH_SIZE ? MRL_OK : mrl_fail(why, MRL_ERR_INVALID, "%s: too long", dir);
}

mrl_err mrl_disk_folder(const char *dir, struct mrl_why *why)
{
    struct stat st;

    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return mrl_fail(why, of_errno(), "%s cannot be made: %s", dir, strerror(errno));
    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
        return mrl_fail(why, MRL_ERR_IO, "%s is no folder", dir);
    if (st.st_uid != geteuid())
        return mrl_fail(why, MRL_ERR_DENIED, "%s belongs to another user, who could change it",
                        dir);
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return mrl_fail(why, MRL_ERR_DENIED, "%s: others may write there; chmod 700 it", dir);
    return MRL_OK;
}

static mrl_err write_file(const struct mrl_disk *d, const char *path, mrl_bytes data)
{
    int fd = -1;
    mrl_err err;

    MRL_TRY(d->create(d->context, path, &fd));
    err = d->write(d->context, fd, data);
    if (err == MRL_OK)
        err = d->sync(d->context, fd);
    if (close(fd) != 0 && err == MRL_OK)
        err = MRL_ERR_IO;
    return err;
}

mrl_err mrl_disk_replace(const struct mrl_disk *d, const char *dir, const char *name,
                         mrl_bytes data, struct mrl_why *why)
{
    char fresh[PATH_SIZE], path[PATH_SIZE];
    mrl_err err;

    MRL_TRY(path_of(dir, name, MRL_DISK_UNFINISHED, fresh, why));
    MRL_TRY(path_of(dir, name, "", path, why));
    err = write_file(d, fresh, data);
    if (err == MRL_OK)
        err = d->rename(d->context, fresh, path);
    if (err == MRL_OK)
        err = d->sync_dir(d->context, dir);
    return err == MRL_OK ? MRL_OK
                         : mrl_fail(why, err, "%s cannot be written: %s", path, mrl_err_name(err));
}

mrl_err mrl_disk_move(const struct mrl_disk *d, const char *dir, const char *from, const char *to,
                      struct mrl_why *why)
{
    char old[PATH_SIZE], path[PATH_SIZE];
    mrl_err err;

    MRL_TRY(path_of(dir, from, "", old, why));
    MRL_TRY(path_of(dir, to, "", path, why));
    err = d->rename(d->context, old, path);
    if (err == MRL_OK)
        err = d->sync_dir(d->context, dir);
    return err == MRL_OK ? MRL_OK
                         : mrl_fail(why, err, "%s cannot be replaced: %s", path, mrl_err_name(err));
}

mrl_err mrl_disk_remove(const struct mrl_disk *d, const char *dir, const char *name,
                        struct mrl_why *why)
{
    char path[PATH_SIZE];
    mrl_err err;

    MRL_TRY(path_of(dir, name, "", path, why));
    err = d->remove(d->context, path);
    if (err == MRL_OK)
        err = d->sync_dir(d->context, dir);
    return err == MRL_OK ? MRL_OK
                         : mrl_fail(why, err, "%s cannot be removed: %s", path, mrl_err_name(err));
}

mrl_err mrl_disk_destroy(const struct mrl_disk *d, const char *dir, const char *name,
                         struct mrl_why *why)
{
    char path[PATH_SIZE];
    mrl_err err;

    MRL_TRY(path_of(dir, name, "", path, why));
    err = d->blank(d->context, path);
    MRL_TRY(mrl_disk_remove(d, dir, name, why));
    return err == MRL_OK
               ? MRL_OK
               : mrl_fail(why, err, "%s cannot be overwritten: %s", path, mrl_err_name(err));
}

static mrl_err read_all(int fd, struct mrl_buf *out)
{
    for (;;) {
        uint8_t piece[PIECE];
        ssize_t n = read(fd, piece, sizeof(piece));
        mrl_err err = MRL_OK;

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0 ? MRL_OK : MRL_ERR_IO;
        err = mrl_buf_append(out, mrl_bytes_of(piece, (size_t)n));
        explicit_bzero(piece, sizeof(piece)); /* may be of a key or token */
        MRL_TRY(err);
    }
}

mrl_err mrl_disk_read(const char *dir, const char *name, struct mrl_buf *out, struct mrl_why *why)
{
    char path[PATH_SIZE];
    int fd;
    mrl_err err;

    if (dir == NULL && strcmp(name, "-") == 0)
        return read_all(STDIN_FILENO, out);
    if (dir != NULL)
        MRL_TRY(path_of(dir, name, "", path, why));
    fd = open(dir != NULL ? path : name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return mrl_fail(why, of_errno(), "%s: %s", dir != NULL ? path : name, strerror(errno));
    err = read_all(fd, out);
    (void)close(fd); /* only read */
    return err == MRL_OK ? MRL_OK : mrl_fail(why, err, "%s: %s", name, mrl_err_name(err));
}

int64_t mrl_disk_written(const char *dir, const char *name)
{
    char path[PATH_SIZE];
    struct stat st;

    return path_of(dir, name, "", path, NULL) == MRL_OK && stat(path, &st) == 0 ? st.st_mtime : 0;
}
