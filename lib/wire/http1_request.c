/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http1.h"
#include "wire/http1_head.h"

#include <string.h>

enum { METHOD_MAX = 16 };

/* RFC 9112 3.2: only origin-form, and "*" for OPTIONS; we are no proxy. The path itself is judged
 * by mrl_http_target_read. */
static mrl_err check_target(const struct mrl_http_request *q, const struct mrl_http_limits *limits,
                            struct mrl_http_refusal *refusal)
{
    if (q->target.len > limits->target_bytes)
        return mrl_http_refuse(refusal, 414, MRL_ERR_LIMIT, "target is over %zu bytes",
                               limits->target_bytes);
    if (mrl_bytes_eq(q->target, MRL_LIT("*")) && mrl_bytes_eq(q->method, MRL_LIT("OPTIONS")))
        return MRL_OK;
    if (!mrl_bytes_starts(q->target, MRL_LIT("/")))
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "target does not start with /");
    for (size_t i = 0; i < q->target.len; i++)
        if (q->target.data[i] <= ' ' || q->target.data[i] > '~')
            return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "character 0x%02x in target",
                                   q->target.data[i]);
    return MRL_OK;
}

static mrl_err read_request_line(mrl_bytes line, const struct mrl_http_limits *limits,
                                 struct mrl_http_request *q, struct mrl_http_refusal *refusal)
{
    mrl_bytes rest, version;

    if (!mrl_bytes_split(line, ' ', &q->method, &rest) ||
        !mrl_bytes_split(rest, ' ', &q->target, &version)) /* RFC 9112 3 */
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "request line needs three words");
    if (!mrl_http_is_token(q->method)) /* RFC 9112 3.1 */
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "method is not a token");
    MRL_TRY(mrl_http_read_version(version, &q->http10, refusal));
    if (q->method.len > METHOD_MAX)
        return mrl_http_refuse(refusal, 501, MRL_ERR_UNSUPPORTED, "unknown method");
    return check_target(q, limits, refusal);
}

/* RFC 3986 3.2.2 and 3.2.3: host and port, no user. */
static bool is_host(mrl_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];

        if (c <= ' ' || c > '~' || strchr("@/?#\\\"<>^`{|},", c) != NULL)
            return false;
    }
    return text.len > 0;
}

/* RFC 9112 3.2: exactly one, more than one was refused with the other singletons. */
static mrl_err read_host(struct mrl_http_request *q, struct mrl_http_refusal *refusal)
{
    const mrl_bytes *host = mrl_http_header(&q->headers, "Host");

    if (host == NULL && !q->http10)
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "Host is missing");
    if (host != NULL && !is_host(*host))
        return mrl_http_refuse(refusal, 400, MRL_ERR_MALFORMED, "Host is not host[:port]");
    q->host = host == NULL ? MRL_BYTES_NONE : *host;
    return MRL_OK;
}

static bool method_has_body(mrl_bytes method)
{
    return mrl_bytes_eq(method, MRL_LIT("POST")) || mrl_bytes_eq(method, MRL_LIT("PUT")) ||
           mrl_bytes_eq(method, MRL_LIT("PATCH"));
}

/* RFC 9112 6.3: a request without both headers has no body. HTTP/1.0 is not that clear. RFC 1945
 * 7.2.2 */
static mrl_err check_length_given(const struct mrl_http_request *q,
                                  struct mrl_http_refusal *refusal)
{
    if (q->http10 && q->framing == MRL_HTTP_BODY_NONE && method_has_body(q->method))
        return mrl_http_refuse(refusal, 411, MRL_ERR_MALFORMED, "Content-Length is missing");
    return MRL_OK;
}

static mrl_err read_expect(struct mrl_http_request *q, struct mrl_http_refusal *refusal)
{
    const mrl_bytes *expect = mrl_http_header(&q->headers, "Expect");
    bool has_body = q->framing == MRL_HTTP_BODY_CHUNKED || q->length > 0;

    q->expect_continue = false;
    if (expect == NULL || q->http10) /* RFC 9110 10.1.1: ignored in HTTP/1.0 */
        return MRL_OK;
    if (!mrl_bytes_eq_nocase(*expect, MRL_LIT("100-continue")))
        return mrl_http_refuse(refusal, 417, MRL_ERR_UNSUPPORTED, "Expect is not 100-continue");
    q->expect_continue = has_body;
    return MRL_OK;
}

static mrl_err read_request(mrl_bytes in, const struct mrl_http_limits *limits,
                            struct mrl_http_request *q, struct mrl_http_refusal *refusal)
{
    struct mrl_http_head head;

    MRL_TRY(mrl_http_read_head(in, limits, /*leading_empty=*/true, &head, refusal));
    q->headers = head.headers;
    q->head_len = head.len;
    MRL_TRY(read_request_line(head.first_line, limits, q, refusal));
    MRL_TRY(read_host(q, refusal));
    MRL_TRY(mrl_http_read_framing(&q->headers, q->http10, limits->body_bytes, &q->framing,
                                  &q->length, refusal));
    MRL_TRY(check_length_given(q, refusal));
    /* RFC 9112 9.3; HTTP/1.0 with its own keep-alive is not worth its traps. */
    q->keep_alive =
        !q->http10 && !mrl_http_header_lists(&q->headers, "Connection", MRL_LIT("close"));
    return read_expect(q, refusal);
}

mrl_err mrl_http_read_request(mrl_bytes in, const struct mrl_http_limits *limits,
                              struct mrl_http_request *out, unsigned *status, struct mrl_why *why)
{
    struct mrl_http_refusal refusal = {.status = 400, .why = why};
    struct mrl_http_request q;
    mrl_err err = read_request(in, limits, &q, &refusal);

    if (err == MRL_OK)
        *out = q;
    else if (err != MRL_ERR_AGAIN)
        *status = refusal.status;
    return err;
}
