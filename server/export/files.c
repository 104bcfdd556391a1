/* SPDX-License-Identifier: Apache-2.0 */
#include "export/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"

enum { CERTIFICATES_MAX = 256 << 10, KEY_MAX = 16 << 10 };

/* false: not readable, or more than cap bytes. */
static bool read_all(int fd, uint8_t *to, size_t cap, size_t *len)
{
    for (size_t at = 0; at < cap;) {
        ssize_t got = read(fd, to + at, cap - at);

        if (got < 0)
            return false;
        if (got == 0) {
            *len = at;
            return true;
        }
        at += (size_t)got;
    }
    return false;
}

static mrl_err read_open(int fd, const char *path, mode_t closed, struct mrl_secret *to,
                         mrl_bytes *out, struct mrl_why *why)
{
    mrl_bytes room = mrl_secret_bytes(to);
    struct stat st;
    size_t len;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return mrl_fail(why, MRL_ERR_INVALID, "%s is not a file", path);
    if ((st.st_mode & closed) != 0)
        return mrl_fail(why, MRL_ERR_DENIED, "%s is open to others: chmod 600 it", path);
    if (!read_all(fd, mrl_secret_data(to), room.len, &len))
        return mrl_fail(why, MRL_ERR_IO, "%s cannot be read or has over %zu bytes", path, room.len);
    *out = mrl_bytes_sub(room, 0, len);
    return MRL_OK;
}

/* *out: a view of to. closed: permissions the file must not have. */
static mrl_err read_file(const mrl_bytes *path, mode_t closed, struct mrl_secret *to,
                         mrl_bytes *out, struct mrl_why *why)
{
    const char *name = (const char *)path->data;
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    mrl_err err;

    if (fd < 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot open %s: %s", name, strerrordesc_np(errno));
    err = read_open(fd, name, closed, to, out, why);
    (void)close(fd); /* only read */
    return err;
}

mrl_err mrl_export_read_certificates(const mrl_bytes *path, struct mrl_cert_list *out,
                                     struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) room = mrl_secret_new(CERTIFICATES_MAX + 1);
    mrl_bytes pem;

    MRL_TRY(read_file(path, 0, room, &pem, why));
    if (mrl_cert_list_add_pem(out, pem) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "%s holds no readable certificates in PEM",
                        (const char *)path->data);
    return MRL_OK;
}

mrl_err mrl_export_read_key(const mrl_bytes *path, struct mrl_key **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) room = mrl_secret_new(KEY_MAX + 1);
    mrl_bytes pem;

    MRL_TRY(read_file(path, S_IRWXO | S_IWGRP, room, &pem, why));
    if (mrl_key_from_pem(pem, MRL_BYTES_NONE, out) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "%s holds no readable key in PEM without passphrase",
                        (const char *)path->data);
    return MRL_OK;
}
