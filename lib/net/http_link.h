/* SPDX-License-Identifier: Apache-2.0 */
/* The connection of a client: blocking, with a deadline. For net/http_client*.c, and for protocols
 * that only write (syslog).
 * Layer: net. Thread: one. */
#ifndef MRL_NET_HTTP_LINK_H
#define MRL_NET_HTTP_LINK_H

#include "net/address.h"
#include "net/tls_client.h"

#define MRL_HTTP_LINK_FOR_EVER UINT64_MAX

struct mrl_http_link { /* zeroed and fd -1: closed */
    int fd;
    struct mrl_tls *tls; /* NULL: UNIX socket */
    struct mrl_buf in;   /* read and not used yet */
    bool cut;            /* a request was not sent to its end: no other may follow it */
    /* set by the user */
    const char *server; /* for sentences */
    uint64_t deadline;  /* on the monotonic clock, in ms, or MRL_HTTP_LINK_FOR_EVER */
    int interrupt_fd;   /* or -1: readable, and every wait ends with MRL_ERR_AGAIN */
};

/* All: MRL_ERR_TIMEOUT at the deadline, MRL_ERR_AGAIN when interrupted. */

/* tls NULL: without. name: what the server's certificate must hold. MRL_ERR_IO: nobody there;
 * MRL_ERR_AUTH: the handshake failed. */
mrl_err mrl_http_link_open(struct mrl_http_link *l, const struct mrl_address *to,
                           struct mrl_tls_context *tls, const char *name, struct mrl_why *why);
void mrl_http_link_close(struct mrl_http_link *l);
bool mrl_http_link_is_open(const struct mrl_http_link *l);
/* Whether a link without a request under way may be used for another one. */
bool mrl_http_link_is_usable(struct mrl_http_link *l);
/* The whole of data, unless an answer begins before (RFC 9112 9.3): then cut is set. MRL_ERR_IO:
 * lost; else as of mrl_http_link_read. */
mrl_err mrl_http_link_write(struct mrl_http_link *l, mrl_bytes data, struct mrl_why *why);
/* Waits for more and appends it to in. MRL_ERR_CLOSED: the server ended it properly; MRL_ERR_IO:
 * lost; MRL_ERR_AUTH: the server refuses us (TLS 1.3 says so only now). */
mrl_err mrl_http_link_read(struct mrl_http_link *l, struct mrl_why *why);

#endif
