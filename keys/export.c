/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/export.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "keys/keystore.h"
#include "keys/sandbox.h"

enum { TEXT_MAX = 16 << 10, ANSWER_MAX = 1 + TEXT_MAX };

mrl_err mrl_export_read_passphrase(int fd, const char *file, struct mrl_secret **out,
                                   struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) text = NULL;
    mrl_bytes b;

    MRL_TRY(mrl_passphrase_read(fd, file, "the export passphrase", &text, why));
    b = mrl_secret_bytes(text);
    if (b.len > MRL_EXPORT_PASSPHRASE_MOST)
        return mrl_fail(why, MRL_ERR_INVALID, "the export passphrase is longer than %d bytes",
                        MRL_EXPORT_PASSPHRASE_MOST);
    if (memchr(b.data, '\n', b.len) != NULL || memchr(b.data, '\0', b.len) != NULL)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "the export passphrase must be one line of text: other programs read no "
                        "more of it");
    *out = MRL_TAKE(text);
    return MRL_OK;
}

static mrl_err put_root(const struct mrl_keystore *k, mrl_bytes passphrase, struct mrl_buf *out)
{
    const struct mrl_generation *root = mrl_generation_newest(&k->cas, MRL_CA_ROOT);
    MRL_AUTO(mrl_secret) key = NULL;

    MRL_TRY(mrl_key_to_pem(root->key, passphrase, &key));
    MRL_TRY(mrl_buf_append(out, mrl_secret_bytes(key)));
    return mrl_cert_to_pem(root->cert, out);
}

/* Encrypted first, so that a failure there costs nothing; recorded before anything is handed over.
 */
mrl_err mrl_export_take(const struct mrl_folder *f, const struct mrl_unlock *unlock,
                        mrl_bytes passphrase, struct mrl_buf *out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_keystore) k = {0};

    const struct mrl_generation *root;

    MRL_TRY(mrl_keystore_open(f, unlock, &k, why));
    root = mrl_generation_newest(&k.cas, MRL_CA_ROOT);
    if (root == NULL || root->key == NULL)
        return mrl_fail(why, MRL_ERR_NOT_FOUND, "the key of the root is not in this keystore");
    MRL_TRY(put_root(&k, passphrase, out));
    return mrl_keystore_mark_exported(f, &k, mrl_wall_s(), why);
}

/* The process that reads the keystore. */

static mrl_err take_as_user(const struct mrl_export *e, struct mrl_buf *text, struct mrl_why *why)
{
    MRL_SCOPED(mrl_folder) folder = {.fd = -1};

    MRL_TRY(mrl_sandbox_drop_user(e->user, why));
    MRL_TRY(mrl_folder_open(e->dir, &folder, why));
    return mrl_export_take(&folder, e->unlock, e->passphrase, text, why);
}

/* The class, then the text or the sentence. It fits into an empty pipe, so one write is enough. */
static bool answer(int fd, mrl_err err, mrl_bytes text)
{
    MRL_SCOPED(mrl_buf) all = {.limit = ANSWER_MAX};
    uint8_t class = (uint8_t)err;

    return mrl_buf_append(&all, mrl_bytes_of(&class, 1)) == MRL_OK &&
           mrl_buf_append(&all, text) == MRL_OK && write(fd, all.data, all.len) == (ssize_t)all.len;
}

static bool take_and_answer(const struct mrl_export *e, int fd)
{
    MRL_SCOPED(mrl_buf) text = {.limit = TEXT_MAX};
    struct mrl_why why = {0};
    mrl_err err = take_as_user(e, &text, &why);

    return answer(fd, err, err == MRL_OK ? mrl_buf_bytes(&text) : mrl_str(why.text));
}

/* The process of the operator. */

static mrl_err read_answer(int fd, struct mrl_secret **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) all = NULL;
    mrl_bytes b;

    MRL_TRY(mrl_read_secret_fd(fd, ANSWER_MAX, "the answer of the export process", &all, why));
    b = mrl_secret_bytes(all);
    if (b.len == 0 || b.data[0] >= MRL_ERR_COUNT_)
        return mrl_fail(why, MRL_ERR_CLOSED, "the export process ended without an answer");
    *out = mrl_secret_copy(mrl_bytes_sub(b, 1, SIZE_MAX));
    if (b.data[0] != MRL_OK)
        return mrl_fail(why, (mrl_err)b.data[0], "%.*s", MRL_FMT(mrl_secret_bytes(*out)));
    return MRL_OK;
}

/* Gives *text, also on failure. */
static mrl_err ask(const struct mrl_export *e, int file, struct mrl_secret **text,
                   struct mrl_why *why)
{
    int fds[2];
    pid_t pid;
    mrl_err err;

    if (pipe2(fds, O_CLOEXEC) != 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot make a pipe: %m");
    pid = fork();
    if (pid == 0) {
        (void)close(file); /* the operator's: none of this process' business */
        (void)close(fds[0]);
        _exit(take_and_answer(e, fds[1]) ? 0 : 1);
    }
    (void)close(fds[1]); /* so that the end of the other process ends the answer */
    err = pid < 0 ? mrl_fail(why, MRL_ERR_IO, "cannot make a process: %m")
                  : read_answer(fds[0], text, why);
    (void)close(fds[0]);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ; /* its answer said everything */
    return err;
}

static bool sync_folder_of(const char *path)
{
    char copy[PATH_MAX];
    bool synced;
    int fd;

    if (!mrl_bytes_to_cstr(mrl_str(path), copy, sizeof(copy)))
        return false;
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    synced = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        (void)close(fd); /* only read */
    return synced;
}

/* Space and name are on disk before the record is: what can fail fails while it costs nothing. */
static mrl_err create(const char *path, int *out, struct mrl_why *why)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return mrl_fail(why, errno == EEXIST ? MRL_ERR_EXISTS : MRL_ERR_IO, "%s cannot be made: %m",
                        path);
    errno = posix_fallocate(fd, 0, TEXT_MAX);
    if (errno != 0 || fsync(fd) != 0 || !sync_folder_of(path)) {
        (void)mrl_fail(why, MRL_ERR_IO, "%s cannot be made: %m", path); /* before errno changes */
        (void)close(fd);
        (void)unlink(path); /* empty */
        return MRL_ERR_IO;
    }
    *out = fd;
    return MRL_OK;
}

static mrl_err fill(int fd, mrl_bytes text, const char *path, struct mrl_why *why)
{
    if (write(fd, text.data, text.len) != (ssize_t)text.len ||
        ftruncate(fd, (off_t)text.len) != 0 || fsync(fd) != 0)
        return mrl_fail(why, MRL_ERR_IO,
                        "%s cannot be written: %m. The export is recorded and cannot be repeated: "
                        "the backup of the keystore remains the only copy of the root key",
                        path);
    return MRL_OK;
}

mrl_err mrl_export_root(const struct mrl_export *e, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) text = NULL;
    mrl_err err;
    int fd = -1;

    MRL_TRY(create(e->out, &fd, why));
    err = ask(e, fd, &text, why);
    if (err == MRL_OK)
        err = fill(fd, mrl_secret_bytes(text), e->out, why);
    else
        (void)unlink(e->out); /* still empty */
    (void)close(fd);          /* synced, or reported */
    return err;
}
