/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of one worker: its sessions, its subscriptions, and the way to the other workers'
 * hubs. Layer: messages. Thread: the worker that owns the hub, unless a function says otherwise.
 *
 * A session is keyed by (principal, client id): no client can touch another principal's session by
 * naming its client id. All sessions of a principal are on one hub
 * (docs/decisions/0002-home-worker.md). */
#ifndef MRL_MESSAGES_HUB_H
#define MRL_MESSAGES_HUB_H

#include "base/err.h"
#include "messages/ledger.h"
#include "messages/publication.h"
#include "messages/receipt.h"
#include "messages/retained.h"
#include "messages/route.h"
#include "net/loop.h"
#include "net/mailbox.h"

struct mrl_hub;
struct mrl_session;

/* Safe defaults in docs/operate/limits.md; each is tested at limit and limit + 1. */
struct mrl_hub_limits {
    unsigned subscriptions_per_session;
    unsigned queued_messages; /* waiting in one session */
    size_t queued_bytes;
    unsigned in_flight;        /* unacknowledged in one session, below its Receive Maximum too */
    uint32_t session_expiry_s; /* the most a client may ask for, and that a kept one lasts */
};

/* What one session may hold; retained: all sessions of its principal together. */
struct mrl_session_limits {
    unsigned subscriptions;
    unsigned queued_messages;
    unsigned in_flight; /* each way; of a connection that is open the one it began with */
    size_t queued_bytes;
    size_t retained_messages;
    size_t retained_bytes;
};

/* Who a session belongs to. All views are borrowed for the call. */
struct mrl_session_key {
    uint8_t principal_kind; /* opaque here */
    mrl_bytes principal;
    mrl_bytes client_id;
};

/* MQTT 5.0 3.8.3.1 */
enum mrl_retain_handling { MRL_RETAINED_ALWAYS, MRL_RETAINED_IF_NEW, MRL_RETAINED_NEVER };

/* What one subscription asks for. MQTT 5.0 3.8.3.1 */
struct mrl_subscribe_options {
    uint8_t qos;
    bool no_local;
    bool retain_as_published;
    uint8_t retain_handling;
    uint32_t identifier; /* 0: none */
};

/* One PUBLISH as it leaves to one receiver. */
struct mrl_delivery {
    const struct mrl_publication *publication;
    uint16_t packet_id; /* 0 with QoS 0 */
    uint8_t qos;
    bool dup;
    bool retain;
    const uint32_t *identifiers; /* of the matching subscriptions */
    size_t identifier_count;
};

enum mrl_evict_reason {
    MRL_EVICT_TAKEN_OVER,  /* MQTT 5.0 3.1.4-3 */
    MRL_EVICT_NOT_ALLOWED, /* revoked, suspended, retired, credential expired */
};

/* With none, messages of QoS 0 are lost, and others wait. */
enum mrl_room { MRL_ROOM_NONE, MRL_ROOM_LITTLE, MRL_ROOM_MUCH };

/* The door's side of a session, called from any hub or session function. None of them may call back
 * into the hub before it returns: a connection that must end does so at the end of the loop turn.
 * With evict the session is detached already. */
struct mrl_session_sink {
    /* false: larger than the client takes; it counts as delivered. MQTT 5.0 3.1.2-25 */
    bool (*publish)(void *door, const struct mrl_delivery *d);
    void (*pubrel)(void *door, uint16_t packet_id);
    void (*evict)(void *door, enum mrl_evict_reason why);
    /* Of the connection. Less than much: mrl_session_drained is called when there is. With any at
     * all it takes one more message, however large. */
    enum mrl_room (*room)(void *door);
};

enum mrl_hub_action { MRL_HUB_PUBLISH, MRL_HUB_SUBSCRIBE };
/* One question to the policy of a session. */
struct mrl_hub_question {
    enum mrl_hub_action action;
    mrl_bytes name; /* topic or filter */
    uint8_t qos;    /* of a subscription: the answer makes it what may be granted */
    bool retain;    /* publish only */
    bool empty;     /* publish only: there is no payload */
};

/* What the hub asks the rest of the daemon. */
struct mrl_hub_hooks {
    void *context;
    /* May this principal still be connected? Asked by mrl_hub_rejudge. */
    bool (*may_connect)(void *context, const struct mrl_session *s);
    /* Policy, asked for wills when they fire and for subscriptions at mrl_hub_rejudge. */
    bool (*may)(void *context, const struct mrl_session *s, struct mrl_hub_question *question);
    /* One message. MRL_ERR_BUSY: the queue is full; MRL_ERR_LIMIT: larger than the client takes;
     * MRL_ERR_TIMEOUT: expired; MRL_ERR_DENIED: a will the policy denies; MRL_ERR_NO_SPACE: the
     * store did not take it. */
    void (*dropped)(void *context, const struct mrl_session *s, mrl_err why);
    /* May be NULL. Changes what a session of this principal may hold, which is at first what struct
     * mrl_hub_limits says. Asked when it is made, when a client connects, and by mrl_hub_rejudge.
     */
    void (*limits)(void *context, const struct mrl_session_key *key,
                   struct mrl_session_limits *out);
    /* May be NULL. A connected session looked at so many places for retained messages (0: it is
     * about to). Gives how long it must not look any further, in ms. */
    uint64_t (*look)(void *context, const struct mrl_session *s, size_t places);
};

/* Everything is borrowed and outlives the hub. retained and routes are those of all hubs; index is
 * this hub's place in the array given to mrl_hub_join. The calling thread, and whoever uses the
 * hub, is registered for RCU (base/rcu.h). */
struct mrl_hub *mrl_hub_new(struct mrl_loop *loop, struct mrl_mailbox *mailbox, unsigned index,
                            struct mrl_retained *retained, struct mrl_routes *routes,
                            const struct mrl_hub_limits *limits, const struct mrl_hub_hooks *hooks);
/* Tells a hub of all hubs (itself included), before any worker runs. Borrows the array. */
void mrl_hub_join(struct mrl_hub *h, struct mrl_hub *const *hubs, unsigned count);
void mrl_hub_free(struct mrl_hub *h); /* sessions are dropped without wills; NULL is fine */

/* Routes to every matching session here and on the other workers, and keeps it when retain is set.
 * *receivers (optional): false when no subscription anywhere matches. MRL_ERR_LIMIT: the retained
 * store is full. */
mrl_err mrl_hub_publish(struct mrl_hub *h, const struct mrl_publication *p, bool *receivers);

/* What sessions of h outlive goes to the store from now on; before the first session. Borrows l. */
void mrl_hub_keep_in(struct mrl_hub *h, struct mrl_ledger *l);
/* What must be durable before it is acknowledged: everything between these two, on this and other
 * workers. mrl_hub_watched gives the receipt, or NULL when there is nothing to wait for. Errors of
 * the receipt: MRL_ERR_NO_SPACE and MRL_ERR_IO, nothing was kept. */
void mrl_hub_watch(struct mrl_hub *h);
struct mrl_receipt *mrl_hub_watched(struct mrl_hub *h);
/* The loop does not run any more, the store is still open: what has not left goes now. */
void mrl_hub_flush(struct mrl_hub *h);

/* A principal or its policy changed: its sessions here are judged again. kind and id as in the
 * session key; id empty: all of that kind. */
void mrl_hub_rejudge(struct mrl_hub *h, uint8_t principal_kind, mrl_bytes principal);

/* Whoever is owner of retained messages (messages/publication.h) never comes back: what it has and
 * what stands under the filter (if any) is removed, in the store as well. After the sessions of the
 * owner ended, or before any worker runs. */
void mrl_hub_forget(struct mrl_hub *h, mrl_bytes owner, mrl_bytes filter);

size_t mrl_hub_session_count(const struct mrl_hub *h);
size_t mrl_hub_connected_count(const struct mrl_hub *h);

/* A listener inside the daemon (event stream of the API): sees each matching message once, at QoS
 * 0. see must not change subscriptions. */
struct mrl_hub_listener;
mrl_err mrl_hub_listen(struct mrl_hub *h, mrl_bytes filter,
                       void (*see)(void *context, const struct mrl_publication *p), void *context,
                       struct mrl_hub_listener **out);
void mrl_hub_unlisten(struct mrl_hub *h, struct mrl_hub_listener *l); /* frees it; NULL is fine */

#endif
