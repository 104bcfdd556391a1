/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http1.h"
#include "wire/http1_head.h"

static mrl_err read_status_line(mrl_bytes line, struct mrl_http_response *p,
                                struct mrl_http_refusal *refusal)
{
    mrl_bytes version, rest, code;
    uint64_t status;

    /* RFC 9112 4; the blank before an empty reason may be absent: servers do that */
    if (!mrl_bytes_split(line, ' ', &version, &rest))
        return mrl_http_refuse(refusal, 502, MRL_ERR_MALFORMED, "status line needs a status");
    MRL_TRY(mrl_http_read_version(version, &p->http10, refusal));
    (void)mrl_bytes_split(rest, ' ', &code, &p->reason);
    if (code.len != 3 || !mrl_bytes_to_u64(code, 599, &status) || status < 100)
        return mrl_http_refuse(refusal, 502, MRL_ERR_MALFORMED, "status is not 100 to 599");
    p->status = (unsigned)status;
    return MRL_OK;
}

static mrl_err read_one(mrl_bytes in, const struct mrl_http_limits *limits,
                        struct mrl_http_response *p, struct mrl_http_refusal *refusal)
{
    struct mrl_http_head head;

    MRL_TRY(mrl_http_read_head(in, limits, /*leading_empty=*/false, &head, refusal));
    p->headers = head.headers;
    p->head_len = head.len;
    MRL_TRY(read_status_line(head.first_line, p, refusal));
    if (p->status == 101) /* RFC 9110 15.2.2: only after Upgrade, which we never send */
        return mrl_http_refuse(refusal, 502, MRL_ERR_MALFORMED, "unasked change of protocol");
    return MRL_OK;
}

/* RFC 9112 6.3, in its order. */
static mrl_err read_framing(struct mrl_http_response *p, bool to_head,
                            const struct mrl_http_limits *limits, struct mrl_http_refusal *refusal)
{
    bool bodiless = to_head || p->status == 204 || p->status == 304;
    /* the length announced without a body is no reason to refuse */
    uint64_t limit = bodiless ? UINT64_MAX : limits->body_bytes;

    MRL_TRY(mrl_http_read_framing(&p->headers, p->http10, limit, &p->framing, &p->length, refusal));
    if (bodiless) {
        p->framing = MRL_HTTP_BODY_NONE;
        p->length = 0;
    } else if (p->framing == MRL_HTTP_BODY_NONE) {
        p->framing = MRL_HTTP_BODY_UNTIL_CLOSE;
    }
    p->keep_alive = !p->http10 && p->framing != MRL_HTTP_BODY_UNTIL_CLOSE &&
                    !mrl_http_header_lists(&p->headers, "Connection", MRL_LIT("close"));
    return MRL_OK;
}

mrl_err mrl_http_read_response(mrl_bytes in, const struct mrl_http_limits *limits, bool to_head,
                               struct mrl_http_response *out, struct mrl_why *why)
{
    struct mrl_http_refusal refusal = {.why = why};
    struct mrl_http_limits left = *limits;
    struct mrl_http_response p;
    size_t skipped = 0;

    MRL_TRY(read_one(in, &left, &p, &refusal));
    while (p.status < 200) { /* RFC 9110 15.2: interim; each takes from the one limit */
        skipped += p.head_len;
        left.head_bytes = limits->head_bytes - skipped;
        MRL_TRY(read_one(mrl_bytes_sub(in, skipped, SIZE_MAX), &left, &p, &refusal));
    }
    MRL_TRY(read_framing(&p, to_head, limits, &refusal));
    p.head_len += skipped;
    *out = p;
    return MRL_OK;
}
