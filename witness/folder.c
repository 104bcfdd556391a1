/* SPDX-License-Identifier: Apache-2.0 */
#include "witness/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

enum { NAME_MAX_BYTES = 96 };

static mrl_err fail_errno(const struct mrl_witness_folder *f, const char *doing, const char *name,
                          struct mrl_why *why)
{
    mrl_err err = errno == ENOENT                      ? MRL_ERR_NOT_FOUND
                  : errno == ENOSPC || errno == EDQUOT ? MRL_ERR_NO_SPACE
                  : errno == EACCES || errno == EPERM  ? MRL_ERR_DENIED
                                                       : MRL_ERR_IO;

    return mrl_fail(why, err, "%s/%s: cannot %s: %m", f->path, name, doing);
}

static mrl_err check_private(const struct mrl_witness_folder *f, int fd, const char *name,
                             struct mrl_why *why)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return fail_errno(f, "look at it", name, why);
    if (st.st_uid != geteuid())
        return mrl_fail(why, MRL_ERR_DENIED, "%s/%s belongs to user %u, not %u", f->path, name,
                        (unsigned)st.st_uid, (unsigned)geteuid());
    if ((st.st_mode & 077) != 0)
        return mrl_fail(why, MRL_ERR_DENIED, "%s/%s is open to group or others (mode %04o)",
                        f->path, name, (unsigned)(st.st_mode & 07777));
    return MRL_OK;
}

mrl_err mrl_witness_folder_open(const char *path, bool make, struct mrl_witness_folder *out,
                                struct mrl_why *why)
{
    MRL_SCOPED(mrl_witness_folder) f = {.fd = -1, .path = path};

    if (make && mkdir(path, 0700) != 0 && errno != EEXIST)
        return fail_errno(&f, "make the folder", "", why);
    f.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f.fd < 0)
        return fail_errno(&f, "open the folder", "", why);
    MRL_TRY(check_private(&f, f.fd, "", why));
    if (flock(f.fd, LOCK_EX | LOCK_NB) != 0)
        return mrl_fail(why, MRL_ERR_BUSY, "%s is in use by another merlon-witness", path);
    *out = f;
    f.fd = -1;
    return MRL_OK;
}

void mrl_witness_folder_done(struct mrl_witness_folder *f)
{
    if (f->fd >= 0)
        (void)close(f->fd); /* nothing was written through it */
    f->fd = -1;
}

static mrl_err read_all(int fd, struct mrl_secret *to, size_t *len)
{
    for (*len = 0; *len < mrl_secret_bytes(to).len;) {
        ssize_t n = read(fd, mrl_secret_data(to) + *len, mrl_secret_bytes(to).len - *len);

        if (n < 0 && errno == EINTR)
            continue;
        MRL_ENSURE(n >= 0, MRL_ERR_IO);
        if (n == 0)
            break;
        *len += (size_t)n;
    }
    return MRL_OK;
}

static mrl_err read_open(const struct mrl_witness_folder *f, int fd, const char *name,
                         struct mrl_secret **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) all = mrl_secret_new(MRL_WITNESS_FILE_MAX + 1);
    size_t len;

    MRL_TRY(check_private(f, fd, name, why));
    if (read_all(fd, all, &len) != MRL_OK)
        return fail_errno(f, "read it", name, why);
    if (len > MRL_WITNESS_FILE_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "%s/%s is longer than %d bytes", f->path, name,
                        MRL_WITNESS_FILE_MAX);
    *out = mrl_secret_copy(mrl_bytes_sub(mrl_secret_bytes(all), 0, len));
    return MRL_OK;
}

mrl_err mrl_witness_folder_read(const struct mrl_witness_folder *f, const char *name,
                                struct mrl_secret **out, struct mrl_why *why)
{
    int fd = openat(f->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    mrl_err err;

    if (fd < 0)
        return fail_errno(f, "open it", name, why);
    err = read_open(f, fd, name, out, why);
    (void)close(fd); /* only read */
    return err;
}

static bool write_new(const struct mrl_witness_folder *f, const char *name, mrl_bytes content)
{
    int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    bool written;

    if (fd < 0)
        return false;
    written = mrl_write_all(fd, content) && fsync(fd) == 0;
    return close(fd) == 0 && written;
}

mrl_err mrl_witness_folder_replace(const struct mrl_witness_folder *f, const char *name,
                                   mrl_bytes content, struct mrl_why *why)
{
    char temporary[NAME_MAX_BYTES];

    (void)snprintf(temporary, sizeof(temporary), "%s.tmp", name); /* our own short names */
    if (!write_new(f, temporary, content) || renameat(f->fd, temporary, f->fd, name) != 0 ||
        fsync(f->fd) != 0)
        return fail_errno(f, "write it", name, why);
    return MRL_OK;
}
