/* SPDX-License-Identifier: Apache-2.0 */
/* What the sources of net/http_server share; nobody else includes it. Layer: net. */
#ifndef MRL_NET_HTTP_INTERNAL_H
#define MRL_NET_HTTP_INTERNAL_H

#include <stdatomic.h>

#include "net/http_server.h"
#include "wire/http1.h"
#include "wire/http1_body.h"
#include "wire/http1_date.h"
#include "wire/http1_uri.h"
#include "wire/http1_write.h"

enum http_state {
    HTTP_OPENING, /* handshake */
    HTTP_IDLE,
    HTTP_READING, /* x is NULL until the head is whole */
    HTTP_ANSWERING,
    HTTP_LENDING, /* a lent body is under way */
    HTTP_STREAMING,
    HTTP_CLOSING,
    HTTP_GIVEN_AWAY, /* the connection is another's; this one is freed by on_data */
};

struct http_conn {
    struct mrl_list node; /* in server.connections */
    struct mrl_http_server *server;
    struct mrl_conn *conn;
    struct mrl_exchange *x;         /* being read or answered */
    struct mrl_http_stream *stream; /* of HTTP_STREAMING, and until on_closed */
    struct mrl_http_body body;
    struct mrl_timer timer; /* HTTP_IDLE, _READING, _LENDING, _CLOSING */
    size_t left;            /* bytes on_data left behind */
    size_t backlog;         /* when the idle timer was set: does the client take its answer? */
    uint8_t state;          /* enum http_state */
    bool showing;           /* inside on_data */
    bool paused;
};

struct mrl_http_server {
    struct mrl_http_server_config config;
    struct mrl_http_limits limits;
    struct mrl_conn_kind kind;
    struct mrl_list connections;
    size_t count;
    uint64_t next_id;
    int64_t date_at; /* the second date was made for */
    char date[MRL_HTTP_DATE_TEXT];
    bool stopping;
};

struct http_param {
    mrl_bytes name, value;
};
enum { HTTP_ID_DIGITS = 16 };

/* Everything the holder of an exchange may look at is its own: connection and server may be gone by
 * then. Only h is the worker's alone, and only the worker touches it. */
struct mrl_exchange {
    struct http_conn *h; /* NULL: the client left */
    void *context;
    struct mrl_mailbox *mailbox;
    atomic_bool abandoned; /* the client left: for a job that has not begun */
    struct mrl_job job;
    struct mrl_message message;
    void (*work)(struct mrl_exchange *x);
    /* request */
    struct mrl_arena arena;
    struct mrl_buf head; /* what request points into */
    struct mrl_http_request request;
    struct mrl_http_target target;
    struct http_param params[MRL_HTTP_QUERY_MAX];
    size_t param_count;
    struct mrl_buf body;
    struct mrl_peer peer;
    struct mrl_tls_facts facts;
    bool has_facts;
    struct mrl_buf binding;
    enum mrl_tls_binding binding_kind;
    char id[HTTP_ID_DIGITS + 1];
    /* answer */
    unsigned status;
    struct mrl_http_header headers[MRL_HTTP_ANSWER_HEADERS];
    size_t header_count;
    struct mrl_buf answer;
    mrl_bytes lent; /* the body instead of answer; while HTTP_LENDING what is left of it */
    void (*release)(void *context); /* NULL: nothing is lent */
    void *release_context;
    bool close;  /* HTTP_LENDING: the connection ends with this answer */
    bool broken; /* a header that cannot be sent: our bug */
    void (*at_end)(struct mrl_exchange *x, void *context); /* or NULL */
    void *at_end_context;
};

struct mrl_http_stream {
    struct http_conn *h;
    bool chunked;
    void (*gone)(void *context, struct mrl_http_stream *s);
    void *context;
};

/* net/http_server.c. answered: the exchange of h is over, the next request may come. */
void mrl_http_answered(struct http_conn *h, bool close);
void mrl_http_close(struct http_conn *h);

/* Waits for the client to take something. */
void mrl_http_wait(struct http_conn *h, enum http_state state);

/* net/http_lent.c: sends the next piece of the lent body of h->x, or ends that exchange. */
void mrl_http_lend_more(struct http_conn *h);

/* net/http_exchange.c */
struct mrl_exchange *mrl_exchange_new(struct http_conn *h);
void mrl_exchange_free(struct mrl_exchange *x); /* wipes; NULL is fine */
MRL_AUTO_DEFINE(mrl_exchange);
/* Copies head, reads it, its target and its query. */
mrl_err mrl_exchange_read_head(struct mrl_exchange *x, mrl_bytes head, unsigned *status,
                               struct mrl_why *why);
void mrl_exchange_bind(struct mrl_exchange *x); /* takes the channel binding */

/* net/http_answer.c */
bool mrl_exchange_is_head(const struct mrl_exchange *x);
/* Those of the handler and those every answer has; to holds HTTP_HEADERS_ALL. Returns how many. */
enum { HTTP_HEADERS_ALL = MRL_HTTP_ANSWER_HEADERS + 4 };
size_t mrl_exchange_headers(struct mrl_exchange *x, struct mrl_http_header *to);
/* Sends what the exchange holds as the last answer of its connection, and frees it. */
void mrl_exchange_send_last(struct mrl_exchange *x);

#endif
