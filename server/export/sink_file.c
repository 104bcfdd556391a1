/* SPDX-License-Identifier: Apache-2.0 */
/* One line an entry, appended; fsync confirms. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "export/sink.h"

enum { LOOK_BACK = 4096, FILE_MODE = 0640 };

struct file_sink {
    struct mrl_sink sink;
    int fd; /* -1: closed */
};

static struct file_sink *of(struct mrl_sink *s)
{
    return MRL_CONTAINER(s, struct file_sink, sink);
}

static const char *path_of(const struct file_sink *f)
{
    return (const char *)f->sink.config->path.data;
}

static void close_file(struct mrl_sink *s)
{
    struct file_sink *f = of(s);

    if (f->fd >= 0)
        (void)close(f->fd); /* what counts was synced */
    f->fd = -1;
}

static mrl_err cannot(const struct file_sink *f, const char *what, struct mrl_why *why)
{
    int error = errno;

    return mrl_fail(why, error == ENOSPC || error == EDQUOT ? MRL_ERR_NO_SPACE : MRL_ERR_IO,
                    "cannot %s %s: %s", what, path_of(f), strerrordesc_np(error));
}

/* Offset behind the last LF: a crash in the middle of a line leaves a part of it. */
static mrl_err find_end(int fd, off_t size, off_t *out)
{
    char block[LOOK_BACK];
    off_t end = size;

    while (end > 0) {
        off_t from = end > LOOK_BACK ? end - LOOK_BACK : 0;
        size_t len = (size_t)(end - from);
        const char *last;

        MRL_ENSURE(pread(fd, block, len, from) == (ssize_t)len, MRL_ERR_IO);
        last = memrchr(block, '\n', len);
        end = last != NULL ? from + (last - block) + 1 : from;
        if (last != NULL)
            break;
    }
    *out = end;
    return MRL_OK;
}

static mrl_err open_file(struct file_sink *f, struct mrl_why *why)
{
    struct stat st;
    off_t end;

    f->fd = open(path_of(f), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
                 FILE_MODE);
    if (f->fd < 0 || fstat(f->fd, &st) != 0)
        return cannot(f, "open", why);
    if (!S_ISREG(st.st_mode))
        return mrl_fail(why, MRL_ERR_INVALID, "%s is not a file", path_of(f));
    if (find_end(f->fd, st.st_size, &end) != MRL_OK)
        return cannot(f, "read", why);
    if (end != st.st_size && ftruncate(f->fd, end) != 0)
        return cannot(f, "mend", why);
    return MRL_OK;
}

/* A rotated file is another one under the old name, or none. */
static bool is_rotated(const struct file_sink *f)
{
    struct stat open_one, named;

    return fstat(f->fd, &open_one) != 0 || lstat(path_of(f), &named) != 0 ||
           open_one.st_ino != named.st_ino || open_one.st_dev != named.st_dev;
}

static mrl_err send_lines(struct mrl_sink *s, mrl_bytes data, struct mrl_why *why)
{
    struct file_sink *f = of(s);

    if (f->fd >= 0 && is_rotated(f))
        close_file(s);
    if (f->fd < 0)
        MRL_TRY(open_file(f, why));
    return mrl_write_all(f->fd, data) ? MRL_OK : cannot(f, "write", why);
}

static mrl_err send_or_close(struct mrl_sink *s, mrl_bytes data, struct mrl_why *why)
{
    mrl_err err = send_lines(s, data, why);

    if (err != MRL_OK)
        close_file(s); /* opening it again takes the half line off */
    return err;
}

static mrl_err confirm_file(struct mrl_sink *s, struct mrl_why *why)
{
    struct file_sink *f = of(s);
    mrl_err err = MRL_OK;

    if (fsync(f->fd) != 0) {
        err = cannot(f, "sync", why);
        close_file(s);
    }
    return err;
}

static mrl_err format_line(const struct mrl_sink *s, uint64_t seq, mrl_bytes json,
                           struct mrl_buf *out)
{
    (void)s;
    (void)seq;
    MRL_TRY(mrl_buf_append(out, json));
    return mrl_buf_append(out, MRL_LIT("\n"));
}

static void free_file(struct mrl_sink *s)
{
    close_file(s);
    free(of(s));
}

struct mrl_sink *mrl_sink_file_new(const struct mrl_export_config *c, int interrupt_fd)
{
    struct file_sink *f = calloc(1, sizeof(*f));

    if (f == NULL)
        abort();
    f->fd = -1;
    f->sink = (struct mrl_sink){.config = c,
                                .interrupt_fd = interrupt_fd,
                                .format = format_line,
                                .send = send_or_close,
                                .confirm = confirm_file,
                                .close = close_file,
                                .free = free_file};
    return &f->sink;
}
