/* SPDX-License-Identifier: Apache-2.0 */
/* CONNECT: from a certificate to a session. MQTT 5.0 3.1.4, in the order: which home worker, who is
 * it, is what it asks for allowed, audit entry durable, session, CONNACK. CONNECT stays unread in
 * the buffer until it is answered, so a connection that moves or waits needs no copy of it. */
#include <stdlib.h>

#include "base/hex.h"
#include "base/random.h"
#include "devices/credential.h"
#include "doors/mqtt/client.h"
#include "doors/mqtt/response.h"
#include "doors/mqtt/retry.h"
#include "doors/mqtt/trust.h"
#include "doors/mqtt/wipe.h"
#include "doors/mqtt/ws_code.h"
#include "messages/topic_tree.h"

enum { ASSIGNED_BYTES = 12 };

static enum mrl_counter refused_counter(uint8_t reason)
{
    if (reason == MRL_MQTT_CONNECTION_RATE_EXCEEDED)
        return MRL_COUNTER_REFUSED_BLOCKED;
    return reason == MRL_MQTT_QUOTA_EXCEEDED ? MRL_COUNTER_REFUSED_LIMIT
                                             : MRL_COUNTER_REFUSED_OTHER;
}

void mrl_client_refuse(struct mrl_client *c, const struct mrl_mqtt_connect *p, uint8_t reason,
                       const char *why)
{
    struct mrl_mqtt_packet answer = {.type = MRL_MQTT_CONNACK, .connack = {.reason = reason}};
    uint8_t retry[MRL_RETRY_PROPERTY_MAX];
    bool answered = true;

    mrl_client_denied(c, MRL_AUDIT_CONNECTION_REFUSED, c->subject.id, why);
    mrl_client_count(c, refused_counter(reason));
    c->version = p->version;
    c->ended = why;
    c->problem_info = p->props.request_problem_info;
    if (p->props.maximum_packet_size > 0) /* 0: the CONNECT could not be read */
        c->maximum_packet = p->props.maximum_packet_size;
    if (p->version == MRL_MQTT_311)
        answered = mrl_mqtt_connack_code_311(reason, &answer.connack.reason);
    mrl_client_refer(c, reason, &answer.connack.props);
    answer.connack.props.user = mrl_retry_property(mrl_client_wait_s(c), retry);
    if (answer.connack.props.user.len > 0)
        mrl_mqtt_set(&answer.connack.props, MRL_MQTT_PROP_USER);
    if (answered) /* the connection ends either way */
        (void)mrl_client_send_reason(c, &answer, &answer.connack.props, why);
    c->state = MRL_CLIENT_ENDING;
    mrl_conn_close_saying(c->conn, mrl_mqtt_ws_code(reason));
}

/* A CONNECT that cannot be read is answered in the version it names, as far as it names one.
 * MQTT 5.0 3.1.4-1 */
static void refuse_unreadable(struct mrl_client *c, const struct mrl_mqtt_fault *fault)
{
    struct mrl_mqtt_connect as = {.version = fault->version};

    mrl_client_count(c, MRL_COUNTER_PACKETS_MALFORMED);
    if (fault->version == MRL_MQTT_NONE) {
        mrl_client_denied(c, MRL_AUDIT_CONNECTION_REFUSED, MRL_BYTES_NONE, fault->text);
        mrl_client_end(c, fault->reason, fault->text);
        return;
    }
    mrl_client_refuse(c, &as, fault->reason, fault->text);
}

struct verdict {
    uint8_t reason; /* 0: fine */
    const char *why;
};

static struct verdict judge_will(const struct mrl_client *c, const struct mrl_mqtt_connect *p)
{
    if (!p->has_will)
        return (struct verdict){0, NULL};
    if (mrl_topic_levels(p->will.topic) > MRL_TOPIC_LEVELS_MAX)
        return (struct verdict){MRL_MQTT_TOPIC_NAME_INVALID, "will topic has too many levels"};
    if (!mrl_policy_may_publish(
            c->policy, &c->subject, p->will.topic,
            mrl_publish_needs(p->will.qos, p->will.retain, p->will.payload.len == 0)))
        return (struct verdict){MRL_MQTT_NOT_AUTHORIZED, "will not allowed by policy"};
    return (struct verdict){0, NULL};
}

/* SDKs of AWS add what they are behind a question mark, with or without a name before it. No id
 * contains one. */
static bool claims_another(mrl_bytes username, mrl_bytes id)
{
    mrl_bytes name = username, notes;

    if (mrl_bytes_split(username, '?', &name, &notes) && name.len == 0)
        return false;
    return !mrl_bytes_eq(name, id);
}

/* What the client asks for; who it is stands already. The certificate alone says that: a user name
 * may repeat it and must not claim anything else, a password means nothing here. */
static struct verdict judge(const struct mrl_client *c, const struct mrl_mqtt_connect *p)
{
    if (p->has_username && claims_another(p->username, c->subject.id))
        return (struct verdict){MRL_MQTT_BAD_CREDENTIALS,
                                mrl_conn_facts(c->conn)->has_psk
                                    ? "user name is not the device of the key"
                                    : "user name is not the name in the certificate"};
    if (p->client_id.len == 0 && p->version == MRL_MQTT_311 && !p->clean_start)
        return (struct verdict){MRL_MQTT_CLIENT_ID_NOT_VALID,
                                "an empty client id needs a clean session"};
    if (c->door->stopping)
        return (struct verdict){mrl_client_away_reason(c, p->version), "server shutting down"};
    return judge_will(c, p);
}

static bool is_shared(const struct mrl_client *c)
{
    return c->subject.kind == MRL_PRINCIPAL_CLAIM;
}

struct moved_message {
    struct mrl_message message;
    struct mrl_mqtt_door *to;
    struct mrl_conn_parcel *parcel;
};

static void drop_moved(struct mrl_message *m)
{
    struct moved_message *moved = MRL_CONTAINER(m, struct moved_message, message);

    mrl_conn_parcel_free(moved->parcel);
    free(moved);
}

static void on_moved(struct mrl_message *m, void *owner)
{
    struct moved_message *moved = MRL_CONTAINER(m, struct moved_message, message);
    struct mrl_client *c = mrl_client_new(moved->to);

    (void)owner;
    mrl_loop_timer(c->door->config.loop, &c->timer, c->door->config.limits->connect_timeout_ms);
    if (mrl_conn_adopt(c->door->config.conns, moved->parcel, &mrl_client_kind, c, &c->conn) !=
        MRL_OK)
        mrl_client_drop(c);
    free(moved);
}

/* true: the connection is gone from here, and c with it. */
static bool move_home(struct mrl_client *c, const struct mrl_mqtt_connect *p)
{
    const struct mrl_session_key key = {(uint8_t)c->subject.kind, c->subject.id, p->client_id};
    unsigned home = mrl_mqtt_home(&key, c->door->door_count);
    struct moved_message *moved;
    struct mrl_conn_parcel *parcel;

    if (is_shared(c)) /* its session is of this connection alone, and at home here */
        return false;
    if (home == c->door->config.index || mrl_conn_detach(c->conn, &parcel) != MRL_OK)
        return false; /* a connection that cannot move is closing: this worker ends it */
    moved = calloc(1, sizeof(*moved));
    if (moved == NULL)
        abort();
    moved->message = (struct mrl_message){.handle = on_moved, .drop = drop_moved};
    moved->to = c->door->doors[home];
    moved->parcel = parcel;
    mrl_mailbox_post(moved->to->config.mailbox, &moved->message);
    mrl_client_drop(c);
    return true;
}

struct recorded_message {
    struct mrl_message message;
    struct mrl_client *client;
    mrl_err result;
};

/* Resuming shows a CONNECT that is still in the stream. */
static void read_again(struct mrl_client *c)
{
    struct mrl_buf nothing = {0};

    mrl_conn_resume(c->conn);
    if (mrl_client_kept_connect(c).len > 0)
        mrl_client_on_connect(c, &nothing);
}

/* Answers a client whose entry is durable; one that left meanwhile was connected as far as the log
 * goes. */
static void on_recorded(struct mrl_message *m, void *owner)
{
    struct recorded_message *recorded = MRL_CONTAINER(m, struct recorded_message, message);
    struct mrl_client *c = recorded->client;
    mrl_err result = recorded->result;

    (void)owner;
    free(recorded);
    if (c->conn == NULL) {
        c->state = MRL_CLIENT_ENDING;
        mrl_client_drop(c);
        return;
    }
    if (result != MRL_OK) { /* what cannot be logged does not happen */
        c->state = MRL_CLIENT_ENDING;
        c->ended = "audit log not writable";
        mrl_conn_close_saying(c->conn, MRL_WS_INTERNAL_ERROR);
        return;
    }
    c->state = MRL_CLIENT_RECORDED;
    read_again(c);
}

static void drop_recorded(struct mrl_message *m)
{
    struct recorded_message *recorded = MRL_CONTAINER(m, struct recorded_message, message);
    struct mrl_client *c = recorded->client;

    free(recorded);
    c->state = MRL_CLIENT_ENDING;
    if (c->conn == NULL)
        mrl_client_drop(c);
}

/* On the writer thread. */
static void entry_is_durable(void *context, mrl_err result)
{
    struct recorded_message *recorded = context;

    recorded->result = result;
    mrl_mailbox_post(recorded->client->door->config.mailbox, &recorded->message);
}

static void record_opened(struct mrl_client *c, const struct mrl_mqtt_connect *p)
{
    const struct mrl_tls_facts *facts = mrl_conn_facts(c->conn);
    char proxy[MRL_PEER_TEXT];
    bool proxied = mrl_peer_format_proxy(mrl_conn_peer(c->conn), proxy);
    const struct mrl_audit_detail details[] = {
        MRL_AUDIT_TEXT("cipher", mrl_str(facts->cipher)),
        MRL_AUDIT_TEXT("client_id", p->client_id),
        MRL_AUDIT_TEXT("door", mrl_conn_is_ws(c->conn) ? MRL_LIT("mqtt-ws") : MRL_LIT("mqtt")),
        MRL_AUDIT_TEXT("proof", mrl_client_is_proven(c) ? MRL_LIT("yes") : MRL_LIT("no")),
        MRL_AUDIT_INT("protocol", p->version),
        MRL_AUDIT_TEXT("resumed", facts->resumed ? MRL_LIT("yes") : MRL_LIT("no")),
        MRL_AUDIT_TEXT("tls",
                       facts->version == MRL_TLS_1_3 ? MRL_LIT("TLSv1.3") : MRL_LIT("TLSv1.2")),
        MRL_AUDIT_TEXT("proxy", mrl_str(proxy)), /* last: not there without one */
    };
    struct recorded_message *recorded = calloc(1, sizeof(*recorded));

    if (recorded == NULL)
        abort();
    recorded->message = (struct mrl_message){.handle = on_recorded, .drop = drop_recorded};
    recorded->client = c;
    if (c->subject.kind == MRL_PRINCIPAL_DEVICE && !c->wiping)
        mrl_mqtt_note_trust(c->door->config.store, c->subject.id, p->props.user);
    c->state = MRL_CLIENT_RECORDING;
    mrl_conn_pause(c->conn);
    mrl_client_record(c, MRL_AUDIT_CONNECTION_OPENED, details, MRL_COUNT(details) - !proxied,
                      entry_is_durable, recorded);
}

/* A message that may live 0 seconds still has a moment: 0 would mean no end. */
static uint64_t will_life_ms(const struct mrl_mqtt_props *props)
{
    if (!mrl_mqtt_has(props, MRL_MQTT_PROP_MESSAGE_EXPIRY))
        return 0;
    return props->message_expiry > 0 ? (uint64_t)props->message_expiry * 1000 : 1;
}

static struct mrl_will will_of(const struct mrl_client *c, const struct mrl_mqtt_connect *p)
{
    uint8_t owner[MRL_OWNER_MAX];
    struct mrl_publication message = mrl_client_publication(&p->will.props);

    if (!p->has_will)
        return (struct mrl_will){0};
    message.topic = p->will.topic;
    message.payload = p->will.payload;
    message.qos = p->will.qos;
    message.retain = p->will.retain;
    if (message.retain)
        message.owner = mrl_client_owner(c, owner);
    message.expires_ms = 0; /* begins when it is published */
    return (struct mrl_will){mrl_publication_new(&message), p->will.props.will_delay,
                             will_life_ms(&p->will.props)};
}

/* Devices that never heard of each other hold the same certificate: whatever client id they choose,
 * no one takes over the session of another, and none is kept. */
static uint32_t expiry_of(const struct mrl_client *c, const struct mrl_mqtt_connect *p)
{
    if (is_shared(c))
        return 0;
    if (p->version == MRL_MQTT_311) /* a kept session of 3.1.1 has no end: the limit gives it one */
        return p->clean_start ? 0 : UINT32_MAX;
    return p->props.session_expiry;
}

static void take_wishes(struct mrl_client *c, const struct mrl_mqtt_connect *p)
{
    uint16_t most = c->door->config.limits->keep_alive_max_s;
    uint16_t keep_alive = p->keep_alive;

    if (p->version == MRL_MQTT_5 && (keep_alive == 0 || keep_alive > most))
        keep_alive = most; /* said in CONNACK; 3.1.1 has no way to say it */
    c->version = p->version;
    c->largest_packet = (uint32_t)c->quota->of[MRL_QUOTA_PACKET];
    c->keep_alive_ms = (uint64_t)keep_alive * 1500;
    c->maximum_packet = p->props.maximum_packet_size;
    c->problem_info = p->props.request_problem_info;
    c->aliases_out = p->props.topic_alias_maximum < c->door->config.limits->topic_aliases
                         ? p->props.topic_alias_maximum
                         : c->door->config.limits->topic_aliases;
    if (p->version == MRL_MQTT_311)
        c->maximum_packet = UINT32_MAX;
}

static void set_u16(struct mrl_mqtt_props *props, enum mrl_mqtt_prop id, uint16_t *field,
                    uint16_t value)
{
    *field = value;
    mrl_mqtt_set(props, id);
}

/* What this server does not do or bounds. MQTT 5.0 3.2.2.3 */
static void tell_limits(const struct mrl_client *c, const struct mrl_mqtt_connect *p,
                        struct mrl_mqtt_props *props)
{
    const struct mrl_mqtt_limits *limits = c->door->config.limits;

    props->maximum_packet_size = c->largest_packet;
    mrl_mqtt_set(props, MRL_MQTT_PROP_MAXIMUM_PACKET_SIZE);
    set_u16(props, MRL_MQTT_PROP_RECEIVE_MAXIMUM, &props->receive_maximum,
            (uint16_t)mrl_session_receive_maximum(c->session));
    if (limits->topic_aliases > 0) /* absent: none. MQTT 5.0 3.2.2.3.8 */
        set_u16(props, MRL_MQTT_PROP_TOPIC_ALIAS_MAXIMUM, &props->topic_alias_maximum,
                limits->topic_aliases);
    if (c->keep_alive_ms != (uint64_t)p->keep_alive * 1500)
        set_u16(props, MRL_MQTT_PROP_SERVER_KEEP_ALIVE, &props->server_keep_alive,
                (uint16_t)(c->keep_alive_ms / 1500));
    if (mrl_session_expiry(c->session) != p->props.session_expiry) {
        props->session_expiry = mrl_session_expiry(c->session);
        mrl_mqtt_set(props, MRL_MQTT_PROP_SESSION_EXPIRY);
    }
    if (mrl_client_is_proven(c)) { /* MQTT 5.0 3.2.2.3.17 */
        props->auth_method = mrl_client_auth_method(c);
        mrl_mqtt_set(props, MRL_MQTT_PROP_AUTH_METHOD);
    }
    if (p->client_id.len == 0) {
        props->assigned_client_id = mrl_session_key(c->session)->client_id;
        mrl_mqtt_set(props, MRL_MQTT_PROP_ASSIGNED_CLIENT_ID);
    }
}

/* Only who asks is told [MQTT-3.1.2-28]. */
static void tell_response_topic(const struct mrl_client *c, const struct mrl_mqtt_connect *p,
                                struct mrl_buf *topic, struct mrl_mqtt_props *props)
{
    mrl_bytes pattern = c->door->config.limits->response_topic;

    if (!p->props.request_response_info ||
        !mrl_response_topic(pattern, c->policy, &c->subject, topic))
        return;
    props->response_information = mrl_buf_bytes(topic);
    mrl_mqtt_set(props, MRL_MQTT_PROP_RESPONSE_INFORMATION);
}

static void welcome(struct mrl_client *c, const struct mrl_mqtt_connect *p)
{
    struct mrl_mqtt_packet answer = {.type = MRL_MQTT_CONNACK,
                                     .connack = {.session_present = c->present}};
    MRL_SCOPED(mrl_buf) response_topic = {0};

    if (p->version == MRL_MQTT_5) {
        tell_limits(c, p, &answer.connack.props);
        tell_response_topic(c, p, &response_topic, &answer.connack.props);
    }
    c->counted = true;
    mrl_client_count(c, MRL_COUNTER_CONNECTIONS_OPENED);
    if (mrl_client_send(c, &answer) !=
        MRL_OK) { /* and DISCONNECT may not come first [MQTT-3.14.0-1] */
        mrl_client_end(c, MRL_MQTT_PACKET_TOO_LARGE, "CONNACK larger than the client takes");
        return;
    }
    c->state = MRL_CLIENT_OPEN;
    if (c->unseen)
        mrl_credential_seen(c->door->config.registry, &mrl_conn_facts(c->conn)->fingerprint);
    mrl_guard_proven(c->door->config.guard, mrl_conn_peer(c->conn));
    mrl_client_arm(c);
    mrl_session_start(c->session);
    if (c->present)
        mrl_client_tell_renewal(c, MRL_BYTES_NONE);
}

static void attach(struct mrl_client *c, const struct mrl_mqtt_connect *p, mrl_bytes client_id)
{
    struct mrl_answer answer = {.type = MRL_MQTT_CONNACK};
    struct mrl_attach attach = {
        .key = {(uint8_t)c->subject.kind, c->subject.id, client_id},
        .clean_start = p->clean_start,
        .expiry_s = expiry_of(c, p),
        .receive_maximum = p->version == MRL_MQTT_5 ? p->props.receive_maximum : UINT16_MAX,
        .most_sessions = (unsigned)c->quota->of[MRL_QUOTA_SESSIONS],
        .will = will_of(c, p),
        .sink = &mrl_client_sink,
        .door = c,
    };
    struct mrl_receipt *receipt;
    mrl_err err;

    mrl_hub_watch(c->door->hub);
    err = mrl_session_attach(c->door->hub, &attach, &c->session, &c->present);
    if (err == MRL_OK && c->present && !c->subject.hardware_held)
        mrl_session_judge(c->session); /* it may have been opened with a key in hardware */
    receipt = mrl_hub_watched(c->door->hub);
    if (err != MRL_OK) {
        mrl_publication_unref(attach.will.publication);
        if (receipt != NULL)
            mrl_receipt_then(receipt, NULL, NULL);
        mrl_client_refuse(c, p, MRL_MQTT_QUOTA_EXCEEDED, "too many sessions of this principal");
        return;
    }
    take_wishes(c, p);
    if (receipt == NULL) {
        welcome(c, p);
        return;
    }
    c->state = MRL_CLIENT_ATTACHING;
    mrl_conn_pause(c->conn);
    mrl_client_answer(c, &answer, receipt);
}

/* MQTT 5.0 3.1.3-6; one that lives here, where whoever comes back with it will be brought. */
static mrl_bytes assign_client_id(const struct mrl_client *c, char id[2 * ASSIGNED_BYTES + 1])
{
    struct mrl_session_key key = {(uint8_t)c->subject.kind, c->subject.id, MRL_BYTES_NONE};
    uint8_t random[ASSIGNED_BYTES];

    do {
        mrl_random(random, sizeof(random));
        mrl_hex(mrl_bytes_of(random, sizeof(random)), id);
        key.client_id = mrl_str(id);
    } while (c->subject.kind == MRL_PRINCIPAL_APPLICATION &&
             mrl_mqtt_home(&key, c->door->door_count) != c->door->config.index);
    return key.client_id;
}

static void open_session(struct mrl_client *c, const struct mrl_mqtt_connect *p)
{
    char assigned[2 * ASSIGNED_BYTES + 1];

    bool own = p->client_id.len > 0 && !is_shared(c);

    attach(c, p, own ? p->client_id : assign_client_id(c, assigned));
}

void mrl_client_attached(struct mrl_client *c, mrl_err result)
{
    if (c->state != MRL_CLIENT_ATTACHING)
        return; /* ended meanwhile */
    c->attached = result;
    c->state = MRL_CLIENT_ATTACHED;
    read_again(c);
}

/* The session is durable, so CONNECT is answered; or it is not, and nothing of it stays. */
static void finish_attach(struct mrl_client *c, const struct mrl_mqtt_connect *p)
{
    if (c->attached == MRL_OK) {
        welcome(c, p);
        if (c->door->stopping)
            mrl_client_leave(c);
        return;
    }
    if (!c->present)
        (void)mrl_session_set_expiry(c->session, 0); /* 0 is always taken */
    mrl_session_detach(c->session, MRL_DETACH_CLEAN);
    c->session = NULL;
    mrl_client_refuse(c, p, MRL_MQTT_QUOTA_EXCEEDED, "the session could not be stored");
}

static struct verdict judge_wipe(const struct mrl_client *c, const struct mrl_mqtt_connect *p)
{
    if (p->has_will)
        return (struct verdict){MRL_MQTT_NOT_AUTHORIZED, "it is retired: no will"};
    if (mrl_mqtt_has(&p->props, MRL_MQTT_PROP_AUTH_METHOD))
        return (struct verdict){MRL_MQTT_BAD_AUTH_METHOD, "it is retired: no proof is asked"};
    return judge(c, p);
}

/* It is at home on every worker: there is no session. */
static void on_wipe_connect(struct mrl_client *c, const struct mrl_mqtt_connect *p)
{
    struct verdict verdict = judge_wipe(c, p);

    if (c->state == MRL_CLIENT_NEW && !mrl_client_may_connect(c))
        mrl_client_refuse(c, p, MRL_MQTT_CONNECTION_RATE_EXCEEDED, "connects too often");
    else if (verdict.reason != 0)
        mrl_client_refuse(c, p, verdict.reason, verdict.why);
    else if (c->state != MRL_CLIENT_RECORDED)
        record_opened(c, p);
    else {
        take_wishes(c, p);
        mrl_client_welcome_wipe(c, p);
    }
}

static bool wants_proof(const struct mrl_client *c, const struct mrl_mqtt_connect *p)
{
    return mrl_mqtt_has(&p->props, MRL_MQTT_PROP_AUTH_METHOD) && !mrl_client_is_proven(c);
}

/* false: the connection is gone from here, and c with it. */
static bool on_read(struct mrl_client *c, const struct mrl_mqtt_connect *p, mrl_bytes raw)
{
    const char *why = NULL;
    struct verdict verdict;

    if (c->state == MRL_CLIENT_ATTACHED) {
        finish_attach(c, p);
        return true;
    }
    if (!mrl_client_identify(c, &why)) {
        if (mrl_client_takes_wipe(c))
            on_wipe_connect(c, p);
        else if (!mrl_client_introduce(c, p))
            mrl_client_refuse(c, p, MRL_MQTT_NOT_AUTHORIZED, why);
        return true;
    }
    if (c->state == MRL_CLIENT_NEW && move_home(c, p))
        return false;
    if (c->state == MRL_CLIENT_NEW && !mrl_client_may_connect(c)) {
        mrl_client_refuse(c, p, MRL_MQTT_CONNECTION_RATE_EXCEEDED, "connects too often");
        return true;
    }
    verdict = judge(c, p); /* again after the wait: much can change in a few milliseconds */
    if (verdict.reason != 0)
        mrl_client_refuse(c, p, verdict.reason, verdict.why);
    else if (wants_proof(c, p))
        mrl_client_authenticate(c, p, raw);
    else if (c->state == MRL_CLIENT_RECORDED)
        open_session(c, p);
    else
        record_opened(c, p);
    return true;
}

void mrl_client_on_connect(struct mrl_client *c, struct mrl_buf *in)
{
    struct mrl_mqtt_fault fault = {.reason = MRL_MQTT_MALFORMED_PACKET, .text = "malformed packet"};
    mrl_bytes kept = mrl_client_kept_connect(c);
    mrl_bytes bytes = kept.len > 0 || in == NULL ? kept : mrl_buf_bytes(in);
    struct mrl_mqtt_packet packet;
    struct mrl_mqtt_frame frame;
    mrl_err err = mrl_mqtt_frame(bytes, c->door->config.limits->packet_bytes, &frame);

    if (err == MRL_ERR_AGAIN)
        return;
    if (err == MRL_OK)
        err = mrl_mqtt_read(&frame, MRL_MQTT_NONE, MRL_MQTT_FROM_CLIENT, &packet, &fault);
    if (err != MRL_OK) {
        refuse_unreadable(c, &fault);
        return;
    }
    if (!on_read(c, &packet.connect, mrl_bytes_sub(bytes, 0, frame.total)))
        return;
    if (c->state == MRL_CLIENT_RECORDING || c->state == MRL_CLIENT_ATTACHING ||
        c->state == MRL_CLIENT_INTRODUCING)
        return; /* it is read again then */
    if (kept.len > 0)
        mrl_client_forget_connect(c);
    else if (in != NULL)
        mrl_buf_consume(in, frame.total);
}
