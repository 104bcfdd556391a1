/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/client.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum { EXIT_WAIT_MS = 2000, EXIT_STEP_MS = 5, ANSWER_MAX = MRL_KEYS_MESSAGE_MAX };

/* One request at a time, as the other side has one thread: whoever sets busy owns all below it. */
struct mrl_keys_client {
    pthread_mutex_t lock;
    pthread_cond_t idle; /* its timeouts are by the monotonic clock */
    bool busy;           /* under lock */
    int fd;
    pid_t pid;
    _Atomic unsigned timeout_ms;
    uint64_t last_id;
    bool closed;
    bool knows_audit_key;
    uint8_t audit_key[MRL_KEYS_AUDIT_KEY_SIZE]; /* of the keystore, once an INFO was answered */
    uint8_t message[MRL_KEYS_MESSAGE_MAX + 1];
};

static void init_idle(pthread_cond_t *idle)
{
    pthread_condattr_t attributes;

    (void)pthread_condattr_init(&attributes); /* these three cannot fail with such arguments */
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(idle, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

mrl_err mrl_keys_client_new(int fd, pid_t pid, unsigned timeout_ms, struct mrl_keys_client **out)
{
    struct mrl_keys_client *c = calloc(1, sizeof(*c));

    if (c == NULL)
        abort();                              /* a fixed size, once per process */
    (void)pthread_mutex_init(&c->lock, NULL); /* the default kind cannot fail */
    init_idle(&c->idle);
    c->fd = fd;
    c->pid = pid;
    c->timeout_ms = timeout_ms;
    *out = c;
    return MRL_OK;
}

static void reap(pid_t pid)
{
    static const struct timespec step = {.tv_nsec = EXIT_STEP_MS * 1000000L};

    for (int waited = 0; waited < EXIT_WAIT_MS; waited += EXIT_STEP_MS) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            return;                   /* gone, or not ours to wait for */
        (void)nanosleep(&step, NULL); /* woken early: only asks sooner */
    }
    (void)kill(pid, SIGKILL); /* not reaped yet, so the number is still its own */
    (void)waitpid(pid, NULL, 0);
}

void mrl_keys_client_free(struct mrl_keys_client *c)
{
    if (c == NULL)
        return;
    if (c->fd >= 0)
        (void)close(c->fd); /* the signal to stop */
    if (c->pid > 0)
        reap(c->pid);
    (void)pthread_cond_destroy(&c->idle); /* no call is in progress */
    (void)pthread_mutex_destroy(&c->lock);
    mrl_wipe(c, sizeof(*c));
    free(c);
}

pid_t mrl_keys_client_pid(const struct mrl_keys_client *c)
{
    return c->pid;
}

void mrl_keys_client_set_timeout(struct mrl_keys_client *c, unsigned timeout_ms)
{
    atomic_store(&c->timeout_ms, timeout_ms);
}

static mrl_err fail_closed(struct mrl_keys_client *c, struct mrl_why *why)
{
    c->closed = true;
    return mrl_fail(why, MRL_ERR_CLOSED,
                    "the key process has ended, the log of merlond says why; it is started again: "
                    "try again in a minute");
}

static mrl_err fail_timeout(struct mrl_why *why)
{
    return mrl_fail(why, MRL_ERR_TIMEOUT, "the key process did not answer in time");
}

/* Until the socket is ready for events, or the end of time. */
static mrl_err wait_for(struct mrl_keys_client *c, short events, uint64_t end, struct mrl_why *why)
{
    for (;;) {
        struct pollfd p = {.fd = c->fd, .events = events};
        uint64_t now = mrl_monotonic_ms();
        int ready = now >= end ? 0 : poll(&p, 1, (int)(end - now));

        if (ready > 0)
            return MRL_OK; /* an error or hang-up is seen by the call that follows */
        if (ready == 0)
            return fail_timeout(why);
        if (errno != EINTR)
            return fail_closed(c, why);
    }
}

static mrl_err send_message(struct mrl_keys_client *c, size_t len, uint64_t end,
                            struct mrl_why *why)
{
    for (;;) {
        MRL_TRY(wait_for(c, POLLOUT, end, why));
        if (send(c->fd, c->message, len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
            return MRL_OK;
        if (errno != EAGAIN && errno != EINTR)
            return fail_closed(c, why);
    }
}

static mrl_err receive_message(struct mrl_keys_client *c, uint64_t end, mrl_bytes *out,
                               struct mrl_why *why)
{
    for (;;) {
        ssize_t n;

        MRL_TRY(wait_for(c, POLLIN, end, why));
        n = recv(c->fd, c->message, sizeof(c->message), MSG_DONTWAIT);
        if (n > 0) {
            *out = mrl_bytes_of(c->message, (size_t)n);
            return MRL_OK;
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR))
            return fail_closed(c, why);
    }
}

/* Answers to calls that timed out arrive late and are passed over. */
static mrl_err receive_answer(struct mrl_keys_client *c, const struct mrl_keys_request *q,
                              uint64_t end, struct mrl_keys_answer *a, struct mrl_why *why)
{
    mrl_bytes message;

    do {
        MRL_TRY(receive_message(c, end, &message, why));
        if (mrl_keys_read_answer(message, a) != MRL_OK)
            return mrl_fail(why, MRL_ERR_MALFORMED,
                            "the key process answered what this daemon does not understand: both "
                            "must be of one version");
    } while (a->id != q->id);
    if (a->type != q->type)
        return mrl_fail(why, MRL_ERR_MALFORMED, "the key process answered another question");
    return MRL_OK;
}

/* A value out of its limits is the caller's fault, told here and not counted as an attack there. */
static mrl_err write_checked(const struct mrl_keys_request *q, struct mrl_writer *w,
                             struct mrl_why *why)
{
    struct mrl_keys_request read;

    if (mrl_keys_write_request(q, w) != MRL_OK)
        return mrl_fail(why, MRL_ERR_LIMIT, "the request to the key process is too large");
    if (mrl_keys_read_request(mrl_bytes_of(w->data, w->len), &read) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "a value in the request to the key process is empty, too long or of the "
                        "wrong size");
    return MRL_OK;
}

typedef mrl_err take_answer(const struct mrl_keys_answer *a, void *to);

/* Request, answer, and what to take of it, before the memory is used again. */
static mrl_err exchange(struct mrl_keys_client *c, struct mrl_keys_request *q, uint64_t end,
                        take_answer *take, void *to, struct mrl_why *why)
{
    struct mrl_writer w = mrl_writer_on(c->message, MRL_KEYS_MESSAGE_MAX);
    struct mrl_keys_answer a;

    if (c->closed)
        return fail_closed(c, why);
    q->id = ++c->last_id;
    MRL_TRY(write_checked(q, &w, why));
    MRL_TRY(send_message(c, w.len, end, why));
    MRL_TRY(receive_answer(c, q, end, &a, why));
    if (a.status != MRL_OK)
        return mrl_fail(why, a.status, "key process: %.*s", MRL_FMT(a.why));
    return take(&a, to);
}

static mrl_err begin(struct mrl_keys_client *c, uint64_t end, struct mrl_why *why)
{
    struct timespec until = {.tv_sec = (time_t)(end / 1000),
                             .tv_nsec = (long)(end % 1000) * 1000000};
    int failed = 0;

    (void)pthread_mutex_lock(&c->lock); /* fails only by our bug, like the calls below */
    while (c->busy && failed == 0)
        failed = pthread_cond_timedwait(&c->idle, &c->lock, &until);
    if (!c->busy)
        failed = 0; /* became free in the last moment */
    c->busy = true;
    (void)pthread_mutex_unlock(&c->lock);
    return failed == 0 ? MRL_OK : fail_timeout(why);
}

static void finish(struct mrl_keys_client *c)
{
    mrl_wipe(c->message, sizeof(c->message)); /* keys and passphrases pass through it */
    (void)pthread_mutex_lock(&c->lock);
    c->busy = false;
    (void)pthread_cond_signal(&c->idle);
    (void)pthread_mutex_unlock(&c->lock);
}

static mrl_err call(struct mrl_keys_client *c, struct mrl_keys_request *q, take_answer *take,
                    void *to, struct mrl_why *why)
{
    uint64_t end = mrl_monotonic_ms() + atomic_load(&c->timeout_ms);
    mrl_err err;

    MRL_TRY(begin(c, end, why));
    err = exchange(c, q, end, take, to, why);
    finish(c);
    return err;
}

static mrl_err take_nothing(const struct mrl_keys_answer *a, void *to)
{
    (void)a;
    (void)to;
    return MRL_OK;
}

mrl_err mrl_keys_ping(struct mrl_keys_client *c, struct mrl_why *why)
{
    struct mrl_keys_request q = {.type = MRL_KEYS_PING};

    return call(c, &q, take_nothing, NULL, why);
}

static mrl_err keep(struct mrl_buf *memory, mrl_bytes *view)
{
    size_t at = memory->len;

    MRL_TRY(mrl_buf_append(memory, *view));
    *view = mrl_bytes_sub(mrl_buf_bytes(memory), at, view->len);
    return MRL_OK;
}

static mrl_err keep_generation(struct mrl_buf *memory, struct mrl_keys_generation *g)
{
    MRL_TRY(keep(memory, &g->cert));
    for (size_t i = 0; i < g->link_count; i++)
        MRL_TRY(keep(memory, &g->links[i]));
    return MRL_OK;
}

static mrl_err take_info(const struct mrl_keys_answer *a, void *to)
{
    struct mrl_keys_info *info = to;
    struct mrl_keys_facts f = a->facts;
    MRL_SCOPED(mrl_buf) memory = {.limit = ANSWER_MAX};
    uint8_t *room;

    /* All room at once, so that the views stay where they are. */
    MRL_TRY(mrl_buf_reserve(&memory, ANSWER_MAX, &room));
    for (size_t i = 0; i < f.generation_count; i++)
        MRL_TRY(keep_generation(&memory, &f.generations[i]));
    MRL_TRY(keep(&memory, &f.audit_key));
    MRL_TRY(keep(&memory, &f.tenant));
    mrl_keys_info_done(info);
    *info = (struct mrl_keys_info){f, memory};
    memory = (struct mrl_buf){0};
    return MRL_OK;
}

mrl_err mrl_keys_info_get(struct mrl_keys_client *c, struct mrl_keys_info *out, struct mrl_why *why)
{
    struct mrl_keys_request q = {.type = MRL_KEYS_INFO};

    MRL_TRY(call(c, &q, take_info, out, why));
    if (c->knows_audit_key)
        return MRL_OK;
    memcpy(c->audit_key, out->facts.audit_key.data, sizeof(c->audit_key));
    c->knows_audit_key = true; /* the first call, when nobody else has the client yet */
    return MRL_OK;
}

/* --- another process --- */

void mrl_keys_client_hang_up(struct mrl_keys_client *c)
{
    (void)pthread_mutex_lock(&c->lock); /* fails only by our bug, like the calls below */
    while (c->busy)
        (void)pthread_cond_wait(&c->idle, &c->lock);
    if (c->fd >= 0)
        (void)close(c->fd); /* the signal to stop */
    c->fd = -1;
    c->closed = true;
    (void)pthread_cond_signal(&c->idle);
    (void)pthread_mutex_unlock(&c->lock);
    if (c->pid > 0)
        reap(c->pid);
    c->pid = 0;
}

/* The first call over the new socket, while nobody else can make one. */
static mrl_err check_same(struct mrl_keys_client *c, unsigned start_ms, struct mrl_why *why)
{
    struct mrl_keys_request q = {.type = MRL_KEYS_INFO};
    MRL_SCOPED(mrl_keys_info) info = {0};

    MRL_TRY(exchange(c, &q, mrl_monotonic_ms() + start_ms, take_info, &info, why));
    if (c->knows_audit_key &&
        !mrl_bytes_eq(info.facts.audit_key, mrl_bytes_of(c->audit_key, sizeof(c->audit_key))))
        return mrl_fail(why, MRL_ERR_STATE, "the key process serves another keystore than before");
    return MRL_OK;
}

mrl_err mrl_keys_client_replace(struct mrl_keys_client *c, int fd, pid_t pid, unsigned start_ms,
                                unsigned call_ms, struct mrl_why *why)
{
    mrl_err err = begin(c, mrl_monotonic_ms() + start_ms, why);

    if (err != MRL_OK) {
        (void)close(fd); /* nobody ever used it */
        return err;
    }
    c->fd = fd;
    c->pid = pid;
    c->closed = false;
    err = check_same(c, start_ms, why);
    if (err != MRL_OK) {
        (void)close(c->fd); /* it ends by that, if it did not yet */
        c->fd = -1;
        c->closed = true;
    }
    finish(c);
    mrl_keys_client_set_timeout(c, call_ms);
    return err;
}

void mrl_keys_info_done(struct mrl_keys_info *info)
{
    mrl_buf_done(&info->memory);
    info->facts = (struct mrl_keys_facts){0};
}

static mrl_err take_bytes(const struct mrl_keys_answer *a, void *to)
{
    return mrl_buf_append(to, a->bytes);
}

mrl_err mrl_keys_issue(struct mrl_keys_client *c, const struct mrl_keys_issue *want,
                       struct mrl_buf *der, struct mrl_why *why)
{
    struct mrl_keys_request q = {.type = MRL_KEYS_ISSUE, .issue = *want};

    return call(c, &q, take_bytes, der, why);
}

static mrl_err take_signature(const struct mrl_keys_answer *a, void *to)
{
    memcpy(to, a->bytes.data, MRL_KEYS_SIGNATURE_SIZE); /* of this size: the reader checked */
    return MRL_OK;
}

mrl_err mrl_keys_sign_checkpoint(struct mrl_keys_client *c, const struct mrl_keys_checkpoint *want,
                                 uint8_t signature[static MRL_KEYS_SIGNATURE_SIZE],
                                 struct mrl_why *why)
{
    struct mrl_keys_request q = {.type = MRL_KEYS_SIGN_CHECKPOINT, .checkpoint = *want};

    return call(c, &q, take_signature, signature, why);
}

mrl_err mrl_keys_sign_crl(struct mrl_keys_client *c, const struct mrl_keys_crl *want,
                          struct mrl_buf *out, struct mrl_why *why)
{
    struct mrl_keys_request q = {.type = MRL_KEYS_SIGN_CRL, .crl = *want};

    return call(c, &q, take_bytes, out, why);
}

mrl_err mrl_keys_wrap(struct mrl_keys_client *c, mrl_bytes context, mrl_bytes key,
                      struct mrl_buf *sealed, struct mrl_why *why)
{
    struct mrl_keys_request q = {.type = MRL_KEYS_WRAP, .wrap = {context, key}};

    return call(c, &q, take_bytes, sealed, why);
}

static mrl_err take_secret(const struct mrl_keys_answer *a, void *to)
{
    *(struct mrl_secret **)to = mrl_secret_copy(a->bytes);
    return MRL_OK;
}

mrl_err mrl_keys_unwrap(struct mrl_keys_client *c, mrl_bytes context, mrl_bytes sealed,
                        struct mrl_secret **key, struct mrl_why *why)
{
    struct mrl_keys_request q = {.type = MRL_KEYS_UNWRAP, .unwrap = {context, sealed}};

    return call(c, &q, take_secret, key, why);
}
