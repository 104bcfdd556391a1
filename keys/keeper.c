/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "keys/spawn_internal.h"

enum {
    ACCOUNT_MAX = 16384,
    END_MS = 2000, /* a key process ends with its socket; one that hangs is killed then */
    STEP_MS = 5,
    ANSWER_MS = END_MS + MRL_KEEPER_PAUSE_MS + 2000,
};

struct mrl_keys_keeper {
    int control; /* to that process */
    pid_t pid;
    bool asked; /* and not answered yet */
    unsigned start_timeout_ms, call_timeout_ms;
};

/* What it answers to a byte; the descriptor goes beside it. */
struct answer {
    pid_t pid; /* of the key process; -1: not started */
};

/* --- the other process --- */

static void pause_ms(long ms)
{
    const struct timespec step = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    (void)nanosleep(&step, NULL); /* woken early: only asks sooner */
}

static void wait_for_end(pid_t pid)
{
    for (int waited = 0; pid > 0 && waited < END_MS; waited += STEP_MS) {
        if (waitpid(pid, NULL, WNOHANG) != 0)
            return;
        pause_ms(STEP_MS);
    }
    if (pid <= 0)
        return;
    (void)kill(pid, SIGKILL); /* not reaped yet, so the number is still its own */
    (void)waitpid(pid, NULL, 0);
}

static bool send_answer(int control, const struct answer *a, int fd)
{
    struct iovec part = {(void *)(uintptr_t)a, sizeof(*a)};
    char memory[CMSG_SPACE(sizeof(int))] = {0};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd >= 0) {
        m.msg_control = memory;
        m.msg_controllen = sizeof(memory);
        *CMSG_FIRSTHDR(&m) = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof(fd));
    }
    return sendmsg(control, &m, MSG_NOSIGNAL) == (ssize_t)sizeof(*a);
}

static bool start_one(int control, const struct mrl_key_command *c, pid_t *pid)
{
    struct answer a = {.pid = -1};
    int fd = -1;
    bool sent;

    if (mrl_key_command_start(c, &fd, &a.pid, NULL) != MRL_OK)
        a.pid = -1;
    *pid = a.pid;
    sent = send_answer(control, &a, fd);
    if (fd >= 0)
        (void)close(fd); /* the daemon has it now */
    return sent;
}

/* Until the daemon ends. A daemon that asks without pause gets no more starts by it. */
static void keep(int control, const struct mrl_key_command *c)
{
    pid_t pid = -1;
    char byte;

    while (recv(control, &byte, 1, 0) == 1) {
        wait_for_end(pid);
        if (!start_one(control, c, &pid))
            break;
        pause_ms(MRL_KEEPER_PAUSE_MS);
    }
    wait_for_end(pid);
}

static bool become(const struct passwd *account)
{
    if (account == NULL)
        return true;
    return initgroups(account->pw_name, account->pw_gid) == 0 &&
           setresgid(account->pw_gid, account->pw_gid, account->pw_gid) == 0 &&
           setresuid(account->pw_uid, account->pw_uid, account->pw_uid) == 0;
}

static bool may_read(const char *path)
{
    return path == NULL || access(path, R_OK) == 0;
}

static bool may_read_credential(const char *name)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY"); /* NOLINT(concurrency-mt-unsafe) */
    char path[PATH_MAX];

    if (name == NULL)
        return true;
    return folder != NULL &&
           (size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) < sizeof(path) &&
           may_read(path);
}

static bool may_unlock(const struct mrl_unlock_source *s)
{
    return !s->fd_given && may_read(s->passphrase_file) && may_read(s->pin_file) &&
           may_read_credential(s->credential) && may_read_credential(s->pin_credential);
}

/* Stop signals of a whole group leave the daemon time to sign its last checkpoint. */
static void ignore_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT, SIGUSR1, SIGUSR2};

    for (size_t i = 0; i < MRL_COUNT(signals); i++)
        (void)signal(signals[i], SIG_IGN); /* fails only for signals that do not exist */
}

static _Noreturn void run(int control, const struct mrl_keys_options *o,
                          const struct passwd *account)
{
    struct mrl_key_command command = {0};
    char ready = 1;

    ignore_signals();
    (void)prctl(PR_SET_NAME, "merlon-keeper"); /* cannot fail */
    if (dup2(control, STDIN_FILENO) < 0 || close_range(STDERR_FILENO + 1, ~0U, 0) != 0 ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !become(account) ||
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        _exit(1);
    mrl_key_command_make(o, &command);
    ready = may_unlock(&o->source) ? 1 : 0;
    if (send(STDIN_FILENO, &ready, 1, MSG_NOSIGNAL) == 1 && ready)
        keep(STDIN_FILENO, &command);
    _exit(0);
}

/* --- the daemon's side --- */

static mrl_err find_account(const char *user, char memory[static ACCOUNT_MAX],
                            struct passwd *account, const struct passwd **out, struct mrl_why *why)
{
    struct passwd *found = NULL;

    *out = NULL;
    if (user == NULL || geteuid() != 0)
        return MRL_OK;
    if (getpwnam_r(user, account, memory, ACCOUNT_MAX, &found) != 0 || found == NULL)
        return mrl_fail(why, MRL_ERR_INVALID, "there is no user account named %s", user);
    *out = found;
    return MRL_OK;
}

static mrl_err wait_ready(struct mrl_keys_keeper *k, struct mrl_why *why)
{
    char ready = 0;

    if (recv(k->control, &ready, 1, 0) != 1)
        return mrl_fail(why, MRL_ERR_IO, "the process that starts the key process again ended");
    if (!ready)
        return mrl_fail(why, MRL_ERR_DENIED,
                        "passphrase, credential or PIN are not readable for the keys account: a "
                        "key process that dies takes the daemon with it");
    return MRL_OK;
}

mrl_err mrl_keys_keeper_start(const struct mrl_keys_options *o, struct mrl_keys_keeper **out,
                              struct mrl_why *why)
{
    MRL_AUTO(mrl_keys_keeper) k = calloc(1, sizeof(*k));
    char memory[ACCOUNT_MAX];
    struct mrl_keys_options own = *o;
    const struct passwd *account;
    struct passwd found;
    int pair[2];

    if (k == NULL)
        abort();
    k->control = -1;
    MRL_TRY(find_account(o->user, memory, &found, &account, why));
    own.user = NULL; /* it is that user already */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return mrl_fail(why, MRL_ERR_IO, "no socket for the keeper of the key process: %m");
    k->control = pair[0];
    k->start_timeout_ms = o->start_timeout_ms > 0 ? o->start_timeout_ms : MRL_START_TIMEOUT_MS;
    k->call_timeout_ms = o->call_timeout_ms > 0 ? o->call_timeout_ms : MRL_CALL_TIMEOUT_MS;
    k->pid = fork();
    if (k->pid == 0)
        run(pair[1], &own, account);
    (void)close(pair[1]); /* its end must show as the end of ours */
    if (k->pid < 0)
        return mrl_fail(why, MRL_ERR_IO, "no keeper of the key process: fork: %m");
    MRL_TRY(wait_ready(k, why));
    *out = MRL_TAKE(k);
    return MRL_OK;
}

void mrl_keys_keeper_free(struct mrl_keys_keeper *k)
{
    if (k == NULL)
        return;
    if (k->control >= 0)
        (void)close(k->control); /* the signal to stop */
    wait_for_end(k->pid);
    free(k);
}

static mrl_err receive(int control, struct answer *a, int *fd)
{
    struct iovec part = {a, sizeof(*a)};
    char memory[CMSG_SPACE(sizeof(int))] = {0};
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = memory, .msg_controllen = sizeof(memory)};
    struct pollfd p = {.fd = control, .events = POLLIN};
    struct cmsghdr *c;

    MRL_ENSURE(poll(&p, 1, ANSWER_MS) == 1, MRL_ERR_TIMEOUT);
    MRL_ENSURE(recvmsg(control, &m, MSG_CMSG_CLOEXEC) == (ssize_t)sizeof(*a), MRL_ERR_IO);
    c = CMSG_FIRSTHDR(&m);
    *fd = -1;
    if (c != NULL && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(fd, CMSG_DATA(c), sizeof(*fd));
    return MRL_OK;
}

/* An answer that came too late is that of the next call: what was started waits for a daemon. */
static mrl_err ask(struct mrl_keys_keeper *k, struct answer *a, int *fd, struct mrl_why *why)
{
    char byte = 1;
    mrl_err err = k->asked || send(k->control, &byte, 1, MSG_NOSIGNAL) == 1 ? MRL_OK : MRL_ERR_IO;

    if (err == MRL_OK)
        err = receive(k->control, a, fd);
    k->asked = err == MRL_ERR_TIMEOUT;
    if (err == MRL_ERR_TIMEOUT)
        return mrl_fail(why, err, "the process that starts the key process again does not answer");
    if (err != MRL_OK)
        return mrl_fail(why, err, "the process that starts the key process again is gone");
    if (*fd < 0 || a->pid <= 0)
        return mrl_fail(why, MRL_ERR_CLOSED, "the key process could not be started");
    return MRL_OK;
}

mrl_err mrl_keys_keeper_restart(struct mrl_keys_keeper *k, struct mrl_keys_client *client,
                                struct mrl_why *why)
{
    struct answer a = {.pid = -1};
    int fd = -1;

    mrl_keys_client_hang_up(client);
    MRL_TRY(ask(k, &a, &fd, why));
    return mrl_keys_client_replace(client, fd, a.pid, k->start_timeout_ms, k->call_timeout_ms, why);
}
