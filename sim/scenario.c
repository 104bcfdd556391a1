/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/scenario.h"

#include <string.h>
#include <time.h>

#include "sim/proc.h"

#define SECOND UINT64_C(1000000000)
enum {
    HEAD_START_MS = 200, /* from an order to its first message: all processes have it by then */
    SETTLE_MS = 300,
    BOTH = MRL_SIM_PUBLISHERS | MRL_SIM_SUBSCRIBERS,
    EVERYONE = 1 << 30, /* as a window: all at once */
};

static void sleep_until(uint64_t ns)
{
    const struct timespec when = {(time_t)(ns / SECOND), (long)(ns % SECOND)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) != 0)
        ; /* interrupted */
}

static void settle(void)
{
    sleep_until(mrl_sim_now_ns() + SETTLE_MS * UINT64_C(1000000));
}

/* ---- the server's side ---- */

struct use {
    double cpu_s;
    double private_bytes;
    uint64_t at_ns;
};

static mrl_err read_use(const struct mrl_sim_options *o, struct use *out, struct mrl_why *why)
{
    struct use all = {.at_ns = mrl_sim_now_ns()};

    for (unsigned i = 0; i < o->server_count; i++) {
        struct mrl_proc_use one;

        if (mrl_proc_read(o->servers[i], &one) != MRL_OK)
            return mrl_fail(why, MRL_ERR_NOT_FOUND, "the server with pid %d is gone",
                            (int)o->servers[i]);
        all.cpu_s += one.cpu_s;
        all.private_bytes += (double)one.private_bytes;
    }
    *out = all;
    return MRL_OK;
}

static void add_cost(struct mrl_report *r, const char *name, const struct use *from,
                     const struct use *to, double operations)
{
    double cpu = to->cpu_s - from->cpu_s, wall = (double)(to->at_ns - from->at_ns) / 1e9;

    mrl_report_add(r, "seconds", wall);
    mrl_report_add(r, name, operations / wall);
    mrl_report_add(r, "server_cpu_s", cpu);
    mrl_report_add(r, "server_cpu_us_each", operations > 0 ? cpu * 1e6 / operations : 0);
    mrl_report_add(r, "per_server_cpu_second", cpu > 0 ? operations / cpu : 0);
}

/* ---- connecting ---- */

static mrl_err open_group(struct mrl_sim_crew *crew, const struct mrl_sim_options *o,
                          unsigned groups, bool resume, struct mrl_why *why)
{
    const struct mrl_sim_order order = {
        .what = MRL_SIM_OPEN, .groups = groups, .window = o->window, .resume = resume};

    MRL_TRY(mrl_sim_crew_order(crew, &order, why));
    return mrl_sim_crew_wait(crew, why);
}

static mrl_err close_group(struct mrl_sim_crew *crew, unsigned groups, struct mrl_why *why)
{
    const struct mrl_sim_order order = {.what = MRL_SIM_CLOSE, .groups = groups};

    MRL_TRY(mrl_sim_crew_order(crew, &order, why));
    MRL_TRY(mrl_sim_crew_wait(crew, why));
    settle();
    return MRL_OK;
}

static mrl_err connect_rounds(struct mrl_sim_crew *crew, const struct mrl_sim_options *o,
                              bool resume, struct mrl_report *report, struct mrl_why *why)
{
    struct use from = {0}, to, all_from = {0}, all_to = {0};
    static struct mrl_sim_board sum, one; /* too large for a stack */

    for (unsigned i = 0; i < o->rounds; i++) {
        MRL_TRY(read_use(o, &from, why));
        MRL_TRY(open_group(crew, o, BOTH, resume, why));
        MRL_TRY(read_use(o, &to, why));
        mrl_sim_crew_count(crew, &one);
        sum.connected += one.connected;
        sum.resumed += one.resumed;
        mrl_histogram_merge(&sum.connecting, &one.connecting);
        all_to.cpu_s += to.cpu_s - from.cpu_s; /* closing is not in it */
        all_to.at_ns += to.at_ns - from.at_ns;
        MRL_TRY(close_group(crew, BOTH, why));
    }
    if (sum.resumed != (resume ? sum.connected : 0))
        return mrl_fail(why, MRL_ERR_STATE, "%llu of %llu handshakes were resumptions",
                        (unsigned long long)sum.resumed, (unsigned long long)sum.connected);
    add_cost(report, "connects_per_second", &all_from, &all_to, (double)sum.connected);
    mrl_report_add(report, "connected", (double)sum.connected);
    mrl_report_add(report, "resumed", (double)sum.resumed);
    mrl_report_add_times(report, "connect", &sum.connecting);
    return MRL_OK;
}

static mrl_err run_connect_full(struct mrl_sim_crew *crew, const struct mrl_sim_options *o,
                                struct mrl_report *report, struct mrl_why *why)
{
    return connect_rounds(crew, o, /*resume=*/false, report, why);
}

static mrl_err run_connect_resumed(struct mrl_sim_crew *crew, const struct mrl_sim_options *o,
                                   struct mrl_report *report, struct mrl_why *why)
{
    MRL_TRY(open_group(crew, o, BOTH, /*resume=*/false, why));
    MRL_TRY(close_group(crew, BOTH, why));
    return connect_rounds(crew, o, /*resume=*/true, report, why);
}

static mrl_err run_storm(struct mrl_sim_crew *crew, const struct mrl_sim_options *o,
                         struct mrl_report *report, struct mrl_why *why)
{
    struct mrl_sim_order order = {
        .what = MRL_SIM_OPEN, .groups = BOTH, .window = EVERYONE, .resume = true, .retry = true};
    static struct mrl_sim_board board; /* too large for a stack */
    struct use from, to;

    MRL_TRY(open_group(crew, o, BOTH, /*resume=*/false, why));
    MRL_TRY(close_group(crew, BOTH, why));
    order.rate = o->rate;
    order.start_ns = mrl_sim_now_ns() + HEAD_START_MS * UINT64_C(1000000);
    MRL_TRY(read_use(o, &from, why));
    MRL_TRY(mrl_sim_crew_order(crew, &order, why));
    MRL_TRY(mrl_sim_crew_wait(crew, why));
    MRL_TRY(read_use(o, &to, why));
    mrl_sim_crew_count(crew, &board);
    add_cost(report, "connects_per_second", &from, &to, (double)board.connected);
    mrl_report_add(report, "resumed", (double)board.resumed);
    mrl_report_add(report, "turned_away", (double)board.lost);
    mrl_report_add_times(report, "connect", &board.connecting);
    return MRL_OK;
}

static mrl_err wait_and_read(const struct mrl_sim_options *o, struct use *out, struct mrl_why *why)
{
    sleep_until(mrl_sim_now_ns() + (uint64_t)(o->seconds * 1e9));
    return read_use(o, out, why);
}

/* Publishers are there before: what a server sets up once is not counted. */
static mrl_err run_idle(struct mrl_sim_crew *crew, const struct mrl_sim_options *o,
                        struct mrl_report *report, struct mrl_why *why)
{
    double clients = o->subscribers;
    struct use before, opened, from, to;

    if (o->subscribers == 0)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "idle counts what --subscribers cost: there are none");
    MRL_TRY(open_group(crew, o, MRL_SIM_PUBLISHERS, /*resume=*/false, why));
    MRL_TRY((o->publishers > 0 ? wait_and_read : read_use)(o, &before, why));
    MRL_TRY(open_group(crew, o, MRL_SIM_SUBSCRIBERS, /*resume=*/false, why));
    MRL_TRY(read_use(o, &opened, why));
    settle();
    MRL_TRY(read_use(o, &from, why));
    MRL_TRY(wait_and_read(o, &to, why));
    mrl_report_add(report, "clients", clients);
    mrl_report_add(report, "connect_cpu_us_each", (opened.cpu_s - before.cpu_s) * 1e6 / clients);
    mrl_report_add(report, "private_bytes_each",
                   (to.private_bytes - before.private_bytes) / clients);
    mrl_report_add(report, "idle_cpu_ms_per_second",
                   (to.cpu_s - from.cpu_s) * 1e12 / (double)(to.at_ns - from.at_ns));
    return close_group(crew, BOTH, why);
}

/* ---- messages ---- */

static mrl_err publish(struct mrl_sim_crew *crew, const struct mrl_sim_options *o, double rate,
                       struct use *from, struct use *to, struct mrl_why *why)
{
    struct mrl_sim_order order = {.what = MRL_SIM_PUBLISH, .window = o->window, .rate = rate};

    order.start_ns = mrl_sim_now_ns() + HEAD_START_MS * UINT64_C(1000000);
    order.count_from_ns = order.start_ns + (uint64_t)(o->warm_s * 1e9);
    order.count_to_ns = order.count_from_ns + (uint64_t)(o->seconds * 1e9);
    MRL_TRY(mrl_sim_crew_order(crew, &order, why));
    sleep_until(order.count_from_ns);
    MRL_TRY(read_use(o, from, why));
    sleep_until(order.count_to_ns);
    MRL_TRY(read_use(o, to, why));
    return mrl_sim_crew_wait(crew, why);
}

static mrl_err run_messages(struct mrl_sim_crew *crew, const struct mrl_sim_options *o,
                            struct mrl_report *report, struct mrl_why *why)
{
    static struct mrl_sim_board board; /* too large for a stack */
    struct use from, to;
    double receivers = 1;

    if (strcmp(o->scenario, "fan-out") == 0)
        receivers = o->subscribers;
    MRL_TRY(open_group(crew, o, MRL_SIM_SUBSCRIBERS, /*resume=*/false, why));
    MRL_TRY(open_group(crew, o, MRL_SIM_PUBLISHERS, /*resume=*/false, why));
    settle();
    MRL_TRY(publish(crew, o, o->rate, &from, &to, why));
    mrl_sim_crew_count(crew, &board);
    mrl_report_add(report, "offered_per_second", o->rate);
    add_cost(report, "received_per_second", &from, &to, (double)board.received);
    mrl_report_add(report, "missing", (double)board.scheduled * receivers - (double)board.arrived);
    mrl_report_add(report, "lost_connections", (double)board.lost);
    mrl_report_add_times(report, "latency", &board.latency);
    mrl_report_add_times(report, "ack", &board.acknowledging);
    return MRL_OK;
}

static mrl_err run_publish(struct mrl_sim_crew *crew, const struct mrl_sim_options *o,
                           struct mrl_report *report, struct mrl_why *why)
{
    static struct mrl_sim_board board; /* too large for a stack */
    struct use from, to;

    MRL_TRY(open_group(crew, o, MRL_SIM_PUBLISHERS, /*resume=*/false, why));
    settle();
    MRL_TRY(publish(crew, o, o->rate, &from, &to, why));
    mrl_sim_crew_count(crew, &board);
    mrl_report_add(report, "offered_per_second", o->rate);
    add_cost(report, o->qos > 0 ? "acked_per_second" : "sent_per_second", &from, &to,
             (double)(o->qos > 0 ? board.acked : board.scheduled));
    mrl_report_add_times(report, "ack", &board.acknowledging);
    return MRL_OK;
}

static mrl_err come_back(struct mrl_sim_crew *crew, const struct mrl_sim_options *o,
                         struct mrl_why *why)
{
    const struct mrl_sim_order order = {.what = MRL_SIM_LISTEN, .rate = 1};

    MRL_TRY(open_group(crew, o, MRL_SIM_SUBSCRIBERS, /*resume=*/false, why));
    MRL_TRY(mrl_sim_crew_order(crew, &order, why));
    return mrl_sim_crew_wait(crew, why);
}

static mrl_err run_durable(struct mrl_sim_crew *crew, const struct mrl_sim_options *o,
                           struct mrl_report *report, struct mrl_why *why)
{
    static struct mrl_sim_board board, after; /* too large for a stack */
    struct use from, to;

    MRL_TRY(open_group(crew, o, MRL_SIM_SUBSCRIBERS, /*resume=*/false, why));
    MRL_TRY(close_group(crew, MRL_SIM_SUBSCRIBERS, why));
    MRL_TRY(open_group(crew, o, MRL_SIM_PUBLISHERS, /*resume=*/false, why));
    MRL_TRY(publish(crew, o, /*rate=*/0, &from, &to, why));
    mrl_sim_crew_count(crew, &board);
    MRL_TRY(come_back(crew, o, why));
    mrl_sim_crew_count(crew, &after);
    add_cost(report, "acked_per_second", &from, &to, (double)board.acked);
    mrl_report_add(report, "acked", (double)board.acked_ever);
    mrl_report_add(report, "delivered_later", (double)after.received_ever);
    mrl_report_add(report, "missing", (double)board.acked_ever - (double)after.received_ever);
    mrl_report_add_times(report, "ack", &board.acknowledging);
    return MRL_OK;
}

static const struct mrl_sim_scenario scenarios[] = {
    {"connect-full", MRL_SIM_PAIRS, false, run_connect_full},
    {"connect-resumed", MRL_SIM_PAIRS, false, run_connect_resumed},
    {"storm", MRL_SIM_PAIRS, false, run_storm},
    {"idle", MRL_SIM_PAIRS, false, run_idle},
    {"point-to-point", MRL_SIM_PAIRS, false, run_messages},
    {"fan-in", MRL_SIM_FAN_IN, false, run_messages},
    {"fan-out", MRL_SIM_FAN_OUT, false, run_messages},
    {"publish", MRL_SIM_PAIRS, false, run_publish},
    {"durable", MRL_SIM_PAIRS, true, run_durable},
};

const struct mrl_sim_scenario *mrl_sim_scenario_find(const char *name)
{
    for (size_t i = 0; i < MRL_COUNT(scenarios); i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    return NULL;
}
