/* SPDX-License-Identifier: Apache-2.0 */
/* One MQTT connection, as the files of this folder share it. Nobody else includes it. */
#ifndef MRL_DOORS_MQTT_CLIENT_H
#define MRL_DOORS_MQTT_CLIENT_H

#include "access/policy.h"
#include "doors/mqtt/alias.h"
#include "doors/mqtt/answers.h"
#include "doors/mqtt/door.h"
#include "doors/mqtt/encoded.h"
#include "doors/mqtt/quota.h"
#include "messages/session.h"
#include "wire/mqtt.h"

struct mrl_mqtt_door {
    struct mrl_mqtt_door_config config;
    struct mrl_hub *hub;
    struct mrl_mqtt_door *const *doors;
    struct mrl_hub **hubs; /* of all doors */
    unsigned door_count;
    struct mrl_list clients;
    struct mrl_list wiping; /* of the clients those with no session, here for their wipe order */
    struct mrl_usages usages;
    struct mrl_buf scratch;     /* one packet being written */
    struct mrl_buf identifiers; /* and its subscription identifiers, encoded */
    struct mrl_encoded encoded; /* the PUBLISH that was written last */
    bool stopping;
};

enum { MRL_LOG_HEAD_EVERY_MS = 10000 }; /* anchors of one connection */

enum mrl_client_state {
    MRL_CLIENT_NEW,            /* CONNECT is awaited */
    MRL_CLIENT_AUTHENTICATING, /* CONNECT asked for a proof, which is awaited */
    MRL_CLIENT_INTRODUCING,    /* it is decided whether its certificate becomes a credential */
    MRL_CLIENT_RECORDING,      /* CONNECT is good; its audit entry is on the way to the disk */
    MRL_CLIENT_RECORDED,       /* the entry is durable: CONNECT may be answered */
    MRL_CLIENT_ATTACHING,      /* its session is on the way to the disk */
    MRL_CLIENT_ATTACHED,       /* the session is durable, or refused */
    MRL_CLIENT_OPEN,
    MRL_CLIENT_ENDING, /* closing: what still comes is not looked at */
};

struct mrl_client {
    /* What every message to and from it touches comes first, as in a session. */
    struct mrl_mqtt_door *door;
    struct mrl_conn *conn; /* NULL: closed while RECORDING */
    enum mrl_client_state state;
    enum mrl_mqtt_version version;
    uint32_t maximum_packet; /* of the client; UINT32_MAX: any */
    uint32_t largest_packet; /* it was told that we take */
    uint16_t aliases_out;    /* most that may be sent to it */
    bool problem_info;       /* it wants reason strings. MQTT 5.0 3.1.2.11.7 */
    bool unseen;             /* its certificate was never on a connection before */
    bool counted;            /* connection.opened is in the log */
    bool wiping;             /* a retired device, here for its wipe order: no session */
    bool clean;              /* DISCONNECT 0x00 came */
    bool held_back;          /* not read: too many answers wait */
    bool present;            /* the session was there. MQTT 5.0 3.2.2.1.1 */
    unsigned extra;          /* messages the packet at hand counts as, besides what its type does */
    uint64_t resume_ms;      /* it is not read until then; 0: it is */
    uint64_t seen_ms;        /* when bytes came last */
    uint64_t packet_ms;      /* when a whole packet came last */
    struct mrl_session *session;
    const struct mrl_policy *policy; /* own reference, as is quota */
    const struct mrl_quota *quota;
    struct mrl_usage *usage; /* of its device; NULL: nothing was sent yet */

    struct mrl_list in_door;
    struct mrl_subject subject; /* owned: all its texts are the block at id.data */
    struct mrl_timer timer;     /* CONNECT, keep alive, end of the certificate */
    uint64_t keep_alive_ms;     /* one and a half times Keep Alive; 0: none. MQTT 5.0 3.1.2-22 */
    int64_t not_before;         /* of the certificate, seconds since 1970 */
    int64_t not_after;
    int64_t renew_at;      /* when it is told to renew; INT64_MAX: it was, or never */
    mrl_err attached;      /* what the store said */
    unsigned early_frames; /* WebSocket frames without data before it was let in */
    struct mrl_aliases *aliases;
    struct mrl_client_introduction *introduction; /* NULL: its certificate was known */
    struct mrl_client_auth *auth;                 /* NULL: the certificate alone */
    uint64_t log_head_ms; /* when its event log was anchored last; 0: not yet */
    struct mrl_answers answers;
    struct mrl_list requests; /* of provisioning, under way */
    const char *ended;        /* why it is over, for the log: static text */
};

/* client.c */
extern const struct mrl_conn_kind mrl_client_kind;
/* The same, of a connection whose session wants to know when it has written what waits. */
extern const struct mrl_conn_kind mrl_client_kind_filled;
/* In the state NEW, in the door's list; its connection is set by the caller. */
struct mrl_client *mrl_client_new(struct mrl_mqtt_door *d);
/* Its connection is gone: frees it, or lets its pending audit entry do so. */
void mrl_client_drop(struct mrl_client *c);
/* Its connection is not let in: counted, and noted in the audit log. */
void mrl_client_note_refused(struct mrl_client *c, const struct mrl_conn_closed *closed);
/* As mrl_client_send, with a Reason String when the client asked for them and it fits
 * [MQTT-3.1.2-29]; props is that of the packet. */
mrl_err mrl_client_send_reason(struct mrl_client *c, struct mrl_mqtt_packet *p,
                               struct mrl_mqtt_props *props, const char *why);
/* What the log calls an enum mrl_principal_kind. */
enum mrl_audit_actor_kind mrl_client_actor_kind(uint8_t principal_kind);
/* One audit entry about this connection; done as in mrl_audit_record. */
void mrl_client_record(const struct mrl_client *c, enum mrl_audit_action action,
                       const struct mrl_audit_detail *details, size_t count,
                       void (*done)(void *context, mrl_err result), void *context);
/* Sends DISCONNECT with this reason (MQTT 5.0) and closes after what is written. why: static text.
 */
void mrl_client_end(struct mrl_client *c, uint8_t reason, const char *why);
/* Writes one packet; a packet larger than the client takes is not sent: MRL_ERR_LIMIT. */
mrl_err mrl_client_send(struct mrl_client *c, const struct mrl_mqtt_packet *p);
void mrl_client_count(const struct mrl_client *c, enum mrl_counter counter);
/* Notes a denial in the audit log. */
void mrl_client_denied(const struct mrl_client *c, enum mrl_audit_action action, mrl_bytes target,
                       const char *why);
/* Notes that the client proved again that it holds its key. */
void mrl_client_proved(const struct mrl_client *c);
/* The head of the device's own event log goes into the audit log. */
struct mrl_device_log_head;
void mrl_client_anchor_log(const struct mrl_client *c, const struct mrl_device_log_head *head);
/* Takes identity and policy from the registry. false: it may not be connected (any more); *why says
 * so. */
bool mrl_client_identify(struct mrl_client *c, const char **why);
/* Of a retired device: who it is and what it may use up; no policy. false: not known. */
bool mrl_client_take_retired(struct mrl_client *c);
struct mrl_wipe_receipt;
/* mrl_wipe_answer for the device of this connection. */
void mrl_client_answer_wipe(const struct mrl_client *c, const struct mrl_wipe_receipt *receipt,
                            void (*done)(void *context, mrl_err result), void *context);
void mrl_client_arm(struct mrl_client *c);
/* Server Reference beside the reasons that may have one. MQTT 5.0 3.14.2.2.5 */
void mrl_client_refer(const struct mrl_client *c, uint8_t reason, struct mrl_mqtt_props *props);

/* leave.c */
/* The server stops: its turn has come. */
void mrl_client_leave(struct mrl_client *c);
/* What a CONNECT gets meanwhile. */
uint8_t mrl_client_away_reason(const struct mrl_client *c, enum mrl_mqtt_version version);

/* renew.c */
/* Its certificate is known: when is it to be renewed? */
void mrl_client_plan_renewal(struct mrl_client *c);
/* Tells it to renew, if it is to now and is subscribed: by this filter, or, empty, by any. */
void mrl_client_tell_renewal(struct mrl_client *c, mrl_bytes filter);

/* connect.c */
/* Reads and judges the CONNECT in front of in, or the one that is kept while AUTH packets pass; in
 * may then be empty. */
void mrl_client_on_connect(struct mrl_client *c, struct mrl_buf *in);
/* The session is durable, or the store refused it. */
void mrl_client_attached(struct mrl_client *c, mrl_err result);
/* CONNACK with a reason, and the end. Of p: version, and what it says about the answer. */
void mrl_client_refuse(struct mrl_client *c, const struct mrl_mqtt_connect *p, uint8_t reason,
                       const char *why);

/* introduce.c */
struct mrl_client_introduction;
void mrl_client_introduction_free(struct mrl_client_introduction *i); /* NULL is fine */
/* Its certificate is not known. false: nobody introduces it either; else the CONNECT is read again
 * later, or was refused. */
bool mrl_client_introduce(struct mrl_client *c, const struct mrl_mqtt_connect *p);
/* When to come again, for one that found no place to be introduced; 0: nothing is said. */
unsigned mrl_client_wait_s(const struct mrl_client *c);

/* authenticate.c */
struct mrl_client_auth;
void mrl_client_auth_free(struct mrl_client_auth *a); /* NULL is fine */
/* Asks for the proof; raw is the whole CONNECT, which is kept. */
void mrl_client_authenticate(struct mrl_client *c, const struct mrl_mqtt_connect *p, mrl_bytes raw);
bool mrl_client_is_proven(const struct mrl_client *c);
mrl_bytes mrl_client_auth_method(const struct mrl_client *c);  /* empty: none */
mrl_bytes mrl_client_kept_connect(const struct mrl_client *c); /* empty: none */
void mrl_client_forget_connect(struct mrl_client *c);
/* What comes while AUTHENTICATING. */
void mrl_client_on_early_data(struct mrl_client *c, struct mrl_buf *in);
void mrl_client_on_auth(struct mrl_client *c, const struct mrl_mqtt_auth *p);

/* packets.c */
/* The properties of a message or will that travel with it; topic, payload and flags are left to the
 * caller. */
struct mrl_publication mrl_client_publication(const struct mrl_mqtt_props *props);
void mrl_client_on_packet(struct mrl_client *c, const struct mrl_mqtt_packet *p);
void mrl_client_send_ack(struct mrl_client *c, enum mrl_mqtt_type type, uint16_t packet_id,
                         uint8_t reason, const char *why); /* why: static text or NULL */

/* The server has taken a message for itself: its acknowledgement at QoS 1. */
void mrl_client_take_publish(struct mrl_client *c, const struct mrl_mqtt_publish *p);
void mrl_client_on_log_head(struct mrl_client *c, const struct mrl_mqtt_publish *p,
                            const mrl_bytes *variables);

/* deliver.c */
extern const struct mrl_session_sink mrl_client_sink;

#endif
