/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 on connections of one worker: reads a whole request, hands it to the handler, writes its
 * answer. Layer: net. Thread: the worker, except for what is called inside a deferred function. RFC
 * 9110, 9112.
 *
 * The handler is called on the worker and must not block. It answers at once with
 * mrl_exchange_send, or passes the exchange to a service thread with mrl_exchange_defer; the answer
 * then leaves when that function returns. Either way an exchange is answered exactly once and is
 * gone afterwards. A client that leaves early, or closes its side of the connection before its
 * answer came, costs nothing but the work already begun. Requests of one connection are handled one
 * after another, in order. */
#ifndef MRL_NET_HTTP_SERVER_H
#define MRL_NET_HTTP_SERVER_H

#include "base/arena.h"
#include "net/conn.h"
#include "net/mailbox.h"
#include "net/service.h"

struct mrl_http_server;
struct mrl_exchange;

typedef void mrl_http_handler(void *context, struct mrl_exchange *x);

struct mrl_http_server_config { /* everything is borrowed and outlives the server */
    struct mrl_loop *loop;
    struct mrl_conns *conns;
    struct mrl_mailbox *mailbox;
    struct mrl_service *service;
    mrl_http_handler *handler;
    /* A connection that never became a request: refused handshake, broken request. May be NULL.
     * status is what was answered, 0 when refused in the handshake. closed is never NULL; of a
     * broken request it holds the facts. */
    void (*refused)(void *context, const struct mrl_peer *peer,
                    const struct mrl_conn_closed *closed, unsigned status, const char *why);
    /* A connection whose handshake agreed on a protocol (ALPN) that is not HTTP: it becomes
     * another's by mrl_conn_set_kind and mrl_conn_set_user. NULL: it is taken for HTTP. */
    void (*other)(void *context, struct mrl_conn *c);
    void *context;
    bool opaque_path;            /* mrl_exchange_path is as it was sent: the handler decodes it */
    size_t head_bytes;           /* request line and header fields; 0: 16 KiB */
    size_t body_bytes;           /* 0: 64 KiB */
    uint64_t request_timeout_ms; /* from the first byte to the last of a request; 0: 30 s */
    uint64_t idle_timeout_ms;    /* between requests; 0: 60 s */
};

mrl_err mrl_http_server_new(const struct mrl_http_server_config *config,
                            struct mrl_http_server **out);
/* Connections must be over (mrl_conns_free) and the service drained. NULL is fine. */
void mrl_http_server_free(struct mrl_http_server *s);
MRL_AUTO_DEFINE(mrl_http_server);
/* Stops: idle connections are closed, the others after their present answer. Streams end. Drained
 * when mrl_http_server_connections says 0. */
void mrl_http_server_stop(struct mrl_http_server *s);
size_t mrl_http_server_connections(const struct mrl_http_server *s);

/* Take fd, on failure too. */
void mrl_http_accept_tls(struct mrl_http_server *s, int fd, const struct mrl_peer *peer,
                         struct mrl_tls_context *tls);
void mrl_http_accept_unix(struct mrl_http_server *s, int fd, const struct mrl_peer *peer);
/* Without TLS: see mrl_conn_accept_plain. */
void mrl_http_accept_plain(struct mrl_http_server *s, int fd, const struct mrl_peer *peer);

/* The request: views that live as long as the exchange, from any thread. */
mrl_bytes mrl_exchange_method(const struct mrl_exchange *x);
mrl_bytes mrl_exchange_path(const struct mrl_exchange *x); /* percent-decoded, no dot segments */
/* Decoded. Broken encoding, a name given twice and more than MRL_HTTP_QUERY_MAX parameters were
 * answered with 400 before. */
enum { MRL_HTTP_QUERY_MAX = 32 };
bool mrl_exchange_query(struct mrl_exchange *x, const char *name, mrl_bytes *value);
bool mrl_exchange_header(const struct mrl_exchange *x, const char *name, mrl_bytes *value);
mrl_bytes mrl_exchange_body(const struct mrl_exchange *x);
const struct mrl_peer *mrl_exchange_peer(const struct mrl_exchange *x);
const struct mrl_tls_facts *
mrl_exchange_facts(const struct mrl_exchange *x); /* NULL on a UNIX socket */
/* Raw channel binding of the connection (net/tls.h), taken when the request was read; empty when
 * there is none. */
mrl_bytes mrl_exchange_channel_binding(const struct mrl_exchange *x, enum mrl_tls_binding *kind);
/* 16 hex digits, unique: in the log, in audit entries and in the answer as X-Request-Id. */
mrl_bytes mrl_exchange_request_id(const struct mrl_exchange *x);
void *mrl_exchange_context(const struct mrl_exchange *x); /* of the server's configuration */
/* worker; NULL: the client left. Not to be written to. */
struct mrl_conn *mrl_exchange_conn(const struct mrl_exchange *x);
struct mrl_arena *mrl_exchange_arena(struct mrl_exchange *x); /* lives as long as the exchange */

/* The answer being built; any thread that holds the exchange. The status is 200 until set. */
void mrl_exchange_set_status(struct mrl_exchange *x, unsigned status);
/* Replaces one of that name (at most MRL_HTTP_ANSWER_HEADERS). value is copied; CR, LF or NUL in it
 * are our bug and turn the answer into a 500, and so does a header the server is responsible for
 * (Content-Length, Transfer-Encoding, Connection). */
enum { MRL_HTTP_ANSWER_HEADERS = 24 };
void mrl_exchange_set_header(struct mrl_exchange *x, const char *name, mrl_bytes value);
/* A time as a header has it: RFC 9110 5.6.7 */
enum { MRL_HTTP_DATE = 32 };
void mrl_http_date(int64_t seconds, char to[static MRL_HTTP_DATE]);
struct mrl_buf *mrl_exchange_answer(struct mrl_exchange *x); /* the body, appended to */
/* The body is these bytes instead, which are not copied but sent piece by piece: whatever a client
 * takes its time for stays small here. release(context) is called once, on the worker, when they
 * are no longer needed. */
void mrl_exchange_lend(struct mrl_exchange *x, mrl_bytes body, void (*release)(void *context),
                       void *context);
/* Status, Content-Type text/plain and a sentence, instead of what the answer held: for errors. */
void mrl_exchange_fail(struct mrl_exchange *x, unsigned status, const char *format, ...)
    MRL_PRINTF(3, 4);

void mrl_exchange_send(struct mrl_exchange *x); /* worker: the answer is complete */
/* worker: work(x) runs on a service thread, then the answer leaves. A full queue is answered with
 * 503 and Retry-After at once. work is not called when the client left before its turn: what it
 * needs is in the arena of the exchange. */
void mrl_exchange_defer(struct mrl_exchange *x, void (*work)(struct mrl_exchange *x));

/* Once, when the exchange is over, however that comes: answered, or its client left. On the worker,
 * or on whoever drops what a stopped worker did not take. Not to answer in; the request can still
 * be read. Replaces the one before. */
void mrl_exchange_at_end(struct mrl_exchange *x,
                         void (*call)(struct mrl_exchange *x, void *context), void *context);

/* worker: turns the exchange into an endless answer (server-sent events); it takes the exchange
 * when it succeeds, else that is still to be answered. gone is called exactly once, on the worker
 * and never inside a call of its user: when the client left, the server stops or after
 * mrl_http_stream_end; the stream is freed after it. The connection ends with the stream.
 * MRL_ERR_CLOSED: the client left; MRL_ERR_UNSUPPORTED: HEAD; MRL_ERR_STATE: the server stops;
 * MRL_ERR_INVALID: a header that cannot be sent. */
struct mrl_http_stream;
mrl_err mrl_http_stream_start(struct mrl_exchange *x, const char *content_type,
                              void (*gone)(void *context, struct mrl_http_stream *s), void *context,
                              struct mrl_http_stream **out);
/* MRL_ERR_LIMIT: the reader is too slow (MRL_HTTP_STREAM_BACKLOG); the connection ends.
 * MRL_ERR_CLOSED: it ends already. */
enum { MRL_HTTP_STREAM_BACKLOG = 1 << 20 };
mrl_err mrl_http_stream_write(struct mrl_http_stream *s, mrl_bytes data);
size_t mrl_http_stream_backlog(const struct mrl_http_stream *s);
void mrl_http_stream_end(struct mrl_http_stream *s);

#endif
