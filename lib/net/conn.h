/* SPDX-License-Identifier: Apache-2.0 */
/* A connection on a loop: TLS server, TLS client, plain UNIX socket, or plain TCP for what is
 * signed and for everybody. Nothing connects to plain TCP. Layer: net. Thread: the worker whose
 * struct mrl_conns it is in.
 *
 * Life: made -> (handshake) -> on_open -> on_data, on_drained ... -> on_closed, always last and
 * exactly once, also when the handshake fails (then without on_open). A connection is never freed
 * inside a call of its user: close and abort take effect at the end of the turn, so a pointer is
 * good until its on_closed has returned, or until it was detached.
 *
 * A TLS 1.3 client is open before the server has judged its certificate: a refusal then comes as
 * on_closed, with the alert.
 *
 * Bytes written during a turn leave together at its end, up to 16 KiB in one TLS record. An idle
 * connection holds no buffers: they are borrowed from the worker while bytes are in flight. */
#ifndef MRL_NET_CONN_H
#define MRL_NET_CONN_H

#include "base/buf.h"
#include "net/address.h"
#include "net/loop.h"
#include "net/tls.h"
#include "net/tls_client.h"
#include "wire/ws.h"

struct mrl_conn;

enum mrl_conn_end {
    MRL_END_LOCAL,       /* we closed or aborted it */
    MRL_END_PEER,        /* the peer closed it properly */
    MRL_END_LOST,        /* reset, cut off, or could not connect */
    MRL_END_REFUSED,     /* handshake: see refusal */
    MRL_END_BACKLOG,     /* the peer does not take what we write: limit passed */
    MRL_END_INPUT_LIMIT, /* on_data left more than the limit behind */
    MRL_END_PROTOCOL,    /* broken TLS after the handshake, or see fault */
    MRL_END_OVERLOAD, /* never from here (an accept then gives MRL_ERR_BUSY): for doors that count
                       */
    MRL_END_SHUTDOWN, /* mrl_conns_free */
    MRL_END_COUNT_
};
const char *mrl_conn_end_name(enum mrl_conn_end end); /* "input-limit" */

struct mrl_conn_closed {
    enum mrl_conn_end end;
    enum mrl_tls_refusal refusal;      /* of MRL_END_REFUSED, else MRL_TLS_ACCEPTED */
    uint8_t peer_alert;                /* TLS alert the peer sent, 0: none */
    const struct mrl_tls_facts *facts; /* NULL without TLS; the fingerprint is set when refused */
    const char *fault;                 /* of a WebSocket peer, static; NULL: none */
};

/* What one kind of connection does; static and constant. on_data and on_closed are needed, the
 * others may be NULL. */
struct mrl_conn_kind {
    void (*on_open)(struct mrl_conn *c);
    /* Takes what it can from the front of in (mrl_buf_consume); the rest is kept and shown again
     * together with more. */
    void (*on_data)(struct mrl_conn *c, struct mrl_buf *in);
    /* May be NULL: so many WebSocket frames without data came, control frames included, of so many
     * bytes with their headers. */
    void (*on_idle_frames)(struct mrl_conn *c, unsigned frames, size_t bytes);
    void (*on_drained)(struct mrl_conn *c); /* all that was written is with the kernel */
    void (*on_closed)(struct mrl_conn *c, const struct mrl_conn_closed *closed);
    size_t input_limit;   /* bytes on_data may leave behind; 0: 64 KiB */
    size_t backlog_limit; /* bytes that may wait when more are written; 0: 1 MiB */
    bool secret;          /* credentials pass: what was read or written stays nowhere */
};

/* The connections of one worker: what they share. */
struct mrl_conns;
struct mrl_conns_config {
    struct mrl_loop *loop;         /* borrowed */
    uint64_t handshake_timeout_ms; /* 0: 10 s */
    size_t handshakes_limit;       /* in progress at once on this worker; 0: 1000 */
};
mrl_err mrl_conns_new(const struct mrl_conns_config *config, struct mrl_conns **out);
/* Ends what is left (on_closed with MRL_END_SHUTDOWN, what waits is sent as far as the kernel takes
 * it). Before the loop is freed; NULL is fine. */
void mrl_conns_free(struct mrl_conns *cs);
MRL_AUTO_DEFINE(mrl_conns);
struct mrl_conns_counts {
    size_t open;       /* including those shaking hands */
    size_t handshakes; /* in progress */
    size_t buffers;    /* lent out */
};
struct mrl_conns_counts mrl_conns_count(const struct mrl_conns *cs);

/* All of these take fd, on failure too (it is then closed), make it non-blocking, and borrow kind
 * for ever. Nothing is called back before they return. MRL_ERR_IO: the kernel refuses. */
/* A connected TCP socket: we are the TLS server. MRL_ERR_BUSY: handshakes_limit. */
mrl_err mrl_conn_accept_tls(struct mrl_conns *cs, int fd, const struct mrl_peer *peer,
                            struct mrl_tls_context *tls, const struct mrl_conn_kind *kind,
                            void *user, struct mrl_conn **out);
/* A connected UNIX socket, without TLS. MRL_ERR_INVALID: it is of another family. */
mrl_err mrl_conn_accept_unix(struct mrl_conns *cs, int fd, const struct mrl_peer *peer,
                             const struct mrl_conn_kind *kind, void *user, struct mrl_conn **out);
/* A connected TCP socket, without TLS: only for a door that neither takes nor gives anything that
 * has to be kept from others. MRL_ERR_INVALID: it is of another family. */
mrl_err mrl_conn_accept_plain(struct mrl_conns *cs, int fd, const struct mrl_peer *peer,
                              const struct mrl_conn_kind *kind, void *user, struct mrl_conn **out);
/* Connects; failures after that come as on_closed. tls is a client context, name what the server's
 * certificate must hold. */
mrl_err mrl_conn_connect_tls(struct mrl_conns *cs, const struct mrl_address *to,
                             struct mrl_tls_context *tls, mrl_bytes name,
                             const struct mrl_conn_kind *kind, void *user, struct mrl_conn **out);
mrl_err mrl_conn_connect_unix(struct mrl_conns *cs, const struct mrl_address *to,
                              const struct mrl_conn_kind *kind, void *user, struct mrl_conn **out);

void *mrl_conn_user(const struct mrl_conn *c);
void mrl_conn_set_user(struct mrl_conn *c, void *user);
void mrl_conn_set_kind(struct mrl_conn *c,
                       const struct mrl_conn_kind *kind); /* from the next call on */
const struct mrl_peer *mrl_conn_peer(const struct mrl_conn *c);
const struct mrl_tls_facts *mrl_conn_facts(const struct mrl_conn *c); /* NULL without TLS */
struct mrl_conns *mrl_conn_owner(const struct mrl_conn *c);
struct mrl_loop *mrl_conns_loop(const struct mrl_conns *cs);
/* As mrl_tls_channel_binding; MRL_ERR_UNSUPPORTED without TLS. */
mrl_err mrl_conn_channel_binding(const struct mrl_conn *c, struct mrl_buf *out,
                                 enum mrl_tls_binding *kind);

/* Copies. MRL_ERR_LIMIT: more than the limit of the backlog waits already (data may be larger than
 * it); nothing is added and the connection ends with MRL_END_BACKLOG. MRL_ERR_STATE: not open yet,
 * closing or closed. */
mrl_err mrl_conn_write(struct mrl_conn *c, mrl_bytes data);
/* So many bytes may wait beside the limit, until nothing waits any more: for one large thing that
 * is written next. Instead of what was allowed before. Only for a kind with a limit. */
void mrl_conn_allow(struct mrl_conn *c, uint32_t bytes);
size_t mrl_conn_backlog(const struct mrl_conn *c); /* bytes written that still wait here */
/* Back-pressure: no more on_data until resumed. What was read and kept is shown again after
 * resuming, at the end of the turn. */
void mrl_conn_pause(struct mrl_conn *c);
void mrl_conn_resume(struct mrl_conn *c);
/* No more on_data; sends what waits, then close_notify, then on_closed. A peer that does not take
 * it within the handshake timeout is cut off. Calling again: no-op. */
void mrl_conn_close(struct mrl_conn *c);
/* At once: what waits is thrown away. */
void mrl_conn_abort(struct mrl_conn *c);

/* From here on the bytes of an open connection travel in WebSocket frames (net/ws_link.h): its user
 * reads and writes what they carry, Ping is answered below it, Close is the end. What was read and
 * is not consumed yet counts as frames, and is shown at the end of the turn. What was written
 * before leaves as it is. MRL_ERR_STATE: not open, or begun already; MRL_ERR_CLOSED: on_closed
 * follows. */
mrl_err mrl_conn_start_ws(struct mrl_conn *c);
bool mrl_conn_is_ws(const struct mrl_conn *c);
/* As mrl_conn_close; over WebSocket Close says code, unless the peer closed before. */
void mrl_conn_close_saying(struct mrl_conn *c, enum mrl_ws_close_code code);

/* Moves an open connection to another worker (docs/decisions/0002): socket, TLS state, unread and
 * unsent bytes. detach, from any callback or outside: the connection pointer is dead, no callback
 * comes any more; the parcel may go to another thread in a mailbox message. MRL_ERR_STATE: not open
 * or closing already. Its TLS context must live until the connection is over. */
struct mrl_conn_parcel;
mrl_err mrl_conn_detach(struct mrl_conn *c, struct mrl_conn_parcel **out);
void mrl_conn_parcel_free(struct mrl_conn_parcel *p); /* cuts it off; NULL is fine */
MRL_AUTO_DEFINE(mrl_conn_parcel);
/* Takes the parcel, on failure too. Unread bytes are shown by on_data at the end of this turn;
 * on_open does not come again. */
mrl_err mrl_conn_adopt(struct mrl_conns *cs, struct mrl_conn_parcel *parcel,
                       const struct mrl_conn_kind *kind, void *user, struct mrl_conn **out);

#endif
