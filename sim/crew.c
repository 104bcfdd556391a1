/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/crew.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct process {
    pid_t pid;
    int fd;
};

struct mrl_sim_crew {
    const struct mrl_sim_plan *plan;
    struct mrl_sim_board *boards; /* shared with the processes */
    struct process *processes;
    unsigned count;
};

static size_t boards_size(const struct mrl_sim_plan *plan)
{
    return plan->members * sizeof(struct mrl_sim_board);
}

static void become_member(const struct mrl_sim_crew *crew, int fd)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* cannot fail with a valid signal */
    for (unsigned i = 0; i < crew->count; i++)
        (void)close(crew->processes[i].fd);
    _exit(mrl_sim_member_run(crew->plan, crew->count, fd, &crew->boards[crew->count]));
}

static mrl_err start_one(struct mrl_sim_crew *crew, struct mrl_why *why)
{
    int ends[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return mrl_fail(why, MRL_ERR_IO, "socketpair: %s", strerror(errno));
    pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        become_member(crew, ends[1]);
    }
    (void)close(ends[1]);
    if (pid < 0) {
        (void)close(ends[0]);
        return mrl_fail(why, MRL_ERR_IO, "fork: %s", strerror(errno));
    }
    crew->processes[crew->count++] = (struct process){pid, ends[0]};
    return MRL_OK;
}

mrl_err mrl_sim_crew_new(const struct mrl_sim_plan *plan, struct mrl_sim_crew **out,
                         struct mrl_why *why)
{
    MRL_AUTO(mrl_sim_crew) crew = calloc(1, sizeof(*crew));

    if (crew == NULL)
        abort();
    crew->plan = plan;
    crew->processes = calloc(plan->members, sizeof(*crew->processes));
    crew->boards =
        mmap(NULL, boards_size(plan), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (crew->processes == NULL || crew->boards == MAP_FAILED)
        abort();
    for (unsigned i = 0; i < plan->members; i++)
        MRL_TRY(start_one(crew, why));
    *out = MRL_TAKE(crew);
    return MRL_OK;
}

void mrl_sim_crew_free(struct mrl_sim_crew *crew)
{
    if (crew == NULL)
        return;
    for (unsigned i = 0; i < crew->count; i++) /* a member ends with its order socket */
        (void)close(crew->processes[i].fd);
    for (unsigned i = 0; i < crew->count; i++)
        (void)waitpid(crew->processes[i].pid, NULL, 0); /* our own child, waited for once */
    (void)munmap(crew->boards, boards_size(crew->plan));
    free(crew->processes);
    free(crew);
}

mrl_err mrl_sim_crew_order(struct mrl_sim_crew *crew, const struct mrl_sim_order *order,
                           struct mrl_why *why)
{
    for (unsigned i = 0; i < crew->count; i++)
        if (send(crew->processes[i].fd, order, sizeof(*order), MSG_NOSIGNAL) !=
            (ssize_t)sizeof(*order))
            return mrl_fail(why, MRL_ERR_CLOSED, "process %u of the generator is gone", i);
    return MRL_OK;
}

mrl_err mrl_sim_crew_wait(struct mrl_sim_crew *crew, struct mrl_why *why)
{
    struct mrl_sim_answer a;
    mrl_err first = MRL_OK;

    for (unsigned i = 0; i < crew->count; i++) {
        if (recv(crew->processes[i].fd, &a, sizeof(a), 0) != (ssize_t)sizeof(a))
            return mrl_fail(why, MRL_ERR_CLOSED, "process %u of the generator is gone", i);
        if (a.result != MRL_OK && first == MRL_OK)
            first = mrl_fail(why, a.result, "%s", a.why.text);
    }
    return first;
}

static void add(struct mrl_sim_board *to, const struct mrl_sim_board *from)
{
    to->connected += from->connected;
    to->resumed += from->resumed;
    to->sessions_present += from->sessions_present;
    to->lost += from->lost;
    to->scheduled += from->scheduled;
    to->arrived += from->arrived;
    to->received += from->received;
    to->acked += from->acked;
    to->acked_ever += from->acked_ever;
    to->received_ever += from->received_ever;
    mrl_histogram_merge(&to->connecting, &from->connecting);
    mrl_histogram_merge(&to->latency, &from->latency);
    mrl_histogram_merge(&to->acknowledging, &from->acknowledging);
}

void mrl_sim_crew_count(const struct mrl_sim_crew *crew, struct mrl_sim_board *out)
{
    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < crew->count; i++)
        add(out, &crew->boards[i]);
}
