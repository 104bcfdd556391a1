/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keys/text.h"

enum {
    ARGUMENTS_MAX = 32 + MRL_SOURCE_ARGUMENTS,
    TEXT_MAX = 64,
    CHILD_FD = 3,
    START_TIMEOUT_MS = 10000,
    CALL_TIMEOUT_MS = 5000,
    EXIT_NOT_EXECUTED = 127,
};

/* Everything exec needs, made before the fork: between fork and exec nothing is allocated. */
struct command {
    const char *argv[ARGUMENTS_MAX];
    size_t count;
    char texts[MRL_KEYS_KIND_END_ + 2][TEXT_MAX];
    size_t text_count;
    char *environment[2];
};

static void add(struct command *c, const char *name, const char *value)
{
    if (value == NULL)
        return;
    c->argv[c->count++] = name; /* at most 2 + 2 * 12 besides the source: fits */
    c->argv[c->count++] = value;
}

static char *next_text(struct command *c)
{
    return c->texts[c->text_count++];
}

static void add_number(struct command *c, const char *name, uint32_t value)
{
    char *text;

    if (value == 0)
        return;
    text = next_text(c);
    (void)snprintf(text, TEXT_MAX, "%u", value);
    add(c, name, text);
}

static void add_lifetimes(struct command *c, const struct mrl_keys_options *o)
{
    for (size_t kind = MRL_KEYS_DEVICE; kind < MRL_KEYS_KIND_END_; kind++) {
        char *text;

        if (o->max_lifetime_s[kind] == 0)
            continue;
        text = next_text(c);
        (void)snprintf(text, TEXT_MAX, "%s=%llu", mrl_keys_kind_name((enum mrl_keys_kind)kind),
                       (unsigned long long)o->max_lifetime_s[kind]);
        add(c, "--max-lifetime", text);
    }
}

/* The only variable the key process may see. Given; NULL: not set. */
static char *credentials_variable(void)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    char *text = NULL;

    if (folder != NULL && asprintf(&text, "CREDENTIALS_DIRECTORY=%s", folder) < 0)
        abort(); /* memory for one line at start */
    return text;
}

static void make_command(const struct mrl_keys_options *o, struct command *c)
{
    c->argv[c->count++] = o->program;
    c->argv[c->count++] = "serve";
    add(c, "--fd", "3");
    add(c, "--dir", o->dir);
    add(c, "--user", o->user);
    mrl_source_arguments(&o->source, c->argv, &c->count);
    add_lifetimes(c, o);
    add_number(c, "--issue-rate", o->issue_rate);
    add_number(c, "--issue-burst", o->issue_burst);
    add(c, "--revocation-url", o->revocation_url);
    c->environment[0] = credentials_variable();
}

/* In the child: only calls that are safe after fork. */
static void run_child(int fd, const struct command *c)
{
    sigset_t none;

    (void)sigemptyset(&none);
    (void)pthread_sigmask(SIG_SETMASK, &none,
                          NULL); /* the daemon may block what it reads by signalfd */
    if (fd == CHILD_FD ? fcntl(fd, F_SETFD, 0) == 0 : dup2(fd, CHILD_FD) == CHILD_FD)
        (void)execve(c->argv[0], (char *const *)(uintptr_t)c->argv, c->environment);
    _exit(EXIT_NOT_EXECUTED);
}

static mrl_err start(const struct command *c, int *fd, pid_t *pid, struct mrl_why *why)
{
    int pair[2];
    pid_t child;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return mrl_fail(why, MRL_ERR_IO, "no socket for the key process: %m");
    child = fork();
    if (child == 0)
        run_child(pair[1], c);
    (void)close(pair[1]); /* the child's end: its death must show as the end of ours */
    if (child < 0) {
        (void)close(pair[0]); /* unused */
        return mrl_fail(why, MRL_ERR_IO, "no key process: fork: %m");
    }
    *fd = pair[0];
    *pid = child;
    return MRL_OK;
}

/* Says more about a process that ended before it was ready. It is left for the client to reap. */
static mrl_err explain_end(const struct mrl_keys_options *o, pid_t pid, struct mrl_why *why)
{
    siginfo_t end = {0};

    if (waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT) != 0)
        return mrl_fail(why, MRL_ERR_CLOSED, "the key process %s ended at start", o->program);
    if (end.si_code == CLD_EXITED && end.si_status == EXIT_NOT_EXECUTED)
        return mrl_fail(why, MRL_ERR_CLOSED, "%s cannot be executed", o->program);
    if (end.si_code == CLD_EXITED)
        return mrl_fail(why, MRL_ERR_CLOSED,
                        "the key process refused to start with the keystore %s: its log line says "
                        "why",
                        o->dir);
    return mrl_fail(why, MRL_ERR_CLOSED, "the key process was ended at start by signal %d",
                    end.si_status);
}

static mrl_err wait_ready(const struct mrl_keys_options *o, struct mrl_keys_client *c,
                          struct mrl_why *why)
{
    MRL_SCOPED(mrl_keys_info) info = {0};
    mrl_err err = mrl_keys_info_get(c, &info, why);

    if (err == MRL_ERR_CLOSED)
        return explain_end(o, mrl_keys_client_pid(c), why);
    MRL_TRY(err);
    mrl_keys_client_set_timeout(c, o->call_timeout_ms > 0 ? o->call_timeout_ms : CALL_TIMEOUT_MS);
    return MRL_OK;
}

mrl_err mrl_keys_spawn(const struct mrl_keys_options *o, struct mrl_keys_client **out,
                       struct mrl_why *why)
{
    MRL_AUTO(mrl_keys_client) client = NULL;
    struct command command = {0};
    mrl_err err;
    pid_t pid = -1;
    int fd = -1;

    make_command(o, &command);
    err = start(&command, &fd, &pid, why);
    free(command.environment[0]);
    MRL_TRY(err);
    MRL_TRY(mrl_keys_client_new(
        fd, pid, o->start_timeout_ms > 0 ? o->start_timeout_ms : START_TIMEOUT_MS, &client));
    MRL_TRY(wait_ready(o, client, why));
    *out = MRL_TAKE(client);
    return MRL_OK;
}
