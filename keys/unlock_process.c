/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/unlock_process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys/sandbox.h"
#include "keys/unlock_message.h"

enum { CHILD_FD = 3, EXIT_NOT_EXECUTED = 127, EXIT_NOT_THE_USER = 126 };

struct mrl_unlock_process {
    const struct mrl_unlock_source *source;
    struct mrl_secret *pin;
    int fd;
    pid_t pid;
    unsigned owed; /* answers that were asked for and not read yet: they come in this order */
    bool held;     /* in the sandbox: nobody can be waited for */
};

struct command {
    char program[PATH_MAX];
    char *environment[MRL_SOURCE_ENV + 2];
};

/* In the build folder it lies under hardware/, installed in the same folder as this program. */
static mrl_err find_beside(char *to, size_t cap, struct mrl_why *why)
{
    static const char *const places[] = {"merlon-unlock", "hardware/merlon-unlock"};
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    if (len <= 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot find this program's own path: %m");
    self[len] = '\0';
    slash = strrchr(self, '/');
    if (slash != NULL)
        *slash = '\0';
    for (size_t i = 0; i < MRL_COUNT(places); i++)
        if ((size_t)snprintf(to, cap, "%s/%s", self, places[i]) < cap && access(to, X_OK) == 0)
            return MRL_OK;
    return mrl_fail(why, MRL_ERR_NOT_FOUND, "merlon-unlock is not beside merlon-keys: install it");
}

static mrl_err make_command(const struct mrl_unlock_source *s, struct command *c,
                            struct mrl_why *why)
{
    static char quiet[] = "TSS2_LOG=all+none"; /* its errors come back as our sentences */
    size_t i;

    for (i = 0; i < s->pkcs11_env_count; i++)
        c->environment[i] = (char *)(uintptr_t)s->pkcs11_env[i];
    c->environment[i] = quiet;
    if (s->program == NULL)
        return find_beside(c->program, sizeof(c->program), why);
    if (!mrl_bytes_to_cstr(mrl_str(s->program), c->program, sizeof(c->program)))
        return mrl_fail(why, MRL_ERR_INVALID, "the path of merlon-unlock is too long");
    return MRL_OK;
}

/* Nothing of this process goes along but the socket. */
static bool keep_only(int fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0 || (fd != CHILD_FD && dup2(fd, CHILD_FD) < 0) || fcntl(CHILD_FD, F_SETFD, 0) != 0)
        return false;
    for (int standard = 0; standard < CHILD_FD; standard++)
        if (dup2(null, standard) < 0)
            return false;
    return close_range(CHILD_FD + 1, ~0U, 0) == 0;
}

static void run_child(int fd, const struct command *c, const char *user, pid_t parent)
{
    char *argv[] = {(char *)(uintptr_t)c->program, NULL};

    if (mrl_sandbox_lend_user(user, NULL) != MRL_OK)
        _exit(EXIT_NOT_THE_USER);
    /* After the change of user, which clears it: hardware that hangs must not outlive us. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent && keep_only(fd))
        (void)execve(c->program, argv, c->environment); /* returns only when it failed */
    _exit(EXIT_NOT_EXECUTED);
}

static mrl_err start(const struct command *c, const char *user, struct mrl_unlock_process *p,
                     struct mrl_why *why)
{
    pid_t parent = getpid();
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return mrl_fail(why, MRL_ERR_IO, "no socket for merlon-unlock: %m");
    p->fd = pair[0];
    p->pid = fork();
    if (p->pid == 0)
        run_child(pair[1], c, user, parent);
    (void)close(pair[1]); /* so that its end shows as the end of ours */
    if (p->pid < 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot start merlon-unlock: %m");
    return MRL_OK;
}

mrl_err mrl_unlock_process_start(const struct mrl_unlock_source *s, mrl_bytes pin, const char *user,
                                 struct mrl_unlock_process **out, struct mrl_why *why)
{
    struct mrl_unlock_process *p;
    struct command c = {0};
    mrl_err err;

    MRL_TRY(make_command(s, &c, why));
    p = calloc(1, sizeof(*p));
    if (p == NULL)
        abort();
    *p = (struct mrl_unlock_process){.source = s, .pin = mrl_secret_copy(pin), .fd = -1, .pid = -1};
    err = start(&c, user, p, why);
    if (err != MRL_OK)
        mrl_unlock_process_free(p);
    else
        *out = p;
    return err;
}

void mrl_unlock_process_free(struct mrl_unlock_process *p)
{
    if (p == NULL)
        return;
    if (p->fd >= 0)
        (void)close(p->fd); /* nothing more to say; one that is held ends by that */
    if (p->pid > 0 && !p->held) {
        /* It has nothing open between two answers, and may hang within one. */
        (void)kill(p->pid, SIGKILL);
        while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    mrl_secret_free(p->pin);
    free(p);
}

static mrl_err explain_end(struct mrl_unlock_process *p, struct mrl_why *why)
{
    int status = 0;
    pid_t pid = p->pid;

    if (p->held)
        return mrl_fail(why, MRL_ERR_CLOSED,
                        "merlon-unlock, which holds the key, has ended: merlon ca reload");
    p->pid = -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_EXECUTED)
        return mrl_fail(why, MRL_ERR_CLOSED, "merlon-unlock cannot be executed");
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_THE_USER)
        return mrl_fail(why, MRL_ERR_CLOSED, "merlon-unlock cannot become the keys account");
    if (WIFSIGNALED(status))
        return mrl_fail(why, MRL_ERR_CLOSED,
                        "merlon-unlock was ended by signal %d: the fault of a library or PKCS#11 "
                        "module it runs",
                        WTERMSIG(status));
    return mrl_fail(why, MRL_ERR_CLOSED, "merlon-unlock ended without an answer");
}

static mrl_err wait_for_answer(const struct mrl_unlock_process *p, struct mrl_why *why)
{
    struct pollfd readable = {.fd = p->fd, .events = POLLIN};
    int ready;

    do
        ready = poll(&readable, 1, MRL_UNLOCK_WAIT_MS);
    while (ready < 0 && errno == EINTR);
    if (ready == 0)
        return mrl_fail(why, MRL_ERR_TIMEOUT, "the %s did not answer within %d s",
                        mrl_unlock_kind_name(p->source->kind), MRL_UNLOCK_WAIT_MS / 1000);
    return ready < 0 ? mrl_fail(why, MRL_ERR_IO, "waiting for merlon-unlock: %m") : MRL_OK;
}

/* In the one form that the sandbox allows. */
static ssize_t receive_packet(int fd, uint8_t *to)
{
    struct iovec part = {to, MRL_UNLOCK_MESSAGE_MAX};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t len;

    do
        len = recvmsg(fd, &m, MSG_TRUNC);
    while (len < 0 && errno == EINTR);
    return len;
}

static bool send_packet(int fd, mrl_bytes packet)
{
    struct iovec part = {(void *)(uintptr_t)packet.data, packet.len};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};

    return sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)packet.len;
}

/* The answer to the last request. Those to requests that were given up come first, and a signature
 * over something else must not be taken for this one. */
static mrl_err receive_last(struct mrl_unlock_process *p, struct mrl_secret *to, size_t *len,
                            struct mrl_why *why)
{
    ssize_t n;

    do {
        MRL_TRY(wait_for_answer(p, why));
        n = receive_packet(p->fd, mrl_secret_data(to));
        if (n <= 0)
            return explain_end(p, why);
    } while (--p->owed > 0);
    *len = (size_t)n;
    return MRL_OK;
}

/* *answer holds views into *memory, which it gives. */
static mrl_err receive(struct mrl_unlock_process *p, struct mrl_secret **memory,
                       struct mrl_unlock_answer *answer, struct mrl_why *why)
{
    size_t len = 0;

    *memory = mrl_secret_new(MRL_UNLOCK_MESSAGE_MAX);
    MRL_TRY(receive_last(p, *memory, &len, why));
    if (len > MRL_UNLOCK_MESSAGE_MAX ||
        mrl_unlock_read_answer(mrl_bytes_sub(mrl_secret_bytes(*memory), 0, len), answer) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED, "merlon-unlock gave no proper answer");
    if (answer->err != MRL_OK)
        return mrl_fail(why, answer->err, "%.*s", MRL_FMT(answer->content));
    return MRL_OK;
}

static struct mrl_unlock_request request_of(const struct mrl_unlock_process *p,
                                            enum mrl_unlock_operation operation, mrl_bytes blob)
{
    const struct mrl_unlock_source *s = p->source;
    const char *tcti = s->tpm_tcti == NULL ? MRL_SOURCE_TCTI : s->tpm_tcti;

    return (struct mrl_unlock_request){.operation = operation,
                                       .kind = s->kind,
                                       .tcti = mrl_str(tcti),
                                       .pcrs = mrl_str(s->tpm_pcrs),
                                       .module = mrl_str(s->pkcs11_module),
                                       .token = mrl_str(s->pkcs11_token),
                                       .key = mrl_str(s->pkcs11_key),
                                       .pin = p->pin != NULL ? mrl_secret_bytes(p->pin)
                                                             : MRL_BYTES_NONE,
                                       .blob = blob};
}

static mrl_err ask_this(struct mrl_unlock_process *p, const struct mrl_unlock_request *q,
                        struct mrl_secret **memory, struct mrl_unlock_answer *answer,
                        struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) out = mrl_secret_new(MRL_UNLOCK_MESSAGE_MAX);
    struct mrl_writer w = mrl_writer_on(mrl_secret_data(out), MRL_UNLOCK_MESSAGE_MAX);

    MRL_TRY(mrl_unlock_write_request(q, &w));
    if (!send_packet(p->fd, mrl_bytes_of(w.data, w.len)))
        return explain_end(p, why);
    p->owed++;
    return receive(p, memory, answer, why);
}

static mrl_err ask(struct mrl_unlock_process *p, enum mrl_unlock_operation operation,
                   mrl_bytes blob, struct mrl_secret **memory, struct mrl_unlock_answer *answer,
                   struct mrl_why *why)
{
    struct mrl_unlock_request q = request_of(p, operation, blob);

    if (blob.len > MRL_UNLOCK_BLOB_MAX)
        return mrl_fail(why, MRL_ERR_CORRUPT, "%s is too long: restore it from a backup",
                        mrl_unlock_file(q.kind));
    return ask_this(p, &q, memory, answer, why);
}

mrl_err mrl_unlock_process_make(struct mrl_unlock_process *p, struct mrl_buf *blob,
                                struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) memory = NULL;
    struct mrl_unlock_answer a;

    MRL_TRY(ask(p, MRL_UNLOCK_MAKE, MRL_BYTES_NONE, &memory, &a, why));
    return mrl_buf_append(blob, a.content);
}

mrl_err mrl_unlock_process_open(struct mrl_unlock_process *p, mrl_bytes blob,
                                struct mrl_secret **material, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) memory = NULL;
    struct mrl_unlock_answer a;

    MRL_TRY(ask(p, MRL_UNLOCK_OPEN, blob, &memory, &a, why));
    if (a.content.len != MRL_UNLOCK_MATERIAL)
        return mrl_fail(why, MRL_ERR_MALFORMED, "merlon-unlock gave no proper answer");
    *material = mrl_secret_copy(a.content);
    return MRL_OK;
}

/* --- keys that sign --- */

mrl_err mrl_unlock_process_make_key(struct mrl_unlock_process *p, uint8_t type, const char *label,
                                    struct mrl_buf *reference, struct mrl_buf *spki,
                                    struct mrl_why *why)
{
    struct mrl_unlock_request q = request_of(p, MRL_UNLOCK_MAKE_KEY, MRL_BYTES_NONE);
    MRL_AUTO(mrl_secret) memory = NULL;
    struct mrl_unlock_answer a;
    struct mrl_unlock_made made;

    q.key = mrl_str(label);
    q.data = mrl_bytes_of(&type, 1);
    MRL_TRY(ask_this(p, &q, &memory, &a, why));
    if (mrl_unlock_read_made(a.content, &made) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED, "merlon-unlock gave no proper answer");
    MRL_TRY(mrl_buf_append(reference, made.reference));
    return mrl_buf_append(spki, made.spki);
}

mrl_err mrl_unlock_process_hold(struct mrl_unlock_process *p, struct mrl_why *why)
{
    MRL_AUTO(mrl_secret) memory = NULL;
    struct mrl_unlock_answer a;

    MRL_TRY(ask(p, MRL_UNLOCK_HOLD, MRL_BYTES_NONE, &memory, &a, why));
    mrl_secret_free(MRL_TAKE(p->pin));
    if (p->fd != MRL_SANDBOX_SIGNER) {
        if (dup3(p->fd, MRL_SANDBOX_SIGNER, O_CLOEXEC) < 0)
            return mrl_fail(why, MRL_ERR_IO, "the socket to merlon-unlock: %m");
        (void)close(p->fd); /* there is another one of it */
        p->fd = MRL_SANDBOX_SIGNER;
    }
    p->held = true;
    return MRL_OK;
}

mrl_err mrl_unlock_process_sign(struct mrl_unlock_process *p, mrl_bytes reference, mrl_bytes data,
                                struct mrl_buf *out, struct mrl_why *why)
{
    struct mrl_unlock_request q = request_of(p, MRL_UNLOCK_SIGN, reference);
    MRL_AUTO(mrl_secret) memory = NULL;
    struct mrl_unlock_answer a;

    q.data = data;
    MRL_TRY(ask_this(p, &q, &memory, &a, why));
    return mrl_buf_append(out, a.content);
}
