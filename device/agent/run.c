/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/run.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/random.h"
#include "device/agent/agent.h"
#include "device/agent/est.h"
#include "wire/mqtt_topic.h"

enum {
    RECONNECT_BASE_MS = 500,
    RECONNECT_CAP_MS = 60000,
    WAIT_MOST = 60000,
    CLOCK_JUMP_MS = 5000,
    HEAD_EVERY_MS = 60000, /* the server takes one in ten seconds */
    TRUST_FIRST_MS = 60000,
    TRUST_EVERY_MS = 86400000, /* a rollover takes weeks */
};

uint32_t mrl_agent_below(void *context, uint32_t bound)
{
    (void)context;
    return mrl_random_below(bound);
}

/* ---- the event log ---- */

void mrl_agent_keep_event(struct mrl_agent *a, const char *event, const char *name,
                          const char *text)
{
    const struct mrl_eventlog_field field = {name, mrl_str(text)};
    struct mrl_why why = {""};

    if (mrl_eventlog_add(&a->events, event, &field, 1, &why) != MRL_OK)
        mrl_log_warn("event.lost", MRL_FIELD_STR("name", event), MRL_FIELD_STR("why", why.text));
}

static int64_t clock_offset(void)
{
    return mrl_wall_ms() - (int64_t)mrl_monotonic_ms();
}

static void watch_clock(struct mrl_agent *a)
{
    int64_t offset = clock_offset(), jump = offset - a->clock_offset_ms;
    char text[32];

    if (jump > -CLOCK_JUMP_MS && jump < CLOCK_JUMP_MS)
        return;
    a->clock_offset_ms = offset;
    mrl_home_look_at_clock(a->home);
    a->ask_at_ms = 0;
    (void)snprintf(text, sizeof(text), "%lld ms", (long long)jump);
    mrl_log_warn("clock.jumped", MRL_FIELD_INT("by_ms", jump));
    mrl_agent_keep_event(a, "clock.jumped", "by", text);
}

/* While the time is not known nothing is done that depends on it: no connection whose server could
 * not be judged, no renewal. */
static void learn_time(struct mrl_agent *a, uint64_t now_ms)
{
    struct mrl_why why = {""};
    char text[MRL_TIME_TEXT];
    mrl_err err;

    if (a->home->clock.known || now_ms < a->ask_at_ms)
        return;
    err = mrl_est_time(a->home, &a->home->clock, &why);
    if (err != MRL_OK) {
        uint32_t wait = merlon_backoff_next(&a->asking, mrl_agent_below, NULL);

        a->ask_at_ms = mrl_monotonic_ms() + wait;
        mrl_log_warn("clock.unknown", MRL_FIELD_STR("why", why.text),
                     MRL_FIELD_INT("retry_ms", wait));
        return;
    }
    mrl_time_format(mrl_device_now_ms(&a->home->clock), text);
    mrl_log_warn("clock.learnt", MRL_FIELD_STR("time", text),
                 MRL_FIELD_INT("ahead_ms", a->home->clock.ahead_ms));
    mrl_agent_keep_event(a, "clock.learnt", "time", text);
}

/* The head goes to the server, which anchors it: from then on a cut or exchanged log shows. */
static void tell_head(struct mrl_agent *a, uint64_t now_ms)
{
    static const char topic[] = "$merlon/log/head";
    const struct mrl_eventlog_walk *at = &a->events.at;
    char hash[2 * MRL_SHA256_SIZE + 1], text[160];
    struct merlon_message m = {.topic = topic, .topic_len = strlen(topic), .qos = 1};
    uint16_t id;

    if (!mrl_link_is_up(&a->link) || at->seq == a->head_seq || now_ms < a->head_at_ms)
        return;
    mrl_hex(mrl_bytes_of(at->head, sizeof(at->head)), hash);
    (void)snprintf(text, sizeof(text), "{\"hash\":\"%s\",\"seq\":%" PRIu64 "}", hash,
                   at->seq); /* fits: a number and a hash */
    m.payload = text;
    m.payload_len = strlen(text);
    if (merlon_client_publish(&a->link.client, &m, &id) != MERLON_OK)
        return; /* full: the next turn */
    a->head_seq = at->seq;
    a->head_at_ms = now_ms + HEAD_EVERY_MS;
}

/* ---- readings ---- */

static void pump(struct mrl_agent *a)
{
    struct mrl_queue_item *item;

    while (mrl_link_is_up(&a->link) && (item = mrl_queue_next(&a->queue)) != NULL) {
        const struct merlon_message m = {.topic = a->readings_topic,
                                         .topic_len = strlen(a->readings_topic),
                                         .payload = item->data,
                                         .payload_len = item->len,
                                         .qos = 1};
        enum merlon_status s =
            item->packet_id != 0 ? merlon_client_publish_again(&a->link.client, &m, item->packet_id)
                                 : merlon_client_publish(&a->link.client, &m, &item->packet_id);

        if (s == MERLON_FULL)
            return;
        item->sent = true;
        if (s != MERLON_OK) { /* will never go: too large for this server, or no QoS 1 there */
            mrl_log_warn("reading.dropped", MRL_FIELD_STR("why", merlon_status_name(s)));
            item->done = true;
        }
    }
}

static void sample(struct mrl_agent *a, uint64_t now_ms)
{
    uint8_t memory[MRL_QUEUE_ITEM_MAX];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    uint64_t dropped = a->queue.dropped;
    struct mrl_readings r;
    mrl_bytes json;

    if (a->wiping.taken || now_ms < a->sample_at_ms)
        return;
    a->sample_at_ms += a->interval_ms;
    if (a->sample_at_ms <= now_ms) /* the machine slept: do not catch up */
        a->sample_at_ms = now_ms + a->interval_ms;
    mrl_readings_take(&a->sampler, &r);
    mrl_readings_write(&r, &w);
    if (mrl_writer_end(&w, &json) != MRL_OK || !mrl_queue_add(&a->queue, json))
        mrl_log_error("reading.lost", MRL_FIELD_INT("sequence", r.sequence));
    if (a->queue.dropped > dropped && a->queue.dropped % 60 == 1)
        mrl_log_warn("readings.dropped", MRL_FIELD_INT("total", a->queue.dropped));
}

/* ---- what the connection tells ---- */

static uint16_t listen_to(struct mrl_agent *a, const char *filter, uint8_t qos)
{
    uint16_t id = 0;

    if (merlon_client_subscribe(&a->link.client, filter, qos, &id) != MERLON_OK)
        mrl_log_warn("commands.unheard", MRL_FIELD_STR("filter", filter));
    return id;
}

/* A retired device may take its order, and every other request is a denial in the server's log. */
static void greet(struct mrl_agent *a)
{
    if (a->greeted || a->wiping.taken || a->wipe_asked != 0 || !mrl_link_is_up(&a->link))
        return;
    a->greeted = true;
    a->reconnect.tries = 0;
    (void)listen_to(a, a->commands_filter, 1); /* asked once a connection, whatever comes */
    (void)listen_to(a, a->renew_topic, 1);
}

static void on_connected(void *context, bool session_present)
{
    struct mrl_agent *a = context;

    mrl_queue_rewind(&a->queue, session_present);
    a->greeted = false;
    a->wipe_asked = listen_to(a, a->wiping.topic, 0);
    mrl_wiping_connected(&a->wiping);
    a->seen_server = true;
    a->down = MRL_OK;
    a->head_at_ms = a->head_seq = 0; /* whether the last one arrived is not known */
    mrl_agent_keep_event(a, "connection.up", "server", a->home->settings.mqtt);
    mrl_log_info("connection.up", MRL_FIELD_STR("server", a->home->settings.mqtt),
                 MRL_FIELD_STR("tls", mrl_tls_facts(a->link.tls)->cipher),
                 MRL_FIELD_INT("session_present", session_present));
}

/* ---- the end: device/agent/wiping.h ---- */

static void on_wipe_order(struct mrl_agent *a, mrl_bytes payload)
{
    struct mrl_why why = {""};

    if (mrl_wiping_take(&a->wiping, payload, &a->home->identity, &why) != MRL_OK) {
        mrl_log_warn("wipe.not_taken", MRL_FIELD_STR("why", why.text));
        return;
    }
    mrl_log_warn("wipe.ordered", MRL_FIELD_STR("order", a->wiping.order.number));
}

/* From now on the folder says what is left to do: main.c does it when no file is open any more. */
static void end_when_due(struct mrl_agent *a)
{
    struct mrl_why why = {""};

    if (!mrl_wiping_is_due(&a->wiping))
        return;
    if (mrl_wiping_end(&a->wiping, &why) != MRL_OK) {
        mrl_log_error("disk.failed", MRL_FIELD_STR("why", why.text));
        return;
    }
    mrl_log_warn(a->wiping.answered ? "wipe.answered" : "wipe.unanswered",
                 MRL_FIELD_STR("order", a->wiping.order.number));
    a->stopping = true;
}

/* ---- what comes over the connection ---- */

static void on_message(void *context, const struct merlon_message *m)
{
    enum { SHOWN = 256 };
    mrl_bytes payload = mrl_bytes_of(m->payload, m->payload_len);
    mrl_bytes topic = mrl_bytes_of(m->topic, m->topic_len);
    struct mrl_agent *a = context;

    if (mrl_bytes_eq(topic, mrl_str(a->wiping.topic)))
        on_wipe_order(a, payload);
    else if (mrl_bytes_eq(topic, mrl_str(a->renew_topic)))
        mrl_agent_on_renewal_message(a, payload);
    else
        mrl_log_info("command.received", MRL_FIELD("topic", topic),
                     MRL_FIELD_INT("bytes", payload.len),
                     MRL_FIELD("payload", mrl_bytes_sub(payload, 0, SHOWN)));
}

static void on_acknowledged(void *context, uint16_t packet_id, uint8_t reason)
{
    struct mrl_agent *a = context;

    if (packet_id == a->wipe_asked)
        a->wipe_asked = 0;
    else if (!mrl_wiping_acknowledge(&a->wiping, packet_id, reason))
        (void)mrl_queue_acknowledge(&a->queue, packet_id); /* false: a subscription, or dropped */
    if (reason >= 0x80)
        mrl_log_warn("request.refused", MRL_FIELD_INT("reason", reason));
}

/* ---- trust ---- */

/* Connects again when the bundle changed: CONNECT tells the server which one we have. */
static void check_trust(struct mrl_agent *a, uint64_t now_ms)
{
    struct mrl_why why = {""};
    bool changed = false;

    if (a->wiping.taken || now_ms < a->trust_at_ms)
        return;
    a->trust_at_ms = now_ms + TRUST_EVERY_MS;
    if (mrl_est_refresh_trust(a->home, &changed, &why) != MRL_OK) {
        mrl_log_warn("trust.not_checked", MRL_FIELD_STR("why", why.text));
        return;
    }
    if (!changed)
        return;
    mrl_agent_keep_event(a, "trust.changed", "bundle", a->home->bundle);
    mrl_log_info("trust.changed", MRL_FIELD_STR("bundle", a->home->bundle));
    if (!a->trial) {
        mrl_link_close(&a->link, now_ms);
        a->open_at_ms = now_ms;
    }
}

/* ---- the connection ---- */

static void lose(struct mrl_agent *a, mrl_err err, const struct mrl_why *why)
{
    uint64_t now_ms = mrl_monotonic_ms();
    uint32_t wait = merlon_backoff_next(&a->reconnect, mrl_agent_below, NULL);

    /* Counted only when the server showed who it is: others on the way can refuse as well. */
    mrl_wiping_disconnected(&a->wiping, err == MRL_ERR_AUTH && a->link.shaken);
    mrl_link_close(&a->link, now_ms);
    mrl_log_warn("connection.down", MRL_FIELD_STR("class", mrl_err_name(err)),
                 MRL_FIELD_STR("why", why->text), MRL_FIELD_INT("retry_ms", wait));
    a->open_at_ms = now_ms + wait;
    if (err != a->down) /* once, not with every try */
        mrl_agent_keep_event(a, err == MRL_ERR_AUTH ? "connection.refused" : "connection.down",
                             "why", why->text);
    a->down = err;
    if (a->trial)
        mrl_agent_fail_trial(a, err, why);
}

static void open_link(struct mrl_agent *a, uint64_t now_ms)
{
    struct mrl_why why = {""};
    mrl_err err;

    if (a->link.fd >= 0 || now_ms < a->open_at_ms || !a->home->clock.known)
        return;
    err = mrl_link_open(&a->link, a->home, a->trial ? &a->next : &a->home->identity,
                        /*clean_session=*/!a->seen_server, &why);
    if (err != MRL_OK)
        lose(a, err, &why);
}

static void talk(struct mrl_agent *a)
{
    if (!mrl_link_is_up(&a->link))
        return;
    mrl_wiping_send(&a->wiping, &a->link.client);
    if (!a->greeted || a->wiping.taken)
        return;
    tell_head(a, mrl_monotonic_ms());
    pump(a);
}

static void move_link(struct mrl_agent *a)
{
    struct mrl_why why = {""};
    mrl_err err = MRL_OK;

    while (a->link.fd >= 0 && err == MRL_OK) {
        err = mrl_link_step(&a->link, mrl_monotonic_ms(), &why);
        if (err == MRL_OK || err == MRL_ERR_AGAIN) {
            mrl_agent_end_trial(a);
            talk(a);
        }
        if (err == MRL_OK && a->wiping.again)
            err = mrl_fail(&why, MRL_ERR_DENIED, "the wipe order is not answered yet");
    }
    if (err == MRL_ERR_AGAIN) /* all that came was read: there is no order among it */
        greet(a);
    if (err != MRL_OK && err != MRL_ERR_AGAIN)
        lose(a, err, &why);
}

/* ---- the loop ---- */

static void ask_now(struct mrl_agent *a)
{
    a->renew_at_ms = 0;
    a->trust_at_ms = 0;
}

static void read_signals(struct mrl_agent *a)
{
    struct signalfd_siginfo s;

    while (read(a->signals, &s, sizeof(s)) == (ssize_t)sizeof(s)) {
        if (s.ssi_signo == SIGUSR1)
            ask_now(a);
        else
            a->stopping = true;
    }
}

static uint64_t sooner(uint64_t wait, uint64_t at, uint64_t now)
{
    uint64_t left = at > now ? at - now : 0;

    return left < wait ? left : wait;
}

static uint64_t until_work(const struct mrl_agent *a, uint64_t now)
{
    uint64_t wait = sooner(sooner(WAIT_MOST, a->sample_at_ms, now), a->trust_at_ms, now);
    int64_t wall = mrl_device_now_ms(&a->home->clock);

    if (a->wiping.taken)
        return WAIT_MOST;
    if (a->trial)
        return wait;
    return sooner(wait, a->renew_at_ms > 0 ? (uint64_t)a->renew_at_ms : 0, (uint64_t)wall);
}

static int wait_ms(const struct mrl_agent *a)
{
    uint64_t now = mrl_monotonic_ms(), wait = until_work(a, now);
    int link;

    if (!a->home->clock.known)
        return (int)sooner(wait, a->ask_at_ms, now);
    if (a->link.fd < 0)
        return (int)sooner(wait, a->open_at_ms, now);
    link = mrl_link_wait_ms(&a->link, now);
    return link >= 0 && (uint64_t)link < wait ? link : (int)wait;
}

static void turn(struct mrl_agent *a)
{
    struct pollfd fds[] = {{.fd = a->signals, .events = POLLIN}, {.fd = a->link.fd}};

    if (a->link.fd >= 0)
        fds[1].events = mrl_link_poll_events(&a->link);
    (void)poll(fds, MRL_COUNT(fds), wait_ms(a)); /* fails: only by a signal, looked at next */
    read_signals(a);
    if (a->stopping)
        return;
    watch_clock(a);
    learn_time(a, mrl_monotonic_ms());
    sample(a, mrl_monotonic_ms());
    check_trust(a, mrl_monotonic_ms());
    mrl_agent_renew(a, mrl_monotonic_ms());
    open_link(a, mrl_monotonic_ms());
    talk(a);
    move_link(a);
    end_when_due(a);
}

static mrl_err open_signals(struct mrl_agent *a, struct mrl_why *why)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR1);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return mrl_fail(why, MRL_ERR_IO, "signals cannot be set up");
    a->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return a->signals >= 0 ? MRL_OK : mrl_fail(why, MRL_ERR_IO, "signalfd failed");
}

static mrl_err run(struct mrl_agent *a, struct mrl_why *why)
{
    const struct merlon_client_events events = {a, on_connected, on_message, on_acknowledged};
    const char *id = a->home->settings.device;

    if (a->readings_topic[0] == '\0')
        (void)snprintf(a->readings_topic, sizeof(a->readings_topic), "devices/%s/readings", id);
    (void)snprintf(a->commands_filter, sizeof(a->commands_filter), "devices/%s/commands/#", id);
    (void)snprintf(a->renew_topic, sizeof(a->renew_topic), "$merlon/devices/%s/renew", id);
    mrl_wiping_init(&a->wiping, a->home);
    MRL_TRY(open_signals(a, why));
    MRL_TRY(mrl_link_init(&a->link, a->home, &events));
    a->reconnect = (struct merlon_backoff){RECONNECT_BASE_MS, RECONNECT_CAP_MS, 0};
    a->asking = a->reconnect;
    a->sample_at_ms = a->open_at_ms = mrl_monotonic_ms();
    a->trust_at_ms = a->open_at_ms + TRUST_FIRST_MS;
    a->clock_offset_ms = clock_offset();
    MRL_TRY(mrl_eventlog_open(&a->events, a->home->disk, a->home->dir, why));
    mrl_agent_keep_event(a, "agent.started", "device", id);
    mrl_agent_recover(a);
    mrl_log_info("agent.started", MRL_FIELD_STR("device", id));
    while (!a->stopping)
        turn(a);
    mrl_link_close(&a->link, mrl_monotonic_ms());
    mrl_agent_keep_event(a, "agent.stopped", "device", id);
    mrl_log_info("agent.stopped", MRL_FIELD_INT("unacknowledged", a->queue.count),
                 MRL_FIELD_INT("dropped", a->queue.dropped));
    return MRL_OK;
}

/* MQTT 5.0 4.7.2-1: topics that begin with $ are the server's. */
bool mrl_agent_topic_good(const char *topic)
{
    return topic[0] != '$' && strlen(topic) < MRL_AGENT_TOPIC &&
           mrl_mqtt_topic_valid(mrl_str(topic));
}

mrl_err mrl_agent_run(struct mrl_home *h, const struct mrl_run_options *o, struct mrl_why *why)
{
    struct mrl_agent *a = calloc(1, sizeof(*a));
    mrl_err err;

    if (a == NULL)
        abort();
    a->home = h;
    a->interval_ms = o->interval_ms;
    if (o->topic != NULL)
        (void)snprintf(a->readings_topic, sizeof(a->readings_topic), "%s", o->topic);
    a->signals = -1;
    a->link.fd = a->events.fd = -1;
    mrl_queue_init(&a->queue);
    err = run(a, why);
    mrl_eventlog_close(&a->events);
    mrl_link_done(&a->link);
    mrl_queue_done(&a->queue);
    mrl_wiping_done(&a->wiping);
    mrl_identity_done(&a->next);
    if (a->signals >= 0)
        (void)close(a->signals);
    free(a);
    return err;
}
