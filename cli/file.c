/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static mrl_exit failed(struct mrl_cli *cli, const char *path)
{
    return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "%s: %s", path, strerrordesc_np(errno));
}

/* *got is 0 at the end of the file. */
static mrl_exit read_some(struct mrl_cli *cli, int fd, const char *path, struct mrl_buf *out,
                          size_t *got)
{
    enum { PIECE = 4096 };
    uint8_t *to;
    ssize_t n;

    if (mrl_buf_reserve(out, PIECE, &to) != MRL_OK)
        return mrl_cli_fail(cli, MRL_EXIT_REFUSED, "%s: larger than %d bytes", path,
                            MRL_CLI_FILE_MAX);
    do
        n = read(fd, to, PIECE);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return failed(cli, path);
    mrl_buf_added(out, (size_t)n);
    *got = (size_t)n;
    return MRL_EXIT_OK;
}

mrl_exit mrl_cli_file_read(struct mrl_cli *cli, const char *path, struct mrl_buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    mrl_exit code = MRL_EXIT_OK;
    size_t got = 1;

    if (fd < 0)
        return failed(cli, path);
    out->limit = out->len + MRL_CLI_FILE_MAX;
    while (code == MRL_EXIT_OK && got > 0)
        code = read_some(cli, fd, path, out, &got);
    out->limit = 0;
    (void)close(fd); /* only read */
    return code;
}

static bool write_all(int fd, mrl_bytes data)
{
    while (data.len > 0) {
        ssize_t n = write(fd, data.data, data.len);

        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0)
            data = mrl_bytes_sub(data, (size_t)n, data.len);
    }
    return fsync(fd) == 0;
}

mrl_exit mrl_cli_file_create(struct mrl_cli *cli, const char *path, mode_t mode, mrl_bytes data)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    mrl_exit code = MRL_EXIT_OK;

    if (fd < 0)
        return failed(cli, path);
    if (!write_all(fd, data))
        code = failed(cli, path);
    if (close(fd) != 0 && code == MRL_EXIT_OK)
        code = failed(cli, path);
    if (code != MRL_EXIT_OK)
        (void)unlink(path); /* made by us a moment ago */
    return code;
}
