/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 requests of programs without a loop: agent and command line. Layer: net. Thread: one;
 * calls block, each with a deadline. One connection is kept open and used again. */
#ifndef MRL_NET_HTTP_CLIENT_H
#define MRL_NET_HTTP_CLIENT_H

#include "base/buf.h"
#include "net/address.h"
#include "net/tls_client.h"

struct mrl_http_client;

struct mrl_http_client_config { /* borrowed for the call of new, tls for as long as the client lives
                                 */
    mrl_bytes server;           /* "host:port" or "unix:/path" */
    struct mrl_tls_context *tls; /* client context; NULL only for a UNIX socket */
    mrl_bytes server_name; /* what the server's certificate must hold; empty: the host of server */
    uint64_t timeout_ms;   /* of each request, connecting included; 0: 30 s */
    size_t body_limit;     /* of an answer; 0: 16 MiB */
};

/* Does not connect yet. MRL_ERR_INVALID with why. */
mrl_err mrl_http_client_new(const struct mrl_http_client_config *config,
                            struct mrl_http_client **out, struct mrl_why *why);
void mrl_http_client_free(struct mrl_http_client *c); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_http_client);

struct mrl_http_field {
    const char *name;
    mrl_bytes value;
};

struct mrl_http_call { /* borrowed */
    const char *method;
    mrl_bytes target; /* origin-form, encoded: "/v1/devices?limit=10" */
    const struct mrl_http_field *fields;
    size_t field_count;
    mrl_bytes body;
    const char *content_type; /* NULL without body */
    /* Holds a channel binding of the open connection: never goes to another one. MRL_ERR_CLOSED
     * when that is gone. */
    bool bound;
};

struct mrl_http_result { /* mrl_http_result_done frees it; may be used again */
    unsigned status;
    struct mrl_buf head; /* raw field lines */
    struct mrl_buf body;
};
void mrl_http_result_done(struct mrl_http_result *r);
bool mrl_http_result_header(const struct mrl_http_result *r, const char *name, mrl_bytes *value);

/* Opens the connection now, if there is none: for its facts or binding. Errors as of a request. */
mrl_err mrl_http_client_connect(struct mrl_http_client *c, struct mrl_why *why);

/* Any status is MRL_OK: the caller looks at it. A kept connection that turns out dead is opened
 * again once, for requests that may be repeated (GET or HEAD, or nothing sent yet). MRL_ERR_IO:
 * cannot connect; MRL_ERR_AUTH: TLS refused, by us or by the server (why says which);
 * MRL_ERR_TIMEOUT; MRL_ERR_MALFORMED; MRL_ERR_LIMIT. */
mrl_err mrl_http_client_request(struct mrl_http_client *c, const struct mrl_http_call *call,
                                struct mrl_http_result *out, struct mrl_why *why);

/* An endless answer (server-sent events): see is called with each piece as it comes until it
 * returns false (MRL_OK), the server ends it (MRL_ERR_CLOSED) or nothing came for idle_ms
 * (MRL_ERR_TIMEOUT; 0: waits for ever). A status other than 200 is returned in out->status with the
 * body, without any call of see. interrupt_fd (or -1) readable: MRL_ERR_AGAIN. */
mrl_err mrl_http_client_stream(struct mrl_http_client *c, const struct mrl_http_call *call,
                               bool (*see)(void *context, mrl_bytes piece), void *context,
                               uint64_t idle_ms, int interrupt_fd, struct mrl_http_result *out,
                               struct mrl_why *why);

/* What TLS says of the open connection; NULL without one. */
const struct mrl_tls_facts *mrl_http_client_facts(const struct mrl_http_client *c);
/* MRL_ERR_STATE: no open connection; MRL_ERR_UNSUPPORTED: without TLS, or see net/tls.h. */
mrl_err mrl_http_client_binding(const struct mrl_http_client *c, struct mrl_buf *out,
                                enum mrl_tls_binding *kind);

#endif
