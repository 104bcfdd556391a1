/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. Nobody else includes it. */
#ifndef MRL_MESSAGES_INTERNAL_H
#define MRL_MESSAGES_INTERNAL_H

#include "base/list.h"
#include "base/map.h"
#include "messages/journal.h"
#include "messages/route.h"
#include "messages/session.h"
#include "net/timer.h"

/* What stands in the route table: a session's subscription or a listener. */
struct mrl_subscriber {
    struct mrl_route_entry entry;
    struct mrl_session *session; /* NULL: it is a listener */
};

struct mrl_subscription {
    struct mrl_subscriber subscriber;
    struct mrl_subscribe_options options;
    bool shared;
    struct mrl_owed *owed; /* retained messages it has not got yet; or NULL */
    bool is_stored;
    struct mrl_subscribe_options stored; /* what the store has, when is_stored */
    unsigned undecided;                  /* on their way to the store */
    int64_t number;                      /* none before it, even of the same filter, has it */
    struct mrl_map_node in_session;      /* by filter */
    char filter[];                       /* as subscribed, $share/name/ included */
};

struct mrl_hub_listener {
    struct mrl_subscriber subscriber;
    void (*see)(void *context, const struct mrl_publication *p);
    void *context;
};

/* All sessions of one principal on this hub. */
struct mrl_principal_sessions {
    struct mrl_map_node in_hub; /* by key: the kind, then the id */
    struct mrl_list sessions;
    unsigned count;
    char key[];
};

enum mrl_step {
    MRL_STEP_QUEUED,
    MRL_STEP_UNSENT, /* in flight, but its connection had no room yet */
    MRL_STEP_PUBACK,
    MRL_STEP_PUBREC,
    MRL_STEP_PUBCOMP,
};

/* One message on its way to one session; step says what it waits for. */
struct mrl_outgoing {
    struct mrl_list link;
    struct mrl_publication *publication; /* dropped after PUBREC: only the id counts then */
    enum mrl_step step;
    uint64_t seq; /* counts in its session; the packet id follows from it */
    uint16_t packet_id;
    uint8_t qos;
    bool retain;
    uint64_t share;            /* of struct mrl_hit */
    bool again;                /* may have been sent before: DUP. MQTT 5.0 3.3.1-1 */
    bool kept;                 /* is in the store, or on the way there */
    bool held;                 /* must not leave before it is in the store */
    bool waiting;              /* a member's, QoS 2: nor before the store knows that it leaves */
    struct mrl_stored *stored; /* own reference; NULL: not kept, or only its id counts */
    struct mrl_op *op;         /* of the journal, under way; NULL: none */
    size_t identifier_count;
    uint32_t identifiers[];
};

/* The subscriptions of one session that match the message being routed, merged. MQTT 5.0 3.3.4-2,
 * -3 */
struct mrl_hit {
    struct mrl_session *session;
    uint8_t qos;
    bool retain_as_published;
    bool owed; /* retained messages, by one of them */
    size_t identifier_count;
    size_t identifier_cap;
    uint32_t *identifiers;
    uint64_t share; /* it is a member's turn: mrl_route_share_id. Else 0 */
};

/* A share, and of which of its members it is the turn (struct mrl_route_turn). */
struct mrl_chosen {
    uint64_t share;
    unsigned place;
};
/* On another worker. */
struct mrl_pick {
    unsigned worker;
    struct mrl_chosen chosen;
};

/* What a hub needs while it routes one message; its memory is kept for the next. */
struct mrl_routing {
    struct mrl_hub *hub;
    const struct mrl_publication *publication;
    struct mrl_hit *hits;
    size_t hit_count;
    size_t hit_cap;
    uint64_t turn;     /* number of this routing */
    uint64_t *seen;    /* of each worker: the routing that wanted it last */
    unsigned *workers; /* that want this message too */
    unsigned worker_count;
    struct mrl_pick *picks;
    size_t pick_count;
    size_t pick_cap;
    const struct mrl_chosen *given; /* shares somebody chose already */
    size_t given_count;
    struct mrl_gather *gather; /* of what is being routed, or NULL */
    bool any;
};

struct mrl_session {
    /* What every message to it touches comes first: a thousand receivers fit in no near cache. */
    size_t hit; /* only while a message is being routed: its hit's place, plus one */
    uint64_t number;
    const struct mrl_session_sink *sink;
    void *door;      /* NULL: not connected */
    bool started;    /* CONNACK is on its way: messages may follow */
    bool durable;    /* survives the process: in the store, or on the way there */
    bool refused;    /* at start: its principal went while nobody was there */
    bool ending;     /* nobody finds it any more: mrl_session_go_on_ending */
    unsigned window; /* most in flight: our limit and the client's Receive Maximum */
    struct mrl_hub *hub;
    unsigned queued_count;
    unsigned flying_count;
    struct mrl_list queued;      /* struct mrl_outgoing, oldest first */
    struct mrl_list flying;      /* not finished, in sending order; all behind unsent are so, too */
    struct mrl_outgoing *unsent; /* the first of them; NULL: none */
    size_t queued_bytes;
    uint64_t flying_since; /* delivery.c: a number below or equal to all of them */
    uint64_t last_seq;     /* given to a message */
    uint64_t sent;         /* the highest that left to the client */
    struct mrl_session_limits limits;

    struct mrl_map_node in_hub;   /* by the whole key */
    struct mrl_list in_principal; /* of one that is ending: in the hub's list of those */
    struct mrl_principal_sessions *principal;
    struct mrl_session_key key; /* views into in_hub.key */
    uint32_t expiry_s;
    unsigned receive_maximum; /* that the connection was told */
    struct mrl_will will;
    struct mrl_timer timer; /* runs while detached: the will's delay, then the expiry */
    uint64_t will_at_ms;    /* 0: none waiting */
    uint64_t expires_at_ms; /* 0: does not expire */

    struct mrl_map subscriptions;
    unsigned shared_count;   /* of them */
    bool shares_full;        /* one of these had no room: it is passed over */
    struct mrl_owing *owing; /* retained messages to some of them; or NULL */
    uint16_t *receiving;     /* QoS 2 packet ids between PUBLISH and PUBREL */
    unsigned receiving_count;

    bool will_kept;          /* not durable, but its row is, for the will; nothing else of it */
    int64_t row;             /* in the store; 0: never was there */
    bool has_row;            /* or the first one is under way */
    int64_t row_version;     /* of its row as written last */
    struct mrl_list pending; /* struct mrl_op under way */
};

struct mrl_hub {
    struct mrl_loop *loop;
    struct mrl_mailbox *mailbox;
    unsigned index;
    struct mrl_retained *retained;
    const struct mrl_hub_limits *limits;
    struct mrl_hub_hooks hooks;
    struct mrl_hub *const *hubs;
    unsigned hub_count;
    struct mrl_map sessions;
    struct mrl_map principals;
    size_t connected;
    struct mrl_routes *routes;
    struct mrl_routing routing;
    struct mrl_timer sweep;          /* of expired retained messages, on the first hub */
    bool closing;                    /* being freed: nothing is passed on */
    struct mrl_list owing;           /* sessions that may take what they are owed: owed.c */
    struct mrl_owed_turn *owed_turn; /* asked for; or NULL */
    struct mrl_list ending;          /* sessions */

    struct mrl_journal *journal; /* NULL: nothing survives the process */
    _Atomic size_t durable;      /* sessions: others wait for what they send here */
    bool watched;
    struct mrl_receipt *receipt; /* of what is watched, when there is something to wait for */
    struct mrl_op *companion;    /* what must become durable with the next message, or NULL */
    bool insists;                /* mrl_keep_insist */
    struct mrl_map unsettled;    /* retained messages on their way to the store: keep.c */
    struct mrl_stored *stored;   /* of the message being routed, own reference */
    const struct mrl_publication *stored_of;
};

/* hub.c */
/* At start, as each kept session is loaded: whether its principal may still be connected. If so its
 * subscriptions are judged by the policy of today; else it is to end when all are loaded. */
bool mrl_hub_judge_kept(struct mrl_session *s);
void mrl_hub_end_refused(struct mrl_hub *h);

/* routing.c */
void mrl_routing_init(struct mrl_hub *h);
void mrl_routing_done(struct mrl_hub *h);
/* A message of a share that its member cannot take any more goes to another one. MQTT 5.0 4.8.2 */
void mrl_routing_give_on(struct mrl_hub *h, const struct mrl_publication *p, uint64_t share);
/* What is published and given on from here to the end becomes durable together with this operation
 * (also one that waits for others already), on whichever workers its receivers are. */
void mrl_routing_together_with(struct mrl_hub *h, struct mrl_op *with);
void mrl_routing_together_end(struct mrl_hub *h);

/* delivery.c */
void mrl_deliver(struct mrl_session *s, const struct mrl_publication *p, const struct mrl_hit *hit,
                 bool retain);
void mrl_delivery_resume(
    struct mrl_session *s); /* after CONNACK: repeats what is in flight, then the queue */
void mrl_delivery_clear(struct mrl_session *s);
/* The session ends with its connection from now on: nothing of it is kept any more. */
void mrl_delivery_unkeep(struct mrl_session *s);
/* Back from the store: o is durable, refused, or durable as released. */
void mrl_delivery_kept(struct mrl_session *s, struct mrl_outgoing *o);
void mrl_delivery_refused(struct mrl_session *s, struct mrl_outgoing *o);
void mrl_delivery_released(struct mrl_session *s, struct mrl_outgoing *o);
void mrl_received_forget(struct mrl_session *s, uint16_t packet_id);

struct mrl_restored_entry {
    uint64_t seq;
    uint8_t flags;                       /* MRL_ENTRY_... */
    struct mrl_publication *publication; /* own reference; NULL: released */
    struct mrl_stored *stored;           /* own reference; NULL: released */
    mrl_bytes identifiers;               /* as in the row */
};
/* At start, in the order of the numbers; takes the references. maybe_sent: the client may have it.
 */
void mrl_delivery_restore(struct mrl_session *s, const struct mrl_restored_entry *e,
                          bool maybe_sent);
void mrl_received_restore(struct mrl_session *s, uint16_t packet_id);

/* subscription.c */
void mrl_subscription_restore(struct mrl_session *s, mrl_bytes filter,
                              const struct mrl_subscribe_options *o);
/* After it: what it was owed (messages/owed.h). */
void mrl_subscription_restore_owed(struct mrl_session *s, mrl_bytes filter, uint64_t passed,
                                   uint64_t until);
/* After that: one of these went before its turn. */
void mrl_subscription_restore_early(struct mrl_session *s, mrl_bytes filter, uint64_t number);
/* The share in which s gets messages of this topic (the first, of several); 0: in none. */
uint64_t mrl_subscriptions_share(struct mrl_session *s, mrl_bytes topic);
void mrl_subscriptions_clear(struct mrl_session *s);
void mrl_subscriptions_rejudge(struct mrl_session *s);
/* Members of shares take part while they are connected, and else as long as nobody is. */
void mrl_subscriptions_set_ready(struct mrl_session *s, bool ready);
/* A member of a share has no room for a message: others come first until something has left the
 * queue of its session, or its limits have changed. */
void mrl_subscription_set_full(struct mrl_subscription *subscription);
void mrl_subscriptions_have_room(struct mrl_session *s);
/* The store took these options, or (NULL) did not: then what it has holds, or there is none. */
void mrl_subscription_settled(struct mrl_session *s, mrl_bytes filter, int64_t number,
                              const struct mrl_subscribe_options *taken);

/* keep.c */
/* The message whose row was shared last is routed. */
void mrl_keep_forget_message(struct mrl_hub *h);

/* limits.c */
void mrl_session_take_limits(struct mrl_session *s);

/* session.c */
struct mrl_principal_sessions *mrl_principal_find(const struct mrl_hub *h, uint8_t kind,
                                                  mrl_bytes id);
/* At start: row as in the store, expires monotonic. Takes will (or NULL). */
struct mrl_session *mrl_session_restore(struct mrl_hub *h, const struct mrl_session_key *k,
                                        int64_t id, const struct mrl_session_row *row,
                                        struct mrl_publication *will);
void mrl_session_end(struct mrl_session *s); /* takes it; the door must be gone */
/* Frees one that is ending, unless what others get of it is still on its way to the store. */
void mrl_session_go_on_ending(struct mrl_session *s);
void mrl_session_evict(struct mrl_session *s, enum mrl_evict_reason why);
void mrl_session_fire_will(struct mrl_session *s);

#endif
