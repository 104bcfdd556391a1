/* SPDX-License-Identifier: Apache-2.0 */
/* The life of one connection: made, judged, kept alive, ended. */
#include "doors/mqtt/client.h"
#include "devices/device_log.h"

#include "base/rcu.h"
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/writer.h"
#include "devices/snapshot.h"
#include "devices/wipe.h"
#include "doors/mqtt/provisioning.h"
#include "doors/mqtt/ws_code.h"
#include "doors/refusal.h"
#include "doors/skew.h"

enum {
    DOOR_KINDS = MRL_KIND_BIT(MRL_PRINCIPAL_DEVICE) | MRL_KIND_BIT(MRL_PRINCIPAL_APPLICATION) |
                 MRL_KIND_BIT(MRL_PRINCIPAL_CLAIM)
};

void mrl_client_count(const struct mrl_client *c, enum mrl_counter counter)
{
    mrl_count(c->door->config.metrics, c->door->config.index, counter);
}

enum mrl_tls_refusal mrl_mqtt_door_judge(void *registry, const struct mrl_fingerprint *fp)
{
    enum mrl_judgement judged;

    mrl_rcu_read_begin();
    judged = mrl_registry_judge(registry, fp, mrl_wall_s(), DOOR_KINDS, NULL);
    mrl_rcu_read_end();
    if (judged == MRL_JUDGED_RETIRED && mrl_wipe_find(registry, fp, mrl_wall_s(), NULL))
        return MRL_TLS_ACCEPTED_ONCE;
    return mrl_refusal_of(judged);
}

enum mrl_tls_refusal mrl_mqtt_door_psk(void *registry, mrl_bytes identity,
                                       struct mrl_fingerprint *fp, struct mrl_secret **key)
{
    enum mrl_judgement judged;

    if (mrl_psk_fingerprint(identity, fp) != MRL_OK)
        return MRL_TLS_PROTOCOL; /* without a key: OpenSSL cannot go on either */
    mrl_rcu_read_begin();
    judged =
        mrl_registry_judge(registry, fp, mrl_wall_s(), MRL_KIND_BIT(MRL_PRINCIPAL_DEVICE), NULL);
    mrl_rcu_read_end();
    if (mrl_psk_open(registry, fp, judged, key) != MRL_OK)
        return MRL_TLS_PROTOCOL;
    return judged == MRL_JUDGED_UNKNOWN ? MRL_TLS_UNKNOWN_PSK : mrl_refusal_of(judged);
}

/* A copy: the snapshot it comes from may go. */
static void take_subject(struct mrl_client *c, const struct mrl_subject *s)
{
    size_t size = s->id.len + s->group.len + s->attributes.len;
    uint8_t *names = malloc(size > 0 ? size : 1);
    struct mrl_writer w = mrl_writer_on(names, size);
    mrl_bytes all;

    if (names == NULL)
        abort();
    mrl_put_bytes(&w, s->id);
    mrl_put_bytes(&w, s->group);
    mrl_put_bytes(&w, s->attributes);
    free((void *)c->subject.id.data); /* the block of all texts */
    all = mrl_bytes_of(names, size);
    c->subject = (struct mrl_subject){
        s->kind, mrl_bytes_sub(all, 0, s->id.len), mrl_bytes_sub(all, s->id.len, s->group.len),
        mrl_bytes_sub(all, s->id.len + s->group.len, s->attributes.len)};
}

static bool take_identity(struct mrl_client *c, const struct mrl_fingerprint *fp, const char **why)
{
    const struct mrl_principal *p;
    const struct mrl_credential *credential;
    enum mrl_judgement judged =
        mrl_registry_judge(c->door->config.registry, fp, mrl_wall_s(), DOOR_KINDS, &p);

    *why = mrl_judgement_name(judged);
    if (judged != MRL_JUDGED_ACCEPTED ||
        !mrl_snapshot_credential(c->door->config.registry, fp, &credential, &p))
        return false;
    take_subject(c, &p->subject);
    c->not_before = credential->not_before;
    c->subject.hardware_held = credential->hardware_held;
    c->not_after = credential->not_after;
    mrl_client_plan_renewal(c);
    c->unseen = !credential->seen;
    mrl_policy_unref(c->policy);
    c->policy = mrl_policy_ref(p->policy);
    mrl_quota_unref(c->quota);
    c->quota = mrl_quota_ref(p->quota);
    return true;
}

bool mrl_client_identify(struct mrl_client *c, const char **why)
{
    bool known;

    mrl_rcu_read_begin();
    known = take_identity(c, &mrl_conn_facts(c->conn)->fingerprint, why);
    mrl_rcu_read_end();
    return known;
}

bool mrl_client_take_retired(struct mrl_client *c)
{
    const struct mrl_principal *p;
    const struct mrl_credential *credential;
    bool known;

    mrl_rcu_read_begin();
    known = mrl_snapshot_credential(c->door->config.registry, &mrl_conn_facts(c->conn)->fingerprint,
                                    &credential, &p);
    if (known) {
        take_subject(c, &p->subject);
        mrl_quota_unref(c->quota);
        c->quota = mrl_quota_ref(p->quota);
    }
    mrl_rcu_read_end();
    return known;
}

/* Texts an event borrows while it is handed over. */
struct who {
    char source[MRL_PEER_TEXT];
    char auth[MRL_AUTH_TEXT];
};

static const enum mrl_audit_actor_kind actor_kinds[] = {
    [0] = MRL_ACTOR_UNKNOWN,
    [MRL_PRINCIPAL_DEVICE] = MRL_ACTOR_DEVICE,
    [MRL_PRINCIPAL_APPLICATION] = MRL_ACTOR_APPLICATION,
    [MRL_PRINCIPAL_OPERATOR] = MRL_ACTOR_OPERATOR, /* only to be refused */
    [MRL_PRINCIPAL_CLAIM] = MRL_ACTOR_CLAIM,
};

enum mrl_audit_actor_kind mrl_client_actor_kind(uint8_t principal_kind)
{
    return actor_kinds[principal_kind];
}

static struct mrl_audit_event event_of(const struct mrl_client *c,
                                       const struct mrl_tls_facts *facts, struct who *who)
{
    struct mrl_audit_event e = {.target = c->subject.id};

    mrl_peer_format(mrl_conn_peer(c->conn), who->source);
    e.source = mrl_str(who->source);
    e.actor.id = c->subject.id;
    e.actor.kind = actor_kinds[c->subject.kind];
    e.actor.auth = mrl_auth_text(c->door->config.registry, facts, who->auth);
    return e;
}

void mrl_client_denied(const struct mrl_client *c, enum mrl_audit_action action, mrl_bytes target,
                       const char *why)
{
    struct who who;
    struct mrl_audit_event e = event_of(c, mrl_conn_facts(c->conn), &who);

    e.action = action;
    e.outcome = MRL_AUDIT_DENIED;
    e.target = target;
    e.reason = mrl_str(why);
    mrl_audit_note(c->door->config.audit, &e);
}

void mrl_client_proved(const struct mrl_client *c)
{
    struct who who;
    struct mrl_audit_event e = event_of(c, mrl_conn_facts(c->conn), &who);

    e.action = MRL_AUDIT_CONNECTION_PROVED;
    e.outcome = MRL_AUDIT_OK;
    mrl_audit_note(c->door->config.audit, &e); /* a client may do it as often as it likes */
}

void mrl_client_record(const struct mrl_client *c, enum mrl_audit_action action,
                       const struct mrl_audit_detail *details, size_t count,
                       void (*done)(void *context, mrl_err result), void *context)
{
    struct who who;
    struct mrl_audit_event e = event_of(c, mrl_conn_facts(c->conn), &who);

    e.action = action;
    e.outcome = MRL_AUDIT_OK;
    e.details = details;
    e.details_count = count;
    mrl_audit_record(c->door->config.audit, &e, done, context);
}

void mrl_client_anchor_log(const struct mrl_client *c, const struct mrl_device_log_head *head)
{
    struct who who;
    struct mrl_audit_event e = event_of(c, mrl_conn_facts(c->conn), &who);

    mrl_device_log_anchor(c->door->config.registry, &e, head);
}

void mrl_client_answer_wipe(const struct mrl_client *c, const struct mrl_wipe_receipt *receipt,
                            void (*done)(void *context, mrl_err result), void *context)
{
    struct who who;
    const struct mrl_tls_facts *facts = mrl_conn_facts(c->conn);
    struct mrl_audit_event e = event_of(c, facts, &who);

    mrl_wipe_answer(c->door->config.registry, &e, &facts->fingerprint, receipt, done, context);
}

static const char *why_ended(const struct mrl_client *c, const struct mrl_conn_closed *closed)
{
    if (c->ended != NULL)
        return c->ended;
    return closed->fault != NULL ? closed->fault : mrl_conn_end_name(closed->end);
}

static void record_closed(const struct mrl_client *c, const struct mrl_conn_closed *closed)
{
    struct who who;
    struct mrl_audit_event e = event_of(c, closed->facts, &who);

    e.action = MRL_AUDIT_CONNECTION_CLOSED;
    e.outcome = MRL_AUDIT_OK;
    e.reason = mrl_str(why_ended(c, closed));
    mrl_audit_record(c->door->config.audit, &e, NULL, NULL);
    mrl_client_count(c, MRL_COUNTER_CONNECTIONS_CLOSED);
}

/* Whom the refused credential names, where the registry knows it: the entry should say so. */
static void name_refused(struct mrl_client *c, const struct mrl_tls_facts *facts)
{
    const struct mrl_principal *p = NULL;

    if (facts == NULL || !(facts->showed_certificate || facts->psk_identity != NULL))
        return;
    mrl_rcu_read_begin();
    (void)mrl_registry_judge(c->door->config.registry, &facts->fingerprint, mrl_wall_s(),
                             DOOR_KINDS, &p);
    if (p != NULL)
        take_subject(c, &p->subject);
    mrl_rcu_read_end();
}

void mrl_client_note_refused(struct mrl_client *c, const struct mrl_conn_closed *closed)
{
    struct mrl_audit_detail details[MRL_SKEW_DETAILS_MAX];
    struct mrl_audit_event e;
    struct who who;

    name_refused(c, closed->facts);
    e = event_of(c, closed->facts, &who);
    if (closed->facts != NULL && closed->facts->psk_identity != NULL) {
        e.actor.kind = MRL_ACTOR_UNKNOWN; /* anybody can name an identity */
        e.actor.id = MRL_BYTES_NONE;
    }
    e.action = MRL_AUDIT_CONNECTION_REFUSED;
    e.outcome = MRL_AUDIT_DENIED;
    e.details = details;
    e.details_count = mrl_skew_details(c->door->config.registry, closed, details);
    e.reason = mrl_str(closed->end == MRL_END_REFUSED ? mrl_tls_refusal_name(closed->refusal)
                                                      : mrl_conn_end_name(closed->end));
    mrl_audit_note(c->door->config.audit, &e);
    mrl_client_count(c, mrl_refusal_counter(closed->refusal));
    if (mrl_refusal_is_of_stranger(closed))
        mrl_guard_failed(c->door->config.guard, mrl_conn_peer(c->conn));
}

mrl_err mrl_client_send(struct mrl_client *c, const struct mrl_mqtt_packet *p)
{
    struct mrl_buf *scratch = &c->door->scratch;
    struct mrl_writer w;
    mrl_bytes packet;
    uint8_t *to;
    size_t size;

    MRL_TRY(mrl_mqtt_size(c->version, p, &size));
    MRL_ENSURE(size <= c->maximum_packet, MRL_ERR_LIMIT); /* MQTT 5.0 3.1.2-24 */
    mrl_buf_clear(scratch);
    MRL_TRY(mrl_buf_reserve(scratch, size, &to));
    w = mrl_writer_on(to, size);
    mrl_mqtt_write(&w, c->version, p);
    MRL_TRY(mrl_writer_end(&w, &packet));
    return mrl_conn_write(c->conn, packet);
}

mrl_err mrl_client_send_reason(struct mrl_client *c, struct mrl_mqtt_packet *p,
                               struct mrl_mqtt_props *props, const char *why)
{
    const uint64_t without = props->present;
    mrl_err err;

    if (c->version != MRL_MQTT_5 || !c->problem_info)
        return mrl_client_send(c, p);
    props->reason_string = mrl_str(why);
    mrl_mqtt_set(props, MRL_MQTT_PROP_REASON_STRING);
    err = mrl_client_send(c, p);
    if (err != MRL_ERR_LIMIT)
        return err;
    props->present = without;
    return mrl_client_send(c, p);
}

void mrl_client_refer(const struct mrl_client *c, uint8_t reason, struct mrl_mqtt_props *props)
{
    if (reason != MRL_MQTT_USE_ANOTHER_SERVER && reason != MRL_MQTT_SERVER_MOVED)
        return;
    props->server_reference = c->door->config.limits->server_reference;
    mrl_mqtt_set(props, MRL_MQTT_PROP_SERVER_REFERENCE);
}

void mrl_client_end(struct mrl_client *c, uint8_t reason, const char *why)
{
    struct mrl_mqtt_packet p = {.type = MRL_MQTT_DISCONNECT, .disconnect = {.reason = reason}};

    if (c->state == MRL_CLIENT_ENDING)
        return;
    c->ended = why;
    if (c->state == MRL_CLIENT_OPEN && c->version == MRL_MQTT_5) {
        mrl_client_refer(c, reason, &p.disconnect.props);
        (void)mrl_client_send_reason(c, &p, &p.disconnect.props, why); /* it is over either way */
    }
    c->state = MRL_CLIENT_ENDING;
    mrl_conn_close_saying(c->conn, mrl_mqtt_ws_code(reason));
}

/* Wakes up when the keep-alive time is over at the earliest, or the certificate is to be renewed,
 * or ends. */
static void arm(struct mrl_client *c, uint64_t idle_ms)
{
    int64_t next = c->renew_at < c->not_after ? c->renew_at : c->not_after;
    int64_t left_s = next - mrl_wall_s() + 1;
    uint64_t wait = left_s > 0 ? (uint64_t)left_s * 1000 : 0;
    uint64_t now = mrl_monotonic_ms(), until = UINT64_MAX;

    if (mrl_client_is_slowed(c))
        until = c->resume_ms > now ? c->resume_ms - now : 0;
    else if (c->keep_alive_ms != 0)
        until = c->keep_alive_ms - idle_ms;
    if (until < wait)
        wait = until;
    mrl_loop_timer(c->door->config.loop, &c->timer, wait);
}

void mrl_client_arm(struct mrl_client *c)
{
    arm(c, 0);
}

static const char *why_over(const struct mrl_client *c)
{
    if (c->wiping)
        return "wipe order is not open any more";
    return mrl_conn_facts(c->conn)->has_psk ? "pre-shared key expired" : "certificate expired";
}

/* The timer is set once per keep-alive period, not once per packet: it looks whether bytes came
 * meanwhile. */
static void on_open_timer(struct mrl_client *c)
{
    uint64_t idle;

    mrl_client_go_on(c);
    idle = c->held_back ? 0 : mrl_monotonic_ms() - c->packet_ms;
    if (c->not_after < mrl_wall_s()) {
        mrl_client_end(c, MRL_MQTT_NOT_AUTHORIZED, why_over(c));
        return;
    }
    if (!mrl_client_is_slowed(c) && c->keep_alive_ms != 0 && idle >= c->keep_alive_ms) {
        mrl_client_end(c, MRL_MQTT_KEEP_ALIVE_TIMEOUT,
                       "keep alive timeout"); /* MQTT 5.0 3.1.2-22 */
        return;
    }
    if (c->renew_at <= mrl_wall_s()) {
        c->renew_at = INT64_MAX;
        mrl_client_tell_renewal(c, MRL_BYTES_NONE);
    }
    arm(c, idle);
}

static void on_timer(struct mrl_timer *t)
{
    struct mrl_client *c = MRL_CONTAINER(t, struct mrl_client, timer);

    if (c->door->stopping)
        mrl_client_leave(c);
    else if (c->state == MRL_CLIENT_OPEN)
        on_open_timer(c);
    else if (c->state == MRL_CLIENT_NEW)
        mrl_client_end(c, MRL_MQTT_UNSPECIFIED_ERROR, "no CONNECT in time"); /* MQTT 5.0 3.1.4 */
    else if (c->state == MRL_CLIENT_AUTHENTICATING)
        mrl_client_end(c, MRL_MQTT_UNSPECIFIED_ERROR, "no proof in time");
}

static void refuse_stream(struct mrl_client *c, mrl_err err)
{
    bool large = err == MRL_ERR_LIMIT;

    mrl_client_count(c, MRL_COUNTER_PACKETS_MALFORMED);
    mrl_client_end(c, large ? MRL_MQTT_PACKET_TOO_LARGE : MRL_MQTT_MALFORMED_PACKET,
                   large ? "packet too large" : "malformed packet");
}

static void refuse_packet(struct mrl_client *c, const struct mrl_mqtt_fault *fault)
{
    mrl_log_info("mqtt.packet_refused", MRL_FIELD("principal", c->subject.id),
                 MRL_FIELD_STR("statement", fault->statement), MRL_FIELD_STR("why", fault->text));
    mrl_client_count(c, MRL_COUNTER_PACKETS_MALFORMED);
    mrl_client_end(c, fault->reason, fault->text);
}

/* The packet that begins at *at; false: wait for more, or it is over. */
static bool take_packet(struct mrl_client *c, mrl_bytes in, size_t *at)
{
    struct mrl_mqtt_fault fault = {0};
    struct mrl_mqtt_packet packet;
    struct mrl_mqtt_frame frame;
    mrl_err err = mrl_mqtt_frame(mrl_bytes_sub(in, *at, in.len), c->largest_packet, &frame);

    if (err == MRL_ERR_AGAIN)
        return false;
    if (err != MRL_OK) {
        refuse_stream(c, err);
        return false;
    }
    if (mrl_mqtt_read(&frame, c->version, MRL_MQTT_FROM_CLIENT, &packet, &fault) != MRL_OK) {
        refuse_packet(c, &fault);
        return false;
    }
    mrl_client_on_packet(c, &packet);
    mrl_client_charge(c, packet.type, frame.total);
    *at += frame.total;
    return c->state == MRL_CLIENT_OPEN && !mrl_client_is_slowed(c);
}

/* All whole packets there are; the rest moves to the front once. */
static void take_packets(struct mrl_client *c, struct mrl_buf *in)
{
    size_t at = 0;

    while (c->state == MRL_CLIENT_OPEN && !c->held_back && take_packet(c, mrl_buf_bytes(in), &at))
        ;
    mrl_buf_consume(in, at);
}

static void on_data(struct mrl_conn *conn, struct mrl_buf *in)
{
    struct mrl_client *c = mrl_conn_user(conn);
    size_t had = in->len;

    c->seen_ms = mrl_monotonic_ms();
    if (c->state == MRL_CLIENT_NEW) {
        mrl_client_on_connect(c, in); /* may hand the connection over: c and in are then gone */
        return;
    }
    if (c->state == MRL_CLIENT_RECORDED || c->state == MRL_CLIENT_ATTACHED)
        mrl_client_on_connect(c, in);
    else if (c->state == MRL_CLIENT_AUTHENTICATING)
        mrl_client_on_early_data(c, in);
    take_packets(c, in);
    if (in->len < had) /* whole packets: who dribbles one is silent [MQTT-3.1.2-22] */
        c->packet_ms = c->seen_ms;
    if (c->state == MRL_CLIENT_ENDING)
        mrl_buf_clear(in);
}

static void on_open(struct mrl_conn *conn)
{
    struct mrl_client *c = mrl_conn_user(conn);
    const struct mrl_tls_facts *facts = mrl_conn_facts(conn);

    mrl_client_count(c,
                     facts->resumed ? MRL_COUNTER_HANDSHAKES_RESUMED : MRL_COUNTER_HANDSHAKES_FULL);
    mrl_loop_timer(c->door->config.loop, &c->timer, c->door->config.limits->connect_timeout_ms);
}

static void on_idle_frames(struct mrl_conn *conn, unsigned frames, size_t bytes)
{
    mrl_client_charge_frames(mrl_conn_user(conn), frames, bytes);
}

static void on_closed(struct mrl_conn *conn, const struct mrl_conn_closed *closed)
{
    struct mrl_client *c = mrl_conn_user(conn);

    if (c->session != NULL)
        mrl_session_detach(c->session, c->clean ? MRL_DETACH_CLEAN : MRL_DETACH_WITH_WILL);
    c->session = NULL;
    if (c->counted)
        record_closed(c, closed);
    else if (closed->end == MRL_END_REFUSED || closed->end == MRL_END_OVERLOAD)
        mrl_client_note_refused(c, closed);
    mrl_client_drop(c);
}

#define WHAT_A_CLIENT_DOES                                                    \
    .on_open = on_open, .on_data = on_data, .on_idle_frames = on_idle_frames, \
    .on_closed = on_closed, .input_limit = MRL_MQTT_MAX_PACKET

const struct mrl_conn_kind mrl_client_kind = {WHAT_A_CLIENT_DOES};

static void on_drained(struct mrl_conn *conn)
{
    struct mrl_client *c = mrl_conn_user(conn);

    mrl_conn_set_kind(conn, &mrl_client_kind);
    if (c->session != NULL)
        mrl_session_drained(c->session);
}

const struct mrl_conn_kind mrl_client_kind_filled = {WHAT_A_CLIENT_DOES, .on_drained = on_drained};

struct mrl_client *mrl_client_new(struct mrl_mqtt_door *d)
{
    struct mrl_client *c = calloc(1, sizeof(*c));

    if (c == NULL)
        abort();
    c->door = d;
    c->timer.fire = on_timer;
    mrl_answers_init(&c->answers);
    mrl_list_init(&c->requests);
    c->maximum_packet = UINT32_MAX;
    c->seen_ms = c->packet_ms = mrl_monotonic_ms();
    mrl_list_add(&d->clients, &c->in_door);
    return c;
}

void mrl_client_drop(struct mrl_client *c)
{
    mrl_timer_cancel(&c->timer);
    mrl_answers_drop(&c->answers);
    mrl_client_drop_requests(c);
    c->conn = NULL;
    if (c->state == MRL_CLIENT_RECORDING || c->state == MRL_CLIENT_INTRODUCING)
        return; /* another thread still points here: freed when its message comes */
    mrl_list_remove(&c->in_door);
    mrl_client_release_usage(c);
    mrl_policy_unref(c->policy);
    mrl_quota_unref(c->quota);
    mrl_aliases_free(c->aliases);
    mrl_client_auth_free(c->auth);
    mrl_client_introduction_free(c->introduction);
    free((void *)c->subject.id.data);
    free(c);
}
