/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/member.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "sim/schedule.h"

#define SECOND UINT64_C(1000000000)
enum {
    QUIET_MS = 500, /* nothing came for so long: all has arrived */
    QUIET_LOOK_MS = 100,
    DRAIN_MOST_MS = 10000,
    OPEN_PATIENCE_MS = 120000,
    BACKLOG_MOST = 1 << 20, /* of one publisher: what the server does not take waits here */
};

struct client {
    struct mrl_sim_client mqtt;
    struct member *member;
    uint64_t meant_ns; /* when it was to connect */
    uint64_t *sent;    /* ring: times of the unacknowledged, QoS 1 */
    unsigned sent_first, sent_count;
    unsigned turn; /* of its topics */
};

struct member {
    const struct mrl_sim_plan *plan;
    unsigned index;
    struct mrl_sim_board *board;
    struct mrl_sim_net net;
    struct client *clients;
    unsigned count;
    struct mrl_watch orders;
    struct mrl_watch pace; /* timerfd */
    struct mrl_timer quiet;
    struct mrl_sim_order order;
    struct mrl_schedule schedule;
    unsigned next_open; /* OPEN: clients before it were begun */
    unsigned opening;
    uint64_t heard_ns;
    uint64_t deadline_ms;
    uint8_t *payload;
    bool again; /* OPEN: somebody was turned away */
    bool over;
};

enum { RING = 65536 };

uint64_t mrl_sim_now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* fails only for unknown clocks */
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* ---- topics ---- */

void mrl_sim_topic(const struct mrl_sim_plan *plan, unsigned publisher, unsigned turn, char *to,
                   size_t cap)
{
    const char *p = plan->prefix;

    if (plan->topics > 1)
        (void)snprintf(to, cap, "%s/%u/%u", p, publisher, turn);
    else if (plan->shape == MRL_SIM_FAN_OUT)
        (void)snprintf(to, cap, "%s/all", p);
    else if (plan->shape == MRL_SIM_FAN_IN && plan->subscribers > 0)
        (void)snprintf(to, cap, "%s/%u/%u", p, publisher % plan->subscribers, publisher);
    else
        (void)snprintf(to, cap, "%s/%u", p, publisher);
}

void mrl_sim_filter(const struct mrl_sim_plan *plan, unsigned subscriber, char *to, size_t cap)
{
    const char *p = plan->prefix;

    if (plan->shape == MRL_SIM_FAN_OUT)
        (void)snprintf(to, cap, "%s/all", p);
    else if (plan->shape == MRL_SIM_FAN_IN)
        (void)snprintf(to, cap, "%s/%u/+", p, subscriber);
    else
        (void)snprintf(to, cap, "%s/%u", p, subscriber);
}

/* ---- answers ---- */

static void answer(struct member *m, mrl_err result, const char *why)
{
    struct mrl_sim_answer a = {.result = result};

    if (m->order.what == MRL_SIM_END)
        return;
    mrl_why_set(&a.why, "%s", why);
    m->order.what = MRL_SIM_END; /* nothing is under way any more */
    if (write(m->orders.fd, &a, sizeof(a)) != (ssize_t)sizeof(a))
        m->over = true; /* the parent is gone */
}

static bool is_in(const struct member *m, const struct client *c)
{
    unsigned group = c->mqtt.index < m->plan->publishers ? MRL_SIM_PUBLISHERS : MRL_SIM_SUBSCRIBERS;

    return (m->order.groups & group) != 0;
}

/* ---- opening ---- */

static void pace_at(struct member *m, uint64_t at_ns)
{
    const struct itimerspec when = {.it_value = {(time_t)(at_ns / SECOND), (long)(at_ns % SECOND)}};

    (void)timerfd_settime(m->pace.fd, TFD_TIMER_ABSTIME, &when, NULL); /* a valid time */
}

static void open_one(struct member *m, struct client *c, uint64_t meant_ns)
{
    struct mrl_why why = {""};

    if (c->meant_ns == 0) /* who comes again has waited since the first time */
        c->meant_ns = meant_ns;
    if (!m->order.resume)
        mrl_sim_client_forget_ticket(&c->mqtt);
    if (mrl_sim_client_open(&c->mqtt, &why) == MRL_OK)
        m->opening++;
    else
        answer(m, MRL_ERR_IO, why.text);
}

static struct client *next_to_open(struct member *m)
{
    while (m->next_open < m->count && (!is_in(m, &m->clients[m->next_open]) ||
                                       m->clients[m->next_open].mqtt.state != MRL_SIM_CLOSED))
        m->next_open++;
    return m->next_open < m->count ? &m->clients[m->next_open] : NULL;
}

/* Whether the schedule still says who comes next. */
static bool is_paced(const struct member *m)
{
    struct mrl_due due;

    return m->order.rate > 0 && m->schedule.round == 0 && mrl_schedule_next(&m->schedule, &due);
}

/* As many at a time as the window allows. */
static void open_more(struct member *m)
{
    struct client *c;

    while (m->order.what == MRL_SIM_OPEN && !is_paced(m) && m->opening < m->order.window &&
           (c = next_to_open(m)) != NULL) {
        m->next_open++;
        open_one(m, c, mrl_sim_now_ns());
    }
    if (m->order.what == MRL_SIM_OPEN && m->opening == 0 && !m->again && !is_paced(m) &&
        next_to_open(m) == NULL)
        answer(m, MRL_OK, "");
}

/* At a fixed rate, whatever the server does. */
static void open_due(struct member *m)
{
    struct mrl_due due;

    while (m->order.what == MRL_SIM_OPEN && mrl_schedule_next(&m->schedule, &due) &&
           m->schedule.round == 0) {
        struct client *c = &m->clients[due.client / m->plan->members];

        if (due.at_ns > mrl_sim_now_ns()) {
            pace_at(m, due.at_ns);
            return;
        }
        mrl_schedule_done(&m->schedule);
        m->next_open = due.client / m->plan->members + 1;
        if (is_in(m, c) && c->mqtt.state == MRL_SIM_CLOSED)
            open_one(m, c, due.at_ns);
    }
    open_more(m);
}

static void on_open_order(struct member *m)
{
    memset(m->board, 0, sizeof(*m->board));
    m->next_open = 0;
    m->opening = 0;
    m->again = false;
    for (unsigned i = 0; i < m->count; i++)
        m->clients[i].meant_ns = 0;
    m->deadline_ms = mrl_loop_now(m->net.loop) + OPEN_PATIENCE_MS;
    mrl_loop_timer(m->net.loop, &m->quiet, QUIET_LOOK_MS);
    m->schedule = (struct mrl_schedule){.start_ns = m->order.start_ns,
                                        .rate = m->order.rate,
                                        .clients = m->plan->publishers + m->plan->subscribers,
                                        .members = m->plan->members,
                                        .member = m->index};
    if (m->order.rate > 0)
        open_due(m);
    else
        open_more(m);
}

static void on_ready(struct mrl_sim_client *mqtt)
{
    struct client *c = MRL_CONTAINER(mqtt, struct client, mqtt);
    struct member *m = c->member;

    m->board->connected++;
    m->board->resumed += mqtt->resumed;
    m->board->sessions_present += mqtt->session_present;
    mrl_histogram_add(&m->board->connecting, mrl_sim_now_ns() - c->meant_ns);
    if (m->opening > 0)
        m->opening--;
    open_more(m);
}

static void on_ended(struct mrl_sim_client *mqtt, const char *why)
{
    struct member *m = MRL_CONTAINER(mqtt, struct client, mqtt)->member;
    struct mrl_why text;

    m->board->lost++;
    if (m->order.what == MRL_SIM_OPEN && m->order.retry) {
        m->opening--;
        m->again = true;
        return;
    }
    mrl_why_set(&text, "client %s: %s", mqtt->identity->name, why);
    answer(m, MRL_ERR_CLOSED, text.text);
}

/* ---- publishing ---- */

static bool in_window(const struct member *m, uint64_t ns)
{
    return ns >= m->order.count_from_ns && ns < m->order.count_to_ns;
}

static void publish(struct member *m, struct client *c, uint64_t meant_ns)
{
    struct mrl_writer w = mrl_writer_on(m->payload, MRL_SIM_PAYLOAD_LEAST);
    char topic[64];

    mrl_sim_topic(m->plan, c->mqtt.index, c->turn, topic, sizeof(topic));
    c->turn = (c->turn + 1) % m->plan->topics;
    mrl_put_u64(&w, meant_ns);
    if (m->plan->qos > 0) {
        if (c->sent == NULL && (c->sent = calloc(RING, sizeof(*c->sent))) == NULL)
            abort();
        c->sent[(c->sent_first + c->sent_count++) % RING] = meant_ns;
    }
    if (in_window(m, meant_ns))
        m->board->scheduled++;
    mrl_sim_client_publish(&c->mqtt, mrl_str(topic), mrl_bytes_of(m->payload, m->plan->payload),
                           m->plan->qos, m->plan->retain);
}

static void wait_for_quiet(struct member *m)
{
    m->heard_ns = mrl_sim_now_ns();
    m->deadline_ms = mrl_loop_now(m->net.loop) + DRAIN_MOST_MS;
    mrl_loop_timer(m->net.loop, &m->quiet, QUIET_LOOK_MS);
}

static void publish_due(struct member *m)
{
    struct mrl_due due;

    while (m->order.what == MRL_SIM_PUBLISH && mrl_schedule_next(&m->schedule, &due)) {
        struct client *c = &m->clients[due.client / m->plan->members];

        if (due.at_ns >= m->order.count_to_ns) {
            wait_for_quiet(m);
            return;
        }
        if (due.at_ns > mrl_sim_now_ns()) {
            pace_at(m, due.at_ns);
            return;
        }
        mrl_schedule_done(&m->schedule);
        if (c->sent_count == RING || mrl_sim_client_backlog(&c->mqtt) > BACKLOG_MOST) {
            answer(m, MRL_ERR_BUSY, "the server does not take what is offered");
            return;
        }
        publish(m, c, due.at_ns);
    }
}

static void fill_window(struct member *m, struct client *c)
{
    uint64_t now = mrl_sim_now_ns();

    while (m->order.what == MRL_SIM_PUBLISH && m->order.rate <= 0 && now < m->order.count_to_ns &&
           c->sent_count < m->order.window)
        publish(m, c, now);
}

static void on_publish_order(struct member *m)
{
    struct mrl_histogram connecting = m->board->connecting;

    memset(m->board, 0, sizeof(*m->board));
    m->board->connecting = connecting;
    m->schedule = (struct mrl_schedule){.start_ns = m->order.start_ns,
                                        .rate = m->order.rate,
                                        .clients = m->plan->publishers,
                                        .members = m->plan->members,
                                        .member = m->index};
    if (m->order.rate > 0 && m->index < m->plan->publishers) {
        publish_due(m);
        return;
    }
    for (unsigned i = 0; i < m->count; i++)
        if (m->clients[i].mqtt.index < m->plan->publishers)
            fill_window(m, &m->clients[i]);
    pace_at(m, m->order.count_to_ns); /* until then others publish */
}

static void on_pace(struct mrl_watch *w, uint32_t events)
{
    struct member *m = MRL_CONTAINER(w, struct member, pace);
    uint64_t ignored;

    (void)events;
    (void)!read(w->fd, &ignored, sizeof(ignored)); /* its only message is that it is readable */
    if (m->order.what == MRL_SIM_OPEN)
        open_due(m);
    else if (m->order.what == MRL_SIM_PUBLISH && m->order.rate > 0 &&
             m->index < m->plan->publishers)
        publish_due(m);
    else if (m->order.what == MRL_SIM_PUBLISH || m->order.what == MRL_SIM_LISTEN)
        wait_for_quiet(m);
}

static bool is_quiet(const struct member *m)
{
    if (m->order.rate <= 0) /* a closed loop ends with its last answer */
        for (unsigned i = 0; i < m->count; i++)
            if (m->clients[i].sent_count > 0)
                return false;
    return mrl_sim_now_ns() - m->heard_ns >= (uint64_t)QUIET_MS * 1000000;
}

static void on_quiet(struct mrl_timer *t)
{
    struct member *m = MRL_CONTAINER(t, struct member, quiet);
    bool late = mrl_loop_now(m->net.loop) >= m->deadline_ms;

    if (m->order.what == MRL_SIM_OPEN && m->again) {
        m->again = false;
        m->next_open = 0;
        open_more(m);
    }
    if (m->order.what == MRL_SIM_END)
        return;
    if (m->order.what == MRL_SIM_OPEN && late)
        answer(m, MRL_ERR_TIMEOUT, "not all clients were answered in time");
    else if (m->order.what != MRL_SIM_OPEN && (late || is_quiet(m)))
        answer(m, MRL_OK, "");
    else
        mrl_loop_timer(m->net.loop, t, QUIET_LOOK_MS);
}

static void on_received(struct mrl_sim_client *mqtt, mrl_bytes payload)
{
    struct member *m = MRL_CONTAINER(mqtt, struct client, mqtt)->member;
    struct mrl_reader r = {payload, 0};
    uint64_t meant, now = mrl_sim_now_ns();

    if (mrl_read_u64(&r, &meant) != MRL_OK)
        return; /* not of ours */
    m->heard_ns = now;
    m->board->received_ever++;
    m->board->received += in_window(m, now);
    if (in_window(m, meant)) {
        m->board->arrived++;
        mrl_histogram_add(&m->board->latency, now > meant ? now - meant : 0);
    }
}

static void on_acked(struct mrl_sim_client *mqtt)
{
    struct client *c = MRL_CONTAINER(mqtt, struct client, mqtt);
    struct member *m = c->member;
    uint64_t meant, now = mrl_sim_now_ns();

    if (c->sent_count == 0)
        return;
    meant = c->sent[c->sent_first];
    c->sent_first = (c->sent_first + 1) % RING;
    c->sent_count--;
    m->heard_ns = now;
    m->board->acked_ever++;
    m->board->acked += in_window(m, now);
    if (in_window(m, meant))
        mrl_histogram_add(&m->board->acknowledging, now - meant);
    fill_window(m, c);
}

/* ---- closing ---- */

static void on_close_order(struct member *m)
{
    for (unsigned i = 0; i < m->count; i++) {
        if (!is_in(m, &m->clients[i]))
            continue;
        mrl_sim_client_close(&m->clients[i].mqtt, /*politely=*/true);
        m->clients[i].sent_count = 0;
    }
    answer(m, MRL_OK, "");
}

/* ---- life ---- */

static void obey(struct member *m)
{
    switch (m->order.what) {
    case MRL_SIM_OPEN:
        on_open_order(m);
        break;
    case MRL_SIM_PUBLISH:
        on_publish_order(m);
        break;
    case MRL_SIM_LISTEN:
        wait_for_quiet(m);
        break;
    case MRL_SIM_CLOSE:
        on_close_order(m);
        break;
    case MRL_SIM_END:
        m->over = true;
        break;
    }
}

static void on_order(struct mrl_watch *w, uint32_t events)
{
    struct member *m = MRL_CONTAINER(w, struct member, orders);

    (void)events;
    if (read(w->fd, &m->order, sizeof(m->order)) != (ssize_t)sizeof(m->order))
        m->over = true; /* the parent is gone */
    else
        obey(m);
}

static const struct mrl_sim_events events = {
    .ready = on_ready, .received = on_received, .acked = on_acked, .ended = on_ended};

static void make_client(struct member *m, struct client *c, unsigned index)
{
    bool subscribes = index >= m->plan->publishers;

    c->member = m;
    c->mqtt.net = &m->net;
    c->mqtt.identity = &m->plan->identities->each[index];
    c->mqtt.index = index;
    c->mqtt.qos = m->plan->qos;
    if (!subscribes)
        return;
    c->mqtt.persistent = m->plan->persistent;
    if (m->plan->publishers > 0)
        mrl_sim_filter(m->plan, index - m->plan->publishers, c->mqtt.filter,
                       sizeof(c->mqtt.filter));
}

static void make_clients(struct member *m)
{
    unsigned all = m->plan->publishers + m->plan->subscribers;

    m->clients = calloc(all / m->plan->members + 1, sizeof(*m->clients));
    m->payload = calloc(1, m->plan->payload);
    if (m->clients == NULL || m->payload == NULL)
        abort();
    for (unsigned i = m->index; i < all; i += m->plan->members)
        make_client(m, &m->clients[m->count++], i);
}

static mrl_err start(struct member *m, int fd, struct mrl_why *why)
{
    m->net.broker = m->plan->broker;
    m->net.sources = m->plan->sources;
    m->net.version = m->plan->version;
    m->net.events = &events;
    MRL_TRY(mrl_sim_net_init(&m->net, m->plan->roots_pem, why));
    make_clients(m);
    m->quiet.fire = on_quiet;
    m->order.what = MRL_SIM_END;
    m->orders = (struct mrl_watch){.fd = fd, .ready = on_order};
    m->pace = (struct mrl_watch){.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                                 .ready = on_pace};
    if (m->pace.fd < 0)
        return mrl_fail(why, MRL_ERR_IO, "no timer");
    MRL_TRY(mrl_loop_add(m->net.loop, &m->pace, EPOLLIN));
    return mrl_loop_add(m->net.loop, &m->orders, EPOLLIN);
}

static void finish(struct member *m)
{
    for (unsigned i = 0; i < m->count; i++) {
        mrl_sim_client_done(&m->clients[i].mqtt);
        free(m->clients[i].sent);
    }
    free(m->clients);
    free(m->payload);
    mrl_timer_cancel(&m->quiet);
    if (m->pace.fd >= 0)
        (void)close(m->pace.fd);
    mrl_sim_net_done(&m->net);
}

int mrl_sim_member_run(const struct mrl_sim_plan *plan, unsigned index, int fd,
                       struct mrl_sim_board *board)
{
    struct member m = {.plan = plan, .index = index, .board = board, .pace = {.fd = -1}};
    struct mrl_why why = {""};
    mrl_err err;

    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes with write(2) */
    err = start(&m, fd, &why);
    if (err != MRL_OK)
        (void)fprintf(stderr, "merlon-sim: %s\n", why.text);
    while (err == MRL_OK && !m.over)
        err = mrl_loop_turn(m.net.loop, -1);
    finish(&m);
    return err == MRL_OK ? 0 : 1;
}
