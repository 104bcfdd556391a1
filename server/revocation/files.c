/* SPDX-License-Identifier: Apache-2.0 */
#include "revocation/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

enum { PATH_MAX_BYTES = 4096, PIECE = 1 << 16 };

mrl_err mrl_files_folder(const char *folder, struct mrl_why *why)
{
    if (mkdir(folder, 0755) != 0 && errno != EEXIST)
        return mrl_fail(why, MRL_ERR_IO, "cannot make the folder %s", folder);
    return MRL_OK;
}

static mrl_err path_of(const char *folder, const char *name, const char *ending,
                       char to[static PATH_MAX_BYTES])
{
    int len = snprintf(to, PATH_MAX_BYTES, "%s/%s%s", folder, name, ending);

    return len > 0 && len < PATH_MAX_BYTES ? MRL_OK : MRL_ERR_INVALID;
}

/* Of the call that failed last. */
static mrl_err not_written(const char *path, struct mrl_why *why)
{
    mrl_err err = errno == ENOSPC || errno == EDQUOT ? MRL_ERR_NO_SPACE : MRL_ERR_IO;

    (void)unlink(path); /* may not even exist */
    return mrl_fail(why, err, "cannot write %s", path);
}

mrl_err mrl_files_replace(const char *folder, const char *name, mrl_bytes content,
                          struct mrl_why *why)
{
    char path[PATH_MAX_BYTES], fresh[PATH_MAX_BYTES];
    bool whole;
    int fd;

    MRL_TRY(path_of(folder, name, "", path));
    MRL_TRY(path_of(folder, name, ".new", fresh));
    fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0)
        return not_written(fresh, why);
    whole = mrl_write_all(fd, content);
    whole = close(fd) == 0 && whole;
    if (!whole || rename(fresh, path) != 0)
        return not_written(fresh, why);
    return MRL_OK;
}

static mrl_err read_all(int fd, struct mrl_buf *out)
{
    for (;;) {
        uint8_t *to;
        ssize_t n;

        MRL_TRY(mrl_buf_reserve(out, PIECE, &to));
        n = read(fd, to, PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        MRL_ENSURE(n >= 0, MRL_ERR_IO);
        if (n == 0)
            return MRL_OK;
        mrl_buf_added(out, (size_t)n);
    }
}

mrl_err mrl_files_read(const char *folder, const char *name, struct mrl_buf *out)
{
    char path[PATH_MAX_BYTES];
    mrl_err err;
    int fd;

    MRL_TRY(path_of(folder, name, "", path));
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? MRL_ERR_NOT_FOUND : MRL_ERR_IO;
    err = read_all(fd, out);
    (void)close(fd); /* only read */
    return err;
}
