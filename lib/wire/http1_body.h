/* SPDX-License-Identifier: Apache-2.0 */
/* Body of an HTTP/1.1 message as it arrives: by length, chunked, or until close (RFC 9112 6, 7).
 * Fed with any cut of the bytes, the result is the same. Pure. Layer: wire. Thread: one owner. */
#ifndef MRL_WIRE_HTTP1_BODY_H
#define MRL_WIRE_HTTP1_BODY_H

#include "base/buf.h"
#include "wire/http1.h"

enum {
    MRL_HTTP_CHUNK_EXTENSIONS_MAX = 1024, /* bytes in one body, all chunks together */
    MRL_HTTP_TRAILERS_MAX = 4096,         /* bytes in one body */
};

struct mrl_http_body { /* fields are private */
    unsigned state;
    uint64_t left;  /* bytes to come of the body or chunk */
    uint64_t total; /* bytes of body announced or seen so far */
    uint64_t limit;
    unsigned digits; /* of the chunk size */
    size_t extensions;
    size_t trailers;
};

/* framing and length as the head reader gave them; limit: most bytes of body accepted. */
void mrl_http_body_start(struct mrl_http_body *b, enum mrl_http_framing framing, uint64_t length,
                         uint64_t limit);
/* Appends the body bytes of in to out. MRL_OK: the body is complete; MRL_ERR_AGAIN: feed more. In
 * both cases *consumed bytes of in are used up (with MRL_ERR_AGAIN all); what is behind them
 * belongs to the next message. Chunk extensions and trailers are checked and dropped. Other errors:
 * MRL_ERR_MALFORMED, MRL_ERR_LIMIT (also out's own limit), with *status (may be NULL) the status to
 * answer: 400, 413 or 431; the connection is then to be closed. */
mrl_err mrl_http_body_read(struct mrl_http_body *b, mrl_bytes in, size_t *consumed,
                           struct mrl_buf *out, unsigned *status, struct mrl_why *why);
/* The peer closed its side: MRL_OK when the body is complete by that, else MRL_ERR_CLOSED: what
 * came is not the whole. */
mrl_err mrl_http_body_closed(const struct mrl_http_body *b, struct mrl_why *why);
bool mrl_http_body_complete(const struct mrl_http_body *b);

#endif
