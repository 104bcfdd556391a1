/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

enum { PIECE = 4096 };

static mrl_exit failed(struct mrl_cli *cli, const char *path)
{
    return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "%s: %s", path, strerrordesc_np(errno));
}

/* *got is 0 at the end of the file. */
static mrl_exit read_some(struct mrl_cli *cli, int fd, const char *path, struct mrl_buf *out,
                          size_t *got)
{
    uint8_t *to;
    ssize_t n;

    if (mrl_buf_reserve(out, PIECE, &to) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "%s: too large", path);
    do
        n = read(fd, to, PIECE);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return failed(cli, path);
    mrl_buf_added(out, (size_t)n);
    *got = (size_t)n;
    return MRL_EXIT_OK;
}

static mrl_exit read_whole(struct mrl_cli *cli, int fd, const char *path, size_t max,
                           struct mrl_buf *out)
{
    size_t before = out->len, got = 1;

    out->limit = before + max + PIECE; /* the last read finds the end */
    while (got > 0)
        MRL_EXIT_TRY(read_some(cli, fd, path, out, &got));
    out->limit = 0;
    if (out->len - before > max)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "%s: larger than %zu bytes", path, max);
    return MRL_EXIT_OK;
}

mrl_exit mrl_cli_file_read_max(struct mrl_cli *cli, const char *path, size_t max,
                               struct mrl_buf *out, bool *there)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    mrl_exit code;

    if (fd < 0 && errno == ENOENT && there != NULL) {
        *there = false;
        return MRL_EXIT_OK;
    }
    if (fd < 0)
        return failed(cli, path);
    code = read_whole(cli, fd, path, max, out);
    (void)close(fd); /* only read */
    if (there != NULL)
        *there = true;
    return code;
}

mrl_exit mrl_cli_file_read(struct mrl_cli *cli, const char *path, struct mrl_buf *out)
{
    return mrl_cli_file_read_max(cli, path, MRL_CLI_FILE_MAX, out, NULL);
}

static mrl_exit fill(struct mrl_cli *cli, int fd, const char *path, mrl_bytes data, bool sync)
{
    mrl_exit code = MRL_EXIT_OK;

    if (!mrl_write_all(fd, data) || (sync && fsync(fd) != 0))
        code = failed(cli, path);
    if (close(fd) != 0 && code == MRL_EXIT_OK)
        code = failed(cli, path);
    if (code != MRL_EXIT_OK)
        (void)unlink(path); /* made by us a moment ago */
    return code;
}

mrl_exit mrl_cli_file_create(struct mrl_cli *cli, const char *path, mode_t mode, mrl_bytes data)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);

    return fd < 0 ? failed(cli, path) : fill(cli, fd, path, data, /*sync=*/true);
}

mrl_exit mrl_cli_file_replace(struct mrl_cli *cli, const char *path, mode_t mode, mrl_bytes data,
                              bool sync)
{
    char new_path[PATH_MAX];
    int fd;

    if ((size_t)snprintf(new_path, sizeof(new_path), "%s.new", path) >= sizeof(new_path)) {
        errno = ENAMETOOLONG;
        return failed(cli, path);
    }
    fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return failed(cli, new_path);
    MRL_EXIT_TRY(fill(cli, fd, new_path, data, sync));
    if (rename(new_path, path) != 0) {
        mrl_exit code = failed(cli, path);

        (void)unlink(new_path); /* made by us a moment ago */
        return code;
    }
    return MRL_EXIT_OK;
}

mrl_exit mrl_cli_file_folders(struct mrl_cli *cli, const char *path)
{
    char folder[PATH_MAX];
    mrl_bytes whole = mrl_str(path);

    for (size_t at = mrl_bytes_find(whole, '/', 1); at < whole.len;
         at = mrl_bytes_find(whole, '/', at + 1)) {
        if (!mrl_bytes_to_cstr(mrl_bytes_sub(whole, 0, at), folder, sizeof(folder)))
            return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "%s: too long", path);
        if (mkdir(folder, 0777) != 0 && errno != EEXIST)
            return failed(cli, folder);
    }
    return MRL_EXIT_OK;
}
