/* SPDX-License-Identifier: Apache-2.0 */
/* Writes HTTP/1.1 messages. Layer: wire. Thread: any.
 * All append to out and leave it as it was on failure. MRL_ERR_INVALID: a name that is no token, a
 * value with CR, LF, NUL or another control character, or a header that the writer itself is
 * responsible for (Content-Length, Transfer-Encoding, Connection, Host in requests). MRL_ERR_LIMIT:
 * the limit of out. */
#ifndef MRL_WIRE_HTTP1_WRITE_H
#define MRL_WIRE_HTTP1_WRITE_H

#include "base/buf.h"
#include "wire/http1.h"

struct mrl_http_reply {
    unsigned status;                       /* 200 to 599 */
    const struct mrl_http_header *headers; /* with Upgrade: Connection names it, too */
    size_t header_count;
    bool close; /* writes Connection: close */
};

/* Head and body, with Content-Length (but 204 and 304, which have neither). */
mrl_err mrl_http_write_reply(const struct mrl_http_reply *reply, mrl_bytes body,
                             struct mrl_buf *out);
/* Head only, with Content-Length: length: the caller sends that many bytes after it, or none when
 * it answers HEAD. */
mrl_err mrl_http_write_reply_head(const struct mrl_http_reply *reply, uint64_t length,
                                  struct mrl_buf *out);
/* Head of an answer without a known length. chunked: its body is mrl_http_write_chunk...; else (for
 * HTTP/1.0) it is sent plain, ends with the connection, and Connection: close is written. */
mrl_err mrl_http_write_stream_head(const struct mrl_http_reply *reply, bool chunked,
                                   struct mrl_buf *out);
/* One chunk; nothing when data is empty, as an empty chunk means the end. RFC 9112 7.1 */
mrl_err mrl_http_write_chunk(mrl_bytes data, struct mrl_buf *out);
mrl_err mrl_http_write_last_chunk(struct mrl_buf *out);
/* 101: from here on the connection speaks what the header Upgrade names, which must be there. */
mrl_err mrl_http_write_switching(const struct mrl_http_header *headers, size_t count,
                                 struct mrl_buf *out);
/* The interim 100 (Continue). RFC 9110 15.2.1 */
mrl_err mrl_http_write_continue(struct mrl_buf *out);

/* One Server-Sent Event (text/event-stream), to be sent plain or as a chunk. id and name may be
 * empty; neither may hold CR, LF or NUL. Data holds no CR; each line of data becomes a data: line.
 * WHATWG HTML 9.2.6 */
struct mrl_http_event {
    mrl_bytes id;
    mrl_bytes name;
    mrl_bytes data;
};
mrl_err mrl_http_write_event(const struct mrl_http_event *event, struct mrl_buf *out);

struct mrl_http_request_parts {
    mrl_bytes method;
    mrl_bytes target; /* encoded already: see mrl_http_percent_write */
    mrl_bytes host;   /* host or host:port */
    const struct mrl_http_header *headers;
    size_t header_count;
    bool close;
};

/* Head and body. Content-Length is written when there is a body or the method is POST, PUT or
 * PATCH. */
mrl_err mrl_http_write_request(const struct mrl_http_request_parts *call, mrl_bytes body,
                               struct mrl_buf *out);
/* Head only, with Content-Length: the caller sends length bytes after it. */
mrl_err mrl_http_write_request_head(const struct mrl_http_request_parts *call, uint64_t length,
                                    struct mrl_buf *out);

/* "Not Found" for 404; a phrase of the class for codes without an own one. Never NULL. */
const char *mrl_http_reason(unsigned status);

#endif
