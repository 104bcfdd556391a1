/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/ca_command.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "keys/ca.h"
#include "keys/sandbox.h"

enum { LOCK_WAIT_MS = 60000 };

struct command {
    const struct mrl_keys_arguments *a;
    struct mrl_ca_store store;
    struct mrl_folder folder;
    struct mrl_unlock unlock;
    struct mrl_buf in, out;
    int out_fd;
};

static void command_done(struct command *c)
{
    mrl_unlock_done(&c->unlock);
    mrl_folder_done(&c->folder);
    mrl_buf_done(&c->in);
    mrl_buf_done(&c->out);
    if (c->out_fd >= 0)
        (void)close(c->out_fd); /* written, or of no use */
}

/* --- files of the operator --- */

static mrl_err read_in(struct command *c, struct mrl_why *why)
{
    uint8_t *to;
    ssize_t n;
    int fd;

    if (c->a->in == NULL)
        return MRL_OK;
    MRL_TRY(mrl_buf_reserve(&c->in, MRL_CA_FILE_MAX + 1, &to));
    fd = open(c->a->in, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, to, MRL_CA_FILE_MAX + 1);
    if (n < 0)
        (void)mrl_fail(why, MRL_ERR_IO, "%s cannot be read: %m", c->a->in);
    if (fd >= 0)
        (void)close(fd); /* only read */
    MRL_ENSURE(n >= 0, MRL_ERR_IO);
    if (n > MRL_CA_FILE_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "%s is longer than %d bytes", c->a->in,
                        MRL_CA_FILE_MAX);
    mrl_buf_added(&c->in, (size_t)n);
    return MRL_OK;
}

/* What an earlier attempt left empty may be there; nothing else is written over. */
static mrl_err open_out(struct command *c, struct mrl_why *why)
{
    struct stat st;

    if (c->a->out == NULL)
        return MRL_OK;
    c->out_fd = open(c->a->out, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (c->out_fd < 0 || fstat(c->out_fd, &st) != 0)
        return mrl_fail(why, MRL_ERR_IO, "%s cannot be made: %m", c->a->out);
    if (!S_ISREG(st.st_mode) || st.st_size != 0)
        return mrl_fail(why, MRL_ERR_EXISTS, "%s exists already", c->a->out);
    return MRL_OK;
}

static mrl_err write_out(const struct command *c, struct mrl_why *why)
{
    if (c->out_fd < 0)
        return MRL_OK;
    if (write(c->out_fd, c->out.data, c->out.len) != (ssize_t)c->out.len || fsync(c->out_fd) != 0)
        return mrl_fail(why, MRL_ERR_IO, "%s cannot be written: %m", c->a->out);
    return MRL_OK;
}

/* --- what is done --- */

static const char use_it[] = "publish and activate it with `merlon ca`: see docs/operate/ca.md";

static mrl_err new_issuing(struct command *c, struct mrl_why *why)
{
    uint8_t number;

    MRL_TRY(mrl_ca_new_issuing(&c->store, c->a->issuing_type, &number, why));
    (void)printf("issuing CA %u made; make a backup of %s, then %s\n", number, c->a->dir, use_it);
    return MRL_OK;
}

static mrl_err new_root(struct command *c, struct mrl_why *why)
{
    uint8_t number;

    MRL_TRY(mrl_ca_new_root(&c->store, c->a->root_type, &number, why));
    (void)printf("root CA %u made, with links to and from the one before; make an issuing CA under "
                 "it (new-issuing) and a backup of %s, then %s\n",
                 number, c->a->dir, use_it);
    return MRL_OK;
}

static mrl_err request_issuing(struct command *c, struct mrl_why *why)
{
    MRL_TRY(mrl_ca_request(&c->store, c->a->issuing_type, &c->out, why));
    (void)printf("request written to %s; sign it where the root key is, then install the answer\n",
                 c->a->out);
    return MRL_OK;
}

static mrl_err sign_request(struct command *c, struct mrl_why *why)
{
    MRL_TRY(mrl_ca_sign_request(&c->store, mrl_buf_bytes(&c->in), &c->out, why));
    (void)printf("certificates of issuing CA and root written to %s\n", c->a->out);
    return MRL_OK;
}

static mrl_err install(struct command *c, struct mrl_why *why)
{
    uint8_t root = 0, issuing = 0;

    MRL_TRY(mrl_ca_install(&c->store, mrl_buf_bytes(&c->in), &root, &issuing, why));
    if (root != 0)
        (void)printf("root CA %u taken\n", root);
    if (issuing != 0)
        (void)printf("issuing CA %u taken\n", issuing);
    (void)printf("make a backup of %s, then %s\n", c->a->dir, use_it);
    return MRL_OK;
}

static mrl_err drop(struct command *c, struct mrl_why *why)
{
    MRL_TRY(mrl_ca_drop(&c->store, c->a->ca_kind, (uint8_t)c->a->number, why));
    (void)printf("the key of %s CA %u is gone from %s\n",
                 c->a->ca_kind == MRL_CA_ROOT ? "root" : "issuing", c->a->number, c->a->dir);
    return MRL_OK;
}

static mrl_err (*const commands[])(struct command *c, struct mrl_why *why) = {
    [MRL_KEYS_NEW_ISSUING] = new_issuing,
    [MRL_KEYS_NEW_ROOT] = new_root,
    [MRL_KEYS_REQUEST_ISSUING] = request_issuing,
    [MRL_KEYS_SIGN_REQUEST] = sign_request,
    [MRL_KEYS_INSTALL] = install,
    [MRL_KEYS_DROP_CA] = drop,
};

/* The key process of a running daemon holds the lock until it is told to start again. */
static mrl_err open_folder(struct command *c, struct mrl_why *why)
{
    mrl_err err = mrl_folder_open_wait(c->a->dir, /*wait_ms=*/0, &c->folder, why);

    if (err != MRL_ERR_BUSY)
        return err;
    (void)fputs("the keystore is in use: waiting a minute for  merlon ca reload\n", stderr);
    return mrl_folder_open_wait(c->a->dir, LOCK_WAIT_MS, &c->folder, why);
}

static mrl_err run(struct command *c, struct mrl_why *why)
{
    const struct mrl_keys_arguments *a = c->a;

    MRL_TRY(mrl_sandbox_start(why));
    MRL_TRY(mrl_unlock_gather_for(&a->source, a->user, &c->unlock, why));
    MRL_TRY(read_in(c, why));
    MRL_TRY(open_out(c, why));
    MRL_TRY(mrl_unlock_start(&c->unlock, a->user, why));
    MRL_TRY(mrl_sandbox_drop_user(a->user, why));
    MRL_TRY(open_folder(c, why));
    c->store = (struct mrl_ca_store){&c->folder, &c->unlock, mrl_wall_s(), a->hold};
    MRL_TRY(commands[a->command](c, why));
    return write_out(c, why);
}

mrl_err mrl_ca_command(const struct mrl_keys_arguments *a, struct mrl_why *why)
{
    struct command c = {.a = a, .folder = {.fd = -1}, .out_fd = -1};
    mrl_err err = run(&c, why);

    command_done(&c);
    return err;
}
