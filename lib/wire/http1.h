/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 heads, strictly (RFC 9110, RFC 9112): what two parsers could read in two ways is
 * refused. Pure: no I/O, no heap; all views borrow the input. Layer: wire. Thread: any.
 *
 * Errors: MRL_ERR_AGAIN (the head is not whole), MRL_ERR_MALFORMED, MRL_ERR_LIMIT,
 * MRL_ERR_UNSUPPORTED (a version or coding we do not speak). After any but MRL_ERR_AGAIN the
 * connection is to be closed. However the bytes are cut into pieces, the result is the same. */
#ifndef MRL_WIRE_HTTP1_H
#define MRL_WIRE_HTTP1_H

#include "base/bytes.h"
#include "base/err.h"

enum { MRL_HTTP_HEADERS_MAX = 64 };

struct mrl_http_limits {
    size_t head_bytes;   /* first line and headers up to and with the empty line */
    size_t headers;      /* header lines; never more than MRL_HTTP_HEADERS_MAX */
    size_t target_bytes; /* request target */
    uint64_t body_bytes; /* body without its framing */
};
#define MRL_HTTP_LIMITS_DEFAULT ((struct mrl_http_limits){16384, 48, 4096, 1048576})

struct mrl_http_header {
    mrl_bytes name;  /* as sent: compare without case */
    mrl_bytes value; /* without surrounding white space; no control characters but TAB */
};

struct mrl_http_headers {
    size_t count;
    struct mrl_http_header at[MRL_HTTP_HEADERS_MAX];
};

enum mrl_http_framing {
    MRL_HTTP_BODY_NONE,
    MRL_HTTP_BODY_LENGTH,
    MRL_HTTP_BODY_CHUNKED,
    MRL_HTTP_BODY_UNTIL_CLOSE, /* responses only */
};

struct mrl_http_request {
    mrl_bytes method; /* a token of at most 16 bytes; case matters */
    mrl_bytes target; /* origin-form, or "*" with OPTIONS; see wire/http1_uri.h */
    mrl_bytes host;   /* value of Host; empty only in HTTP/1.0 */
    struct mrl_http_headers headers;
    enum mrl_http_framing framing;
    uint64_t length;      /* with MRL_HTTP_BODY_LENGTH, at most limits.body_bytes */
    size_t head_len;      /* bytes of input the head took: the body starts there */
    bool http10;          /* HTTP/1.0: no chunked answer */
    bool expect_continue; /* the client waits for mrl_http_write_continue before its body */
    bool keep_alive;      /* another request may follow */
};

/* The request head at the start of in. On an error other than MRL_ERR_AGAIN, *status is the status
 * code to answer with (400, 411, 413, 414, 417, 431, 501, 505) and why the reason. out is written
 * only on success. RFC 9112 2.2, 3, 5, 6 */
mrl_err mrl_http_read_request(mrl_bytes in, const struct mrl_http_limits *limits,
                              struct mrl_http_request *out, unsigned *status, struct mrl_why *why);

struct mrl_http_response {
    unsigned status; /* 200 to 599 */
    mrl_bytes reason;
    struct mrl_http_headers headers;
    enum mrl_http_framing framing;
    uint64_t length;
    size_t head_len; /* with the interim responses before it */
    bool http10;
    bool keep_alive;
};

/* The final response head at the start of in; interim (1xx) responses before it are skipped, all
 * together within limits.head_bytes. 101 is refused: we never ask for another protocol. to_head:
 * the request was HEAD, so no body follows. out is written only on success. RFC 9112 4, 6.3 */
mrl_err mrl_http_read_response(mrl_bytes in, const struct mrl_http_limits *limits, bool to_head,
                               struct mrl_http_response *out, struct mrl_why *why);

/* The first header of that name, without case; NULL: not there. */
const mrl_bytes *mrl_http_header(const struct mrl_http_headers *headers, const char *name);
/* Whether a comma-separated list header (such as Connection or Accept-Encoding) holds the token,
 * over all lines of that name, without case. RFC 9110 5.6.1 */
bool mrl_http_header_lists(const struct mrl_http_headers *headers, const char *name,
                           mrl_bytes token);
/* Whether the media type of a Content-Type value (parameters aside) is type, without case. */
bool mrl_http_media_is(mrl_bytes content_type, const char *type);

/* token: 1*tchar. RFC 9110 5.6.2 */
bool mrl_http_is_token(mrl_bytes text);
/* May stand in a header: visible characters, blanks, TAB and bytes above 0x7f. RFC 9110 5.5 */
bool mrl_http_is_field_value(mrl_bytes text);

#endif
