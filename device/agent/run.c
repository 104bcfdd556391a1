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
#include "device/agent/est.h"
#include "device/agent/eventlog.h"
#include "device/agent/link.h"
#include "device/agent/queue.h"
#include "device/agent/readings.h"
#include "device/agent/renewal.h"
#include "device/agent/wiping.h"
#include "merlon/backoff.h"

enum {
    RECONNECT_BASE_MS = 500,
    RECONNECT_CAP_MS = 60000,
    TOPIC_SIZE = 128,
    WAIT_MOST = 60000,
    CLOCK_JUMP_MS = 5000,
    RETRY_MOST_S = 3600,
    HEAD_EVERY_MS = 60000, /* the server takes one in ten seconds */
    TRUST_FIRST_MS = 60000,
    TRUST_EVERY_MS = 86400000, /* a rollover takes weeks */
};

struct agent {
    struct mrl_home *home;
    int signals;
    bool stopping;
    struct mrl_link link;
    struct merlon_backoff reconnect;
    uint64_t open_at_ms; /* monotonic: when to try to connect */
    bool seen_server;    /* once connected: the session is kept from then on */
    struct mrl_queue queue;
    struct mrl_sampler sampler;
    uint64_t interval_ms;
    uint64_t sample_at_ms;
    struct mrl_identity next; /* has not proven itself yet; empty: there is none */
    bool trial;               /* the link shows next */
    struct merlon_backoff renewal;
    int64_t renew_at_ms;  /* wall clock: when to ask for a certificate, or to try next */
    uint64_t trust_at_ms; /* monotonic: when to ask whom to trust */
    char readings_topic[TOPIC_SIZE];
    char commands_filter[TOPIC_SIZE];
    int64_t asked_after_s;        /* the server asked to come again in so many seconds; 0: no */
    struct merlon_backoff asking; /* for the time */
    uint64_t ask_at_ms;           /* monotonic: when to ask for the time, while it is not known */
    char renew_topic[TOPIC_SIZE];
    struct mrl_wiping wiping;
    uint16_t wipe_asked; /* subscription to its topic, not acknowledged yet; 0: it is */
    bool greeted;        /* the server had no order for us: all the rest may follow */
    struct mrl_eventlog events;
    uint64_t head_seq;   /* line of the event log that the server was told of last */
    uint64_t head_at_ms; /* monotonic: when the next one may be told */
    mrl_err down; /* class of the failure that is in the event log; MRL_OK: connected since */
    int64_t clock_offset_ms; /* wall clock against the monotonic one */
};

static uint32_t below(void *context, uint32_t bound)
{
    (void)context;
    return mrl_random_below(bound);
}

/* ---- the event log ---- */

static void keep_event(struct agent *a, const char *event, const char *name, const char *text)
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

static void watch_clock(struct agent *a)
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
    keep_event(a, "clock.jumped", "by", text);
}

/* While the time is not known nothing is done that depends on it: no connection whose server could
 * not be judged, no renewal. */
static void learn_time(struct agent *a, uint64_t now_ms)
{
    struct mrl_why why = {""};
    char text[MRL_TIME_TEXT];
    mrl_err err;

    if (a->home->clock.known || now_ms < a->ask_at_ms)
        return;
    err = mrl_est_time(a->home, &a->home->clock, &why);
    if (err != MRL_OK) {
        uint32_t wait = merlon_backoff_next(&a->asking, below, NULL);

        a->ask_at_ms = mrl_monotonic_ms() + wait;
        mrl_log_warn("clock.unknown", MRL_FIELD_STR("why", why.text),
                     MRL_FIELD_INT("retry_ms", wait));
        return;
    }
    mrl_time_format(mrl_device_now_ms(&a->home->clock), text);
    mrl_log_warn("clock.learnt", MRL_FIELD_STR("time", text),
                 MRL_FIELD_INT("ahead_ms", a->home->clock.ahead_ms));
    keep_event(a, "clock.learnt", "time", text);
}

/* The head goes to the server, which anchors it: from then on a cut or exchanged log shows. */
static void tell_head(struct agent *a, uint64_t now_ms)
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

static void pump(struct agent *a)
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

static void sample(struct agent *a, uint64_t now_ms)
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

static uint16_t listen_to(struct agent *a, const char *filter, uint8_t qos)
{
    uint16_t id = 0;

    if (merlon_client_subscribe(&a->link.client, filter, qos, &id) != MERLON_OK)
        mrl_log_warn("commands.unheard", MRL_FIELD_STR("filter", filter));
    return id;
}

/* A retired device may take its order, and every other request is a denial in the server's log. */
static void greet(struct agent *a)
{
    if (a->greeted || a->wiping.taken || a->wipe_asked != 0 || !mrl_link_is_up(&a->link))
        return;
    a->greeted = true;
    (void)listen_to(a, a->commands_filter, 1); /* asked once a connection, whatever comes */
    (void)listen_to(a, a->renew_topic, 1);
}

static void on_connected(void *context, bool session_present)
{
    struct agent *a = context;

    mrl_queue_rewind(&a->queue, session_present);
    a->greeted = false;
    a->wipe_asked = listen_to(a, a->wiping.topic, 0);
    mrl_wiping_connected(&a->wiping);
    if (!a->wiping.taken)
        a->reconnect.tries = 0;
    a->seen_server = true;
    a->down = MRL_OK;
    a->head_at_ms = a->head_seq = 0; /* whether the last one arrived is not known */
    keep_event(a, "connection.up", "server", a->home->settings.mqtt);
    mrl_log_info("connection.up", MRL_FIELD_STR("server", a->home->settings.mqtt),
                 MRL_FIELD_STR("tls", mrl_tls_facts(a->link.tls)->cipher),
                 MRL_FIELD_INT("session_present", session_present));
}

/* A moment of the window, which is now when that is past. */
static int64_t moment_of(const struct agent *a, const struct mrl_offer *o)
{
    int64_t now_s = mrl_device_now_s(&a->home->clock),
            from = o->start_s > now_s ? o->start_s : now_s;
    int64_t room = o->end_s > from ? o->end_s - from : 0;

    return (from + (room < UINT32_MAX ? mrl_random_below((uint32_t)room + 1) : 0)) * 1000;
}

/* A certificate that is younger than what the server asks for has been renewed already. */
static bool is_for_us(const struct agent *a, const struct mrl_offer *o)
{
    const struct mrl_cert_facts *f = mrl_cert_facts(a->home->identity.cert);

    return o->start_s > 0 && o->start_s < f->not_after && o->start_s > a->home->identity.since_s;
}

static void on_renewal_message(struct agent *a, mrl_bytes payload)
{
    struct mrl_offer o;
    int64_t at_ms;

    if (mrl_offer_read_message(payload, &o) != MRL_OK || !is_for_us(a, &o))
        return;
    at_ms = moment_of(a, &o);
    if (!a->trial && at_ms < a->renew_at_ms)
        a->renew_at_ms = at_ms;
    mrl_log_info("renewal.asked", MRL_FIELD("payload", payload));
}

/* ---- the end: device/agent/wiping.h ---- */

static void on_wipe_order(struct agent *a, mrl_bytes payload)
{
    struct mrl_why why = {""};

    if (mrl_wiping_take(&a->wiping, payload, &a->home->identity, &why) != MRL_OK) {
        mrl_log_warn("wipe.not_taken", MRL_FIELD_STR("why", why.text));
        return;
    }
    mrl_log_warn("wipe.ordered", MRL_FIELD_STR("order", a->wiping.order.number));
}

/* The folder says from now on what is left to do: main.c destroys it when nothing is open any more.
 */
static void end_when_due(struct agent *a)
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
    struct agent *a = context;

    if (mrl_bytes_eq(topic, mrl_str(a->wiping.topic)))
        on_wipe_order(a, payload);
    else if (mrl_bytes_eq(topic, mrl_str(a->renew_topic)))
        on_renewal_message(a, payload);
    else
        mrl_log_info("command.received", MRL_FIELD("topic", topic),
                     MRL_FIELD_INT("bytes", payload.len),
                     MRL_FIELD("payload", mrl_bytes_sub(payload, 0, SHOWN)));
}

static void on_acknowledged(void *context, uint16_t packet_id, uint8_t reason)
{
    struct agent *a = context;

    if (packet_id == a->wipe_asked)
        a->wipe_asked = 0;
    else if (!mrl_wiping_acknowledge(&a->wiping, packet_id, reason))
        (void)mrl_queue_acknowledge(&a->queue, packet_id); /* false: a subscription, or dropped */
    if (reason >= 0x80)
        mrl_log_warn("request.refused", MRL_FIELD_INT("reason", reason));
}

/* ---- renewal ---- */

static void plan_renewal(struct agent *a)
{
    const struct mrl_cert_facts *f = mrl_cert_facts(a->home->identity.cert);
    int64_t since = mrl_renewal_since(f->not_before, f->not_after, a->home->identity.since_s);
    struct mrl_offer offer;

    a->renewal = mrl_renewal_backoff(since, f->not_after);
    a->renew_at_ms = mrl_renewal_at(since, f->not_after, f->cn);
    mrl_home_load_offer(a->home, &offer);
    if (is_for_us(a, &offer) && offer.end_s < f->not_after)
        a->renew_at_ms = moment_of(a, &offer);
}

static void renew_later(struct agent *a, const char *event, const struct mrl_why *why)
{
    uint32_t wait = merlon_backoff_next(&a->renewal, below, NULL);

    if (a->asked_after_s * 1000 > wait) /* RFC 9110 10.2.3 */
        wait = (uint32_t)a->asked_after_s * 1000;
    a->asked_after_s = 0;
    a->renew_at_ms = mrl_device_now_ms(&a->home->clock) + wait;
    mrl_log_warn(event, MRL_FIELD_STR("why", why->text), MRL_FIELD_INT("retry_ms", wait));
}

static void forget_next(struct agent *a)
{
    struct mrl_why why = {""};

    mrl_identity_done(&a->next);
    a->trial = false;
    if (mrl_disk_remove(a->home->disk, a->home->dir, MRL_HOME_NEXT, &why) != MRL_OK ||
        mrl_disk_remove(a->home->disk, a->home->dir, MRL_HOME_NEXT_KEY, &why) != MRL_OK)
        mrl_log_warn("disk.failed", MRL_FIELD_STR("why", why.text));
}

/* next.pem is on the disk before next.key goes, so that a cut leaves one of them. */
static mrl_err ask_for_next(struct agent *a, struct mrl_why *why)
{
    struct mrl_identity i = {0};
    struct mrl_est_told told = {0};
    mrl_err err = mrl_home_next_key(a->home, &i.key, why);

    if (err == MRL_OK)
        err = mrl_est_renew(a->home, i.key, &i.cert, &told, why);
    a->asked_after_s = told.retry_after_s < RETRY_MOST_S ? told.retry_after_s : RETRY_MOST_S;
    if (err == MRL_OK)
        err = mrl_home_save_offer(a->home, i.cert, &told.offer, why);
    if (err == MRL_OK)
        err = mrl_home_save_identity(a->home, MRL_HOME_NEXT, &i, why);
    if (err == MRL_OK)
        err = mrl_disk_remove(a->home->disk, a->home->dir, MRL_HOME_NEXT_KEY, why);
    if (err != MRL_OK) {
        mrl_identity_done(&i);
        return err;
    }
    i.since_s = mrl_device_now_s(&a->home->clock);
    a->next = i;
    return MRL_OK;
}

static void begin_trial(struct agent *a, uint64_t now_ms)
{
    mrl_link_close(&a->link, now_ms);
    a->trial = true;
    a->open_at_ms = now_ms;
}

static void renew(struct agent *a, uint64_t now_ms)
{
    struct mrl_why why = {""};

    if (a->trial || a->wiping.taken || !a->home->clock.known ||
        mrl_device_now_ms(&a->home->clock) < a->renew_at_ms)
        return;
    if (a->next.cert == NULL && ask_for_next(a, &why) != MRL_OK) {
        renew_later(a, "renewal.failed", &why);
        return;
    }
    begin_trial(a, now_ms);
}

/* The server let the new identity in: only now the old one goes. */
static void end_trial(struct agent *a)
{
    struct mrl_why why = {""};
    char fingerprint[2 * MRL_SHA256_SIZE + 1];

    if (!a->trial || !mrl_link_is_up(&a->link))
        return;
    a->trial = false;
    if (mrl_disk_move(a->home->disk, a->home->dir, MRL_HOME_NEXT, MRL_HOME_IDENTITY, &why) !=
        MRL_OK) {
        renew_later(a, "renewal.failed", &why);
        return;
    }
    mrl_identity_done(&a->home->identity);
    a->home->identity = a->next;
    a->next = (struct mrl_identity){0};
    plan_renewal(a);
    mrl_hex(mrl_fingerprint_bytes(&mrl_cert_facts(a->home->identity.cert)->fingerprint),
            fingerprint);
    keep_event(a, "renewal.done", "fingerprint", fingerprint);
    mrl_log_info("renewal.done", MRL_FIELD_STR("fingerprint", fingerprint),
                 MRL_FIELD_INT("not_after", mrl_cert_facts(a->home->identity.cert)->not_after));
}

static void fail_trial(struct agent *a, mrl_err err, const struct mrl_why *why)
{
    a->trial = false;
    renew_later(a, "renewal.unproven", why);
    if (err == MRL_ERR_AUTH ||
        mrl_cert_facts(a->next.cert)->not_after <= mrl_device_now_s(&a->home->clock))
        forget_next(a);
}

/* ---- trust ---- */

/* Connects again when the bundle changed: CONNECT tells the server which one we have. */
static void check_trust(struct agent *a, uint64_t now_ms)
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
    keep_event(a, "trust.changed", "bundle", a->home->bundle);
    mrl_log_info("trust.changed", MRL_FIELD_STR("bundle", a->home->bundle));
    if (!a->trial) {
        mrl_link_close(&a->link, now_ms);
        a->open_at_ms = now_ms;
    }
}

/* ---- the connection ---- */

static void lose(struct agent *a, mrl_err err, const struct mrl_why *why)
{
    uint64_t now_ms = mrl_monotonic_ms();
    uint32_t wait = merlon_backoff_next(&a->reconnect, below, NULL);

    /* Counted only when the server showed who it is: others on the way can refuse as well. */
    mrl_wiping_disconnected(&a->wiping, err == MRL_ERR_AUTH && a->link.shaken);
    mrl_link_close(&a->link, now_ms);
    mrl_log_warn("connection.down", MRL_FIELD_STR("class", mrl_err_name(err)),
                 MRL_FIELD_STR("why", why->text), MRL_FIELD_INT("retry_ms", wait));
    a->open_at_ms = now_ms + wait;
    if (err != a->down) /* once, not with every try */
        keep_event(a, err == MRL_ERR_AUTH ? "connection.refused" : "connection.down", "why",
                   why->text);
    a->down = err;
    if (a->trial)
        fail_trial(a, err, why);
}

static void open_link(struct agent *a, uint64_t now_ms)
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

static void talk(struct agent *a)
{
    if (!mrl_link_is_up(&a->link))
        return;
    mrl_wiping_send(&a->wiping, &a->link.client);
    if (!a->greeted || a->wiping.taken)
        return;
    tell_head(a, mrl_monotonic_ms());
    pump(a);
}

static void move_link(struct agent *a)
{
    struct mrl_why why = {""};
    mrl_err err = MRL_OK;

    while (a->link.fd >= 0 && err == MRL_OK) {
        err = mrl_link_step(&a->link, mrl_monotonic_ms(), &why);
        if (err == MRL_OK || err == MRL_ERR_AGAIN) {
            end_trial(a);
            talk(a);
        }
        if (err == MRL_OK && a->wiping.refused) /* another connection brings the order again */
            err = mrl_fail(&why, MRL_ERR_DENIED, "the server refused the receipt");
    }
    if (err == MRL_ERR_AGAIN) /* all that came was read: there is no order among it */
        greet(a);
    if (err != MRL_OK && err != MRL_ERR_AGAIN)
        lose(a, err, &why);
}

/* ---- the loop ---- */

static void ask_now(struct agent *a)
{
    a->renew_at_ms = 0;
    a->trust_at_ms = 0;
}

static void read_signals(struct agent *a)
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

static uint64_t until_work(const struct agent *a, uint64_t now)
{
    uint64_t wait = sooner(sooner(WAIT_MOST, a->sample_at_ms, now), a->trust_at_ms, now);
    int64_t wall = mrl_device_now_ms(&a->home->clock);

    if (a->wiping.taken)
        return WAIT_MOST;
    if (a->trial)
        return wait;
    return sooner(wait, a->renew_at_ms > 0 ? (uint64_t)a->renew_at_ms : 0, (uint64_t)wall);
}

static int wait_ms(const struct agent *a)
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

static void turn(struct agent *a)
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
    renew(a, mrl_monotonic_ms());
    open_link(a, mrl_monotonic_ms());
    talk(a);
    move_link(a);
    end_when_due(a);
}

/* What an earlier run left behind: an identity to try, or nothing of use. */
static void recover(struct agent *a)
{
    struct mrl_why why = {""};

    plan_renewal(a);
    if (mrl_home_load_identity(a->home, MRL_HOME_NEXT, &a->next, &why) != MRL_OK)
        return;
    if (mrl_est_judge(a->next.cert, a->next.key, mrl_str(a->home->settings.device), &a->home->ca,
                      &a->home->roots, mrl_device_now_s(&a->home->clock), &why) == MRL_OK)
        a->renew_at_ms = 0;
    else
        forget_next(a);
}

static mrl_err open_signals(struct agent *a, struct mrl_why *why)
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

static mrl_err run(struct agent *a, struct mrl_why *why)
{
    const struct merlon_client_events events = {a, on_connected, on_message, on_acknowledged};
    const char *id = a->home->settings.device;

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
    keep_event(a, "agent.started", "device", id);
    recover(a);
    mrl_log_info("agent.started", MRL_FIELD_STR("device", id));
    while (!a->stopping)
        turn(a);
    mrl_link_close(&a->link, mrl_monotonic_ms());
    keep_event(a, "agent.stopped", "device", id);
    mrl_log_info("agent.stopped", MRL_FIELD_INT("unacknowledged", a->queue.count),
                 MRL_FIELD_INT("dropped", a->queue.dropped));
    return MRL_OK;
}

mrl_err mrl_agent_run(struct mrl_home *h, uint64_t interval_ms, struct mrl_why *why)
{
    struct agent *a = calloc(1, sizeof(*a));
    mrl_err err;

    if (a == NULL)
        abort();
    a->home = h;
    a->interval_ms = interval_ms;
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
