/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/serve.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "keys/operations.h"

static mrl_bytes why_text(const struct mrl_why *why, mrl_err err)
{
    return mrl_str(why->text[0] != '\0' ? why->text : mrl_err_name(err));
}

static bool answer_malformed(struct mrl_keys_server *s, mrl_bytes message, const char *sentence,
                             struct mrl_writer *reply)
{
    struct mrl_keys_answer a = {.status = MRL_ERR_MALFORMED, .why = mrl_str(sentence)};
    uint8_t type;

    s->malformed++;
    if (!mrl_keys_peek(message, &type, &a.id))
        return false;
    a.type = (enum mrl_keys_type)(type & ~MRL_KEYS_REPLY);
    return mrl_keys_write_answer(&a, reply) == MRL_OK;
}

static bool answer_request(struct mrl_keys_server *s, const struct mrl_keys_request *q,
                           struct mrl_writer *reply)
{
    struct mrl_keys_answer a = {.id = q->id, .type = q->type};
    MRL_SCOPED(mrl_operation) o = {.bytes = {.limit = MRL_KEYS_MESSAGE_MAX}};
    struct mrl_why why = {0};

    a.status = mrl_operation_run(s, q, &o, &a, &why);
    a.why = why_text(&why, a.status);
    if (a.status == MRL_OK)
        s->served++;
    else
        s->refused++;
    return mrl_keys_write_answer(&a, reply) == MRL_OK;
}

bool mrl_keys_handle(struct mrl_keys_server *s, mrl_bytes message, struct mrl_writer *reply)
{
    struct mrl_keys_request q;

    reply->len = 0;
    if (mrl_keys_read_request(message, &q) != MRL_OK)
        return answer_malformed(s, message, "not a request that this key process knows", reply);
    return answer_request(s, &q, reply);
}

bool mrl_keys_handle_oversize(struct mrl_keys_server *s, mrl_bytes start, struct mrl_writer *reply)
{
    reply->len = 0;
    return answer_malformed(s, start, "larger than a request may be", reply);
}

/* recv, in the one form that the sandbox allows. Ancillary data is not asked for, so descriptors
 * that somebody passes are dropped by the kernel. */
static ssize_t receive(int fd, uint8_t *to, size_t cap, bool *oversize)
{
    struct iovec part = {to, cap};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t n;

    do
        n = recvmsg(fd, &m, 0);
    while (n < 0 && errno == EINTR);
    *oversize = (m.msg_flags & MSG_TRUNC) != 0;
    return n;
}

/* A peer that does not read its refusals must not stop the others' work: those may be dropped. */
static mrl_err send_reply(int fd, mrl_bytes reply, bool droppable)
{
    struct iovec part = {(void *)(uintptr_t)reply.data, reply.len};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t n;

    do
        n = sendmsg(fd, &m, MSG_NOSIGNAL | (droppable ? MSG_DONTWAIT : 0));
    while (n < 0 && errno == EINTR);
    MRL_ENSURE(n >= 0 || (droppable && errno == EAGAIN), MRL_ERR_CLOSED);
    return MRL_OK;
}

/* An empty packet looks like the end: only the hang-up tells them apart. */
static bool hung_up(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) < 0 || (p.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

struct exchange {
    uint8_t message[MRL_KEYS_MESSAGE_MAX];
    uint8_t reply[MRL_KEYS_MESSAGE_MAX];
};

/* One packet. MRL_ERR_CLOSED: the other side is gone. */
static mrl_err serve_one(struct mrl_keys_server *s, int fd, struct exchange *x)
{
    struct mrl_writer reply = mrl_writer_on(x->reply, sizeof(x->reply));
    uint64_t malformed_before = s->malformed;
    mrl_err err = MRL_OK;
    bool oversize, answer;
    ssize_t n = receive(fd, x->message, sizeof(x->message), &oversize);

    if (n < 0)
        return errno == ECONNRESET ? MRL_ERR_CLOSED : MRL_ERR_IO;
    MRL_ENSURE(n > 0 || !hung_up(fd), MRL_ERR_CLOSED);
    answer = oversize ? mrl_keys_handle_oversize(s, mrl_bytes_of(x->message, (size_t)n), &reply)
                      : mrl_keys_handle(s, mrl_bytes_of(x->message, (size_t)n), &reply);
    if (answer)
        err = send_reply(fd, mrl_bytes_of(reply.data, reply.len), s->malformed != malformed_before);
    mrl_wipe(x->message, (size_t)n);
    mrl_wipe(x->reply, reply.len);
    return err;
}

mrl_err mrl_keys_serve(struct mrl_keys_server *s, int fd)
{
    MRL_AUTO(mrl_secret) memory = mrl_secret_new(sizeof(struct exchange));
    struct exchange *x = (struct exchange *)mrl_secret_data(memory);
    mrl_err err = MRL_OK;

    while (err == MRL_OK)
        err = serve_one(s, fd, x);
    return err == MRL_ERR_CLOSED ? MRL_OK : err;
}
