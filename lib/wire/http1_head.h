/* SPDX-License-Identifier: Apache-2.0 */
/* What request and response heads have in common. Private to wire/http1_*.c. Layer: wire. */
#ifndef MRL_WIRE_HTTP1_HEAD_H
#define MRL_WIRE_HTTP1_HEAD_H

#include "wire/http1.h"

/* Why a head or body is refused: the status a server answers with, and the sentence. */
struct mrl_http_refusal {
    unsigned status;
    struct mrl_why *why; /* may be NULL */
};
/* Records both and returns err. */
mrl_err mrl_http_refuse(struct mrl_http_refusal *refusal, unsigned status, mrl_err err,
                        const char *format, ...) MRL_PRINTF(4, 5);

struct mrl_http_head {
    mrl_bytes first_line;
    struct mrl_http_headers headers;
    size_t len; /* of the whole head in the input */
};
/* Cuts the head into its first line and headers; an empty line before the first is skipped when
 * leading_empty is set (RFC 9112 2.2). Singleton headers stand at most once. */
mrl_err mrl_http_read_head(mrl_bytes in, const struct mrl_http_limits *limits, bool leading_empty,
                           struct mrl_http_head *out, struct mrl_http_refusal *refusal);

/* Body framing by Content-Length and Transfer-Encoding; MRL_HTTP_BODY_NONE when there is neither.
 */
mrl_err mrl_http_read_framing(const struct mrl_http_headers *headers, bool http10,
                              uint64_t body_limit, enum mrl_http_framing *framing, uint64_t *length,
                              struct mrl_http_refusal *refusal);

/* "HTTP/1.1" or "HTTP/1.0". MRL_ERR_UNSUPPORTED: another version of HTTP. */
mrl_err mrl_http_read_version(mrl_bytes text, bool *http10, struct mrl_http_refusal *refusal);

bool mrl_http_is_tchar(uint8_t c);
bool mrl_http_is_value_char(uint8_t c);

#endif
