/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http1_write.h"

/* RFC 9110 15, RFC 6585, RFC 8470 */
static const struct {
    unsigned status;
    const char *reason;
} reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *mrl_http_reason(unsigned status)
{
    static const char *const classes[] = {"Unknown",     "Informational", "Success",
                                          "Redirection", "Client Error",  "Server Error"};

    for (size_t i = 0; i < MRL_COUNT(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return status / 100 < MRL_COUNT(classes) ? classes[status / 100] : classes[0];
}

/* The writer states the framing itself: a second statement would be an ambiguity. */
static bool is_reserved(mrl_bytes name, bool request)
{
    return mrl_bytes_eq_nocase(name, MRL_LIT("Content-Length")) ||
           mrl_bytes_eq_nocase(name, MRL_LIT("Transfer-Encoding")) ||
           mrl_bytes_eq_nocase(name, MRL_LIT("Connection")) ||
           (request && mrl_bytes_eq_nocase(name, MRL_LIT("Host")));
}

static mrl_err check_headers(const struct mrl_http_header *headers, size_t count, bool request)
{
    for (size_t i = 0; i < count; i++) {
        MRL_ENSURE(mrl_http_is_token(headers[i].name), MRL_ERR_INVALID);
        MRL_ENSURE(mrl_http_is_field_value(headers[i].value), MRL_ERR_INVALID);
        MRL_ENSURE(!is_reserved(headers[i].name, request), MRL_ERR_INVALID);
    }
    return MRL_OK;
}

static mrl_err put_header(struct mrl_buf *out, mrl_bytes name, mrl_bytes value)
{
    MRL_TRY(mrl_buf_append(out, name));
    MRL_TRY(mrl_buf_append(out, MRL_LIT(": ")));
    MRL_TRY(mrl_buf_append(out, value));
    return mrl_buf_append(out, MRL_LIT("\r\n"));
}

static bool has_upgrade(const struct mrl_http_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (mrl_bytes_eq_nocase(headers[i].name, MRL_LIT("Upgrade")))
            return true;
    return false;
}

static mrl_err put_headers(struct mrl_buf *out, const struct mrl_http_header *headers, size_t count,
                           bool close)
{
    for (size_t i = 0; i < count; i++)
        MRL_TRY(put_header(out, headers[i].name, headers[i].value));
    if (has_upgrade(headers, count)) /* RFC 9110 7.8 */
        MRL_TRY(put_header(out, MRL_LIT("Connection"), MRL_LIT("Upgrade")));
    if (close)
        return put_header(out, MRL_LIT("Connection"), MRL_LIT("close"));
    return MRL_OK;
}

static mrl_err put_length(struct mrl_buf *out, uint64_t length)
{
    return mrl_buf_printf(out, "Content-Length: %llu\r\n", (unsigned long long)length);
}

static mrl_err put_body(struct mrl_buf *out, mrl_bytes body)
{
    MRL_TRY(mrl_buf_append(out, MRL_LIT("\r\n")));
    return mrl_buf_append(out, body);
}

/* All or nothing: half a message in a connection's buffer would break the next one. */
static mrl_err whole(struct mrl_buf *out, size_t before, mrl_err err)
{
    if (err != MRL_OK)
        out->len = before;
    return err;
}

static mrl_err put_status(struct mrl_buf *out, const struct mrl_http_reply *reply, bool close)
{
    MRL_ENSURE(reply->status >= 200 && reply->status <= 599, MRL_ERR_INVALID);
    MRL_TRY(check_headers(reply->headers, reply->header_count, /*request=*/false));
    MRL_TRY(
        mrl_buf_printf(out, "HTTP/1.1 %u %s\r\n", reply->status, mrl_http_reason(reply->status)));
    return put_headers(out, reply->headers, reply->header_count, close);
}

/* RFC 9110 8.6: no Content-Length with 204; with 304 it would speak of another answer. */
static bool has_no_body(unsigned status)
{
    return status == 204 || status == 304;
}

static mrl_err put_reply(struct mrl_buf *out, const struct mrl_http_reply *reply, uint64_t length,
                         mrl_bytes body)
{
    MRL_ENSURE(!has_no_body(reply->status) || length == 0, MRL_ERR_INVALID);
    MRL_TRY(put_status(out, reply, reply->close));
    if (!has_no_body(reply->status))
        MRL_TRY(put_length(out, length));
    return put_body(out, body);
}

mrl_err mrl_http_write_reply(const struct mrl_http_reply *reply, mrl_bytes body,
                             struct mrl_buf *out)
{
    size_t before = out->len;

    return whole(out, before, put_reply(out, reply, body.len, body));
}

mrl_err mrl_http_write_reply_head(const struct mrl_http_reply *reply, uint64_t length,
                                  struct mrl_buf *out)
{
    size_t before = out->len;

    return whole(out, before, put_reply(out, reply, length, MRL_BYTES_NONE));
}

static mrl_err put_stream(struct mrl_buf *out, const struct mrl_http_reply *reply, bool chunked)
{
    MRL_ENSURE(!has_no_body(reply->status), MRL_ERR_INVALID);
    MRL_TRY(put_status(out, reply, reply->close || !chunked));
    if (chunked)
        MRL_TRY(put_header(out, MRL_LIT("Transfer-Encoding"), MRL_LIT("chunked")));
    return put_body(out, MRL_BYTES_NONE);
}

mrl_err mrl_http_write_stream_head(const struct mrl_http_reply *reply, bool chunked,
                                   struct mrl_buf *out)
{
    size_t before = out->len;

    return whole(out, before, put_stream(out, reply, chunked));
}

static mrl_err put_switching(const struct mrl_http_header *headers, size_t count,
                             struct mrl_buf *out)
{
    MRL_ENSURE(has_upgrade(headers, count), MRL_ERR_INVALID); /* RFC 9110 15.2.2 */
    MRL_TRY(check_headers(headers, count, /*request=*/false));
    MRL_TRY(mrl_buf_append(out, MRL_LIT("HTTP/1.1 101 Switching Protocols\r\n")));
    MRL_TRY(put_headers(out, headers, count, /*close=*/false));
    return put_body(out, MRL_BYTES_NONE);
}

mrl_err mrl_http_write_switching(const struct mrl_http_header *headers, size_t count,
                                 struct mrl_buf *out)
{
    size_t before = out->len;

    return whole(out, before, put_switching(headers, count, out));
}

static mrl_err put_chunk(struct mrl_buf *out, mrl_bytes data)
{
    MRL_TRY(mrl_buf_printf(out, "%zx\r\n", data.len));
    MRL_TRY(mrl_buf_append(out, data));
    return mrl_buf_append(out, MRL_LIT("\r\n"));
}

mrl_err mrl_http_write_chunk(mrl_bytes data, struct mrl_buf *out)
{
    size_t before = out->len;

    if (data.len == 0)
        return MRL_OK;
    return whole(out, before, put_chunk(out, data));
}

mrl_err mrl_http_write_last_chunk(struct mrl_buf *out)
{
    return mrl_buf_append(out, MRL_LIT("0\r\n\r\n"));
}

mrl_err mrl_http_write_continue(struct mrl_buf *out)
{
    return mrl_buf_append(out, MRL_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
}

static bool is_event_field(mrl_bytes text)
{
    return mrl_bytes_find(text, '\r', 0) == text.len && mrl_bytes_find(text, '\n', 0) == text.len &&
           mrl_bytes_find(text, 0, 0) == text.len;
}

static mrl_err put_event_field(struct mrl_buf *out, mrl_bytes name, mrl_bytes value)
{
    MRL_TRY(mrl_buf_append(out, name));
    MRL_TRY(mrl_buf_append(out, value));
    return mrl_buf_append(out, MRL_LIT("\n"));
}

static mrl_err put_event(struct mrl_buf *out, const struct mrl_http_event *event)
{
    mrl_bytes rest = event->data, line;
    bool more = true;

    MRL_ENSURE(is_event_field(event->id) && is_event_field(event->name), MRL_ERR_INVALID);
    /* a CR ends a line for the reader as LF does: it could begin a field of its own */
    MRL_ENSURE(mrl_bytes_find(rest, '\r', 0) == rest.len, MRL_ERR_INVALID);
    if (event->id.len > 0)
        MRL_TRY(put_event_field(out, MRL_LIT("id: "), event->id));
    if (event->name.len > 0)
        MRL_TRY(put_event_field(out, MRL_LIT("event: "), event->name));
    while (more) {
        more = mrl_bytes_split(rest, '\n', &line, &rest);
        MRL_TRY(put_event_field(out, MRL_LIT("data: "), line));
    }
    return mrl_buf_append(out, MRL_LIT("\n"));
}

mrl_err mrl_http_write_event(const struct mrl_http_event *event, struct mrl_buf *out)
{
    size_t before = out->len;

    return whole(out, before, put_event(out, event));
}

/* RFC 9112 3.2.1; no blank or control character may end the target early. */
static bool is_target(mrl_bytes target)
{
    for (size_t i = 0; i < target.len; i++)
        if (target.data[i] <= ' ' || target.data[i] > '~' || target.data[i] == '#')
            return false;
    return mrl_bytes_starts(target, MRL_LIT("/")) || mrl_bytes_eq(target, MRL_LIT("*"));
}

static bool states_length(mrl_bytes method, uint64_t length)
{
    return length > 0 || mrl_bytes_eq(method, MRL_LIT("POST")) ||
           mrl_bytes_eq(method, MRL_LIT("PUT")) || mrl_bytes_eq(method, MRL_LIT("PATCH"));
}

static mrl_err put_request(struct mrl_buf *out, const struct mrl_http_request_parts *call,
                           uint64_t length, mrl_bytes body)
{
    MRL_ENSURE(mrl_http_is_token(call->method) && is_target(call->target), MRL_ERR_INVALID);
    MRL_ENSURE(call->host.len > 0 && mrl_http_is_field_value(call->host), MRL_ERR_INVALID);
    MRL_TRY(check_headers(call->headers, call->header_count, /*request=*/true));
    MRL_TRY(mrl_buf_append(out, call->method));
    MRL_TRY(mrl_buf_append(out, MRL_LIT(" ")));
    MRL_TRY(mrl_buf_append(out, call->target));
    MRL_TRY(mrl_buf_append(out, MRL_LIT(" HTTP/1.1\r\n")));
    MRL_TRY(put_header(out, MRL_LIT("Host"), call->host));
    MRL_TRY(put_headers(out, call->headers, call->header_count, call->close));
    if (states_length(call->method, length)) /* RFC 9110 8.6 */
        MRL_TRY(put_length(out, length));
    return put_body(out, body);
}

mrl_err mrl_http_write_request(const struct mrl_http_request_parts *call, mrl_bytes body,
                               struct mrl_buf *out)
{
    size_t before = out->len;

    return whole(out, before, put_request(out, call, body.len, body));
}

mrl_err mrl_http_write_request_head(const struct mrl_http_request_parts *call, uint64_t length,
                                    struct mrl_buf *out)
{
    size_t before = out->len;

    return whole(out, before, put_request(out, call, length, MRL_BYTES_NONE));
}
