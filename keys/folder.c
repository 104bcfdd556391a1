/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

static mrl_err fail_errno(struct mrl_why *why, const char *doing, const char *path,
                          const char *name)
{
    mrl_err err = errno == ENOENT                      ? MRL_ERR_NOT_FOUND
                  : errno == EEXIST                    ? MRL_ERR_EXISTS
                  : errno == ENOSPC || errno == EDQUOT ? MRL_ERR_NO_SPACE
                  : errno == EACCES || errno == EPERM  ? MRL_ERR_DENIED
                                                       : MRL_ERR_IO;

    return mrl_fail(why, err, "%s%s%s: cannot %s: %m", path, name[0] == '\0' ? "" : "/", name,
                    doing);
}

static mrl_err check_private(const struct stat *st, const char *path, const char *name,
                             struct mrl_why *why)
{
    const char *slash = name[0] == '\0' ? "" : "/";
    unsigned right = S_ISDIR(st->st_mode) ? 0700 : 0600;

    if (st->st_uid != geteuid())
        return mrl_fail(why, MRL_ERR_DENIED,
                        "%s%s%s belongs to user %u, not %u: chown it, or run as its owner", path,
                        slash, name, (unsigned)st->st_uid, (unsigned)geteuid());
    if ((st->st_mode & 077) != 0)
        return mrl_fail(why, MRL_ERR_DENIED,
                        "%s%s%s is open to group or others (mode %04o): chmod %o it", path, slash,
                        name, (unsigned)(st->st_mode & 07777), right);
    return MRL_OK;
}

static mrl_err take_lock(const struct mrl_folder *f, unsigned wait_ms, struct mrl_why *why)
{
    static const struct timespec pause = {.tv_nsec = 20000000};
    uint64_t end = mrl_monotonic_ms() + wait_ms;

    while (flock(f->fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return fail_errno(why, "lock", f->path, "");
        if (mrl_monotonic_ms() >= end)
            return mrl_fail(why, MRL_ERR_BUSY,
                            "%s is in use by another key process: stop merlond, then try "
                            "again",
                            f->path);
        (void)nanosleep(&pause, NULL); /* woken early: only asks sooner */
    }
    return MRL_OK;
}

static mrl_err check_folder(const struct mrl_folder *f, unsigned wait_ms, struct mrl_why *why)
{
    struct stat st;

    if (fstat(f->fd, &st) != 0)
        return fail_errno(why, "look at", f->path, "");
    MRL_TRY(check_private(&st, f->path, "", why));
    return take_lock(f, wait_ms, why);
}

mrl_err mrl_folder_open_wait(const char *path, unsigned wait_ms, struct mrl_folder *out,
                             struct mrl_why *why)
{
    MRL_SCOPED(mrl_folder) f = {.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .path = path};

    if (f.fd < 0)
        return fail_errno(why, "open folder", path, "");
    MRL_TRY(check_folder(&f, wait_ms, why));
    *out = f;
    f.fd = -1;
    return MRL_OK;
}

mrl_err mrl_folder_open(const char *path, struct mrl_folder *out, struct mrl_why *why)
{
    return mrl_folder_open_wait(path, MRL_FOLDER_LOCK_WAIT_MS, out, why);
}

void mrl_folder_done(struct mrl_folder *f)
{
    if (f->fd >= 0)
        (void)close(f->fd); /* nothing was written through it */
    f->fd = -1;
}

bool mrl_folder_has(const struct mrl_folder *f, const char *name)
{
    struct stat st;

    return fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static mrl_err check_file(int fd, const char *path, const char *name, struct mrl_why *why)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return fail_errno(why, "look at", path, name);
    if (!S_ISREG(st.st_mode))
        return mrl_fail(why, MRL_ERR_DENIED, "%s/%s is not a regular file", path, name);
    return check_private(&st, path, name, why);
}

mrl_err mrl_folder_open_file(const struct mrl_folder *f, const char *name, int flags, int *fd,
                             struct mrl_why *why)
{
    int opened = openat(f->fd, name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    mrl_err err;

    if (opened < 0)
        return fail_errno(why, "open", f->path, name);
    err = check_file(opened, f->path, name, why);
    if (err != MRL_OK)
        (void)close(opened); /* not used */
    else
        *fd = opened;
    return err;
}

mrl_err mrl_folder_read(const struct mrl_folder *f, const char *name, struct mrl_secret **out,
                        struct mrl_why *why)
{
    char what[256];
    mrl_err err;
    int fd;

    MRL_TRY(mrl_folder_open_file(f, name, O_RDONLY, &fd, why));
    (void)snprintf(what, sizeof(what), "%s/%s", f->path, name); /* only for a sentence */
    err = mrl_read_secret_fd(fd, MRL_PRIVATE_FILE_MAX, what, out, why);
    (void)close(fd); /* only read */
    return err;
}

static mrl_err write_new_file(const struct mrl_folder *f, const char *name, mrl_bytes content)
{
    int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool written;

    MRL_ENSURE(fd >= 0, MRL_ERR_IO);
    written = mrl_write_all(fd, content) && fsync(fd) == 0;
    return close(fd) == 0 && written ? MRL_OK : MRL_ERR_IO;
}

mrl_err mrl_folder_create(const struct mrl_folder *f, const char *name, mrl_bytes content,
                          struct mrl_why *why)
{
    char temporary[64];
    mrl_err err = MRL_OK;

    if (mrl_folder_has(f, name))
        return mrl_fail(why, MRL_ERR_EXISTS, "%s/%s exists and is never replaced", f->path, name);
    (void)snprintf(temporary, sizeof(temporary), "%s.tmp", name); /* our own short names */
    (void)unlinkat(f->fd, temporary, 0);                          /* left by a crash, if any */
    if (write_new_file(f, temporary, content) != MRL_OK ||
        renameat2(f->fd, temporary, f->fd, name, RENAME_NOREPLACE) != 0 || fsync(f->fd) != 0) {
        err = fail_errno(why, "write", f->path, name);
        (void)unlinkat(f->fd, temporary, 0); /* else the next attempt does */
    }
    return err;
}

mrl_err mrl_folder_remove(const struct mrl_folder *f, const char *name, struct mrl_why *why)
{
    if (unlinkat(f->fd, name, 0) != 0 && errno != ENOENT)
        return fail_errno(why, "remove", f->path, name);
    if (fsync(f->fd) != 0)
        return fail_errno(why, "remove", f->path, name);
    return MRL_OK;
}

static mrl_err add_name(const struct dirent *e, struct mrl_folder_names *names)
{
    size_t len = strlen(e->d_name);

    if (e->d_type == DT_DIR || len >= MRL_FOLDER_NAME)
        return MRL_OK;
    MRL_ENSURE(names->count < MRL_FOLDER_NAMES, MRL_ERR_LIMIT);
    memcpy(names->names[names->count++], e->d_name, len + 1);
    return MRL_OK;
}

static mrl_err read_names(DIR *d, struct mrl_folder_names *names)
{
    struct dirent *e;

    /* NOLINTNEXTLINE(concurrency-mt-unsafe): d has one owner */
    while (errno = 0, (e = readdir(d)) != NULL)
        MRL_TRY(add_name(e, names));
    return errno == 0 ? MRL_OK : MRL_ERR_IO;
}

mrl_err mrl_folder_list(const struct mrl_folder *f, struct mrl_folder_names *out,
                        struct mrl_why *why)
{
    int fd = openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    mrl_err err;

    if (d == NULL)
        return fail_errno(why, "list", f->path, "");
    out->count = 0;
    err = read_names(d, out);
    (void)closedir(d); /* only read */
    if (err == MRL_ERR_LIMIT)
        return mrl_fail(why, err, "%s holds more than %d files: move away what is not ours",
                        f->path, MRL_FOLDER_NAMES);
    if (err != MRL_OK)
        return fail_errno(why, "list", f->path, "");
    return MRL_OK;
}

mrl_err mrl_folder_open_inner(const struct mrl_folder *f, const char *name, const char *path,
                              struct mrl_folder *out, struct mrl_why *why)
{
    struct mrl_folder inner = {
        .fd = openat(f->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), .path = path};
    struct stat st;
    mrl_err err;

    if (inner.fd < 0)
        return fail_errno(why, "open folder", path, "");
    err = fstat(inner.fd, &st) == 0 ? check_private(&st, path, "", why)
                                    : fail_errno(why, "look at", path, "");
    if (err != MRL_OK)
        mrl_folder_done(&inner);
    else
        *out = inner;
    return err;
}

/* Fills to from fd until it is full or the end is reached. */
static mrl_err fill(int fd, struct mrl_secret *to, size_t *got)
{
    size_t len = mrl_secret_bytes(to).len;

    for (*got = 0; *got < len;) {
        ssize_t n = read(fd, mrl_secret_data(to) + *got, len - *got);

        if (n < 0 && errno == EINTR)
            continue;
        MRL_ENSURE(n >= 0, MRL_ERR_IO);
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return MRL_OK;
}

mrl_err mrl_read_secret_fd(int fd, size_t most, const char *what, struct mrl_secret **out,
                           struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) all = mrl_secret_new(most + 1);
    size_t len;

    if (fill(fd, all, &len) != MRL_OK)
        return fail_errno(why, "read", what, "");
    if (len > most)
        return mrl_fail(why, MRL_ERR_LIMIT, "%s is longer than %zu bytes", what, most);
    *out = mrl_secret_copy(mrl_bytes_sub(mrl_secret_bytes(all), 0, len));
    return MRL_OK;
}

static bool has_trusted;
static uid_t trusted;

void mrl_secret_files_may_be_of(uint32_t uid)
{
    has_trusted = true;
    trusted = uid;
}

static mrl_err check_outside_file(int fd, const char *path, bool group_ok, struct mrl_why *why)
{
    mode_t closed = group_ok ? 007 : 077;
    struct stat st;

    if (fstat(fd, &st) != 0)
        return fail_errno(why, "look at", path, "");
    if (!S_ISREG(st.st_mode))
        return mrl_fail(why, MRL_ERR_DENIED, "%s is not a regular file", path);
    if (st.st_uid != geteuid() && st.st_uid != 0 && (!has_trusted || st.st_uid != trusted))
        return mrl_fail(why, MRL_ERR_DENIED, "%s belongs to user %u: chown it", path,
                        (unsigned)st.st_uid);
    if ((st.st_mode & closed) != 0)
        return mrl_fail(why, MRL_ERR_DENIED, "%s is open to others (mode %04o): chmod 600 it", path,
                        (unsigned)(st.st_mode & 07777));
    return MRL_OK;
}

mrl_err mrl_read_secret_file(const char *path, bool group_ok, size_t most, struct mrl_secret **out,
                             struct mrl_why *why)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    mrl_err err;

    if (fd < 0)
        return fail_errno(why, "open", path, "");
    err = check_outside_file(fd, path, group_ok, why);
    if (err == MRL_OK)
        err = mrl_read_secret_fd(fd, most, path, out, why);
    (void)close(fd); /* only read */
    return err;
}
