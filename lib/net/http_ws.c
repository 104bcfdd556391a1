/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_ws.h"

#include "base/hex.h"
#include "crypto/hash.h"
#include "net/http_internal.h"

enum { KEY_SIZE = 16, KEY_TEXT = 24 };

static const mrl_bytes guid = MRL_LIT_INIT("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");

static mrl_err refuse(unsigned *status, unsigned code, struct mrl_why *why, const char *text)
{
    *status = code;
    return mrl_fail(why, MRL_ERR_MALFORMED, "%s", text);
}

/* RFC 6455 4.2.1, 2 to 4; 426: RFC 9110 15.5.22 */
static mrl_err check_upgrade(struct mrl_exchange *x, unsigned *status, struct mrl_why *why)
{
    const struct mrl_http_headers *headers = &x->request.headers;

    if (!x->request.http10 && mrl_http_header_lists(headers, "Upgrade", MRL_LIT("websocket")) &&
        mrl_http_header_lists(headers, "Connection", MRL_LIT("Upgrade")))
        return MRL_OK;
    mrl_exchange_set_header(x, "Upgrade", MRL_LIT("websocket"));
    return refuse(status, 426, why, "this path speaks WebSocket only");
}

/* The value of a header that must be there exactly once. */
static bool single(const struct mrl_exchange *x, const char *name, mrl_bytes *out)
{
    const struct mrl_http_headers *headers = &x->request.headers;
    size_t seen = 0;

    for (size_t i = 0; i < headers->count; i++) {
        if (!mrl_bytes_eq_nocase(headers->at[i].name, mrl_str(name)))
            continue;
        *out = headers->at[i].value;
        seen++;
    }
    return seen == 1;
}

/* RFC 6455 4.2.1, 6 and 4.4 */
static mrl_err check_version(struct mrl_exchange *x, unsigned *status, struct mrl_why *why)
{
    mrl_bytes version;

    if (single(x, "Sec-WebSocket-Version", &version) && mrl_bytes_eq(version, MRL_LIT("13")))
        return MRL_OK;
    mrl_exchange_set_header(x, "Upgrade", MRL_LIT("websocket"));
    mrl_exchange_set_header(x, "Sec-WebSocket-Version", MRL_LIT("13"));
    return refuse(status, 426, why, "only version 13 of WebSocket is spoken");
}

/* RFC 6455 4.2.1, 5: 16 bytes in base64. */
static mrl_err check_key(const struct mrl_exchange *x, unsigned *status, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) raw = {.limit = KEY_TEXT};
    mrl_bytes key;

    if (single(x, "Sec-WebSocket-Key", &key) && key.len == KEY_TEXT &&
        mrl_base64_read(key, &raw) == MRL_OK && raw.len == KEY_SIZE)
        return MRL_OK;
    return refuse(status, 400, why, "Sec-WebSocket-Key is not 16 bytes in base64");
}

static bool list_holds(mrl_bytes list, mrl_bytes protocol)
{
    bool more = true;

    while (more) {
        mrl_bytes item;

        more = mrl_bytes_split(list, ',', &item, &list);
        if (mrl_bytes_eq(mrl_bytes_trim(item), protocol))
            return true;
    }
    return false;
}

/* RFC 6455 4.2.2, /subprotocol/: only what the client named may be chosen, in its spelling. */
static mrl_err check_protocol(const struct mrl_exchange *x, mrl_bytes protocol, unsigned *status,
                              struct mrl_why *why)
{
    const struct mrl_http_headers *headers = &x->request.headers;

    for (size_t i = 0; i < headers->count; i++)
        if (mrl_bytes_eq_nocase(headers->at[i].name, MRL_LIT("Sec-WebSocket-Protocol")) &&
            list_holds(headers->at[i].value, protocol))
            return MRL_OK;
    *status = 400;
    return mrl_fail(why, MRL_ERR_UNSUPPORTED, "Sec-WebSocket-Protocol does not offer %.*s",
                    MRL_FMT(protocol));
}

mrl_err mrl_http_ws_check(struct mrl_exchange *x, mrl_bytes protocol, unsigned *status,
                          struct mrl_why *why)
{
    MRL_TRY(check_upgrade(x, status, why));
    MRL_TRY(check_version(x, status, why));
    MRL_TRY(check_key(x, status, why));
    if (x->body.len > 0)
        return refuse(status, 400, why, "a request with a body cannot be upgraded");
    return check_protocol(x, protocol, status, why);
}

/* RFC 6455 4.2.2, /key/ */
static mrl_err accept_of(mrl_bytes key, struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) text = {0};
    uint8_t digest[MRL_SHA1_SIZE];

    MRL_TRY(mrl_buf_append(&text, key));
    MRL_TRY(mrl_buf_append(&text, guid));
    MRL_TRY(mrl_sha1_key_id(mrl_buf_bytes(&text), digest));
    return mrl_base64_write(mrl_bytes_of(digest, sizeof(digest)), 0, out);
}

static mrl_err write_switching(struct mrl_exchange *x, mrl_bytes protocol)
{
    struct mrl_http_header headers[HTTP_HEADERS_ALL];
    MRL_SCOPED(mrl_buf) accept = {0};
    MRL_SCOPED(mrl_buf) head = {0};
    mrl_bytes key = MRL_BYTES_NONE;

    (void)mrl_exchange_header(x, "Sec-WebSocket-Key", &key); /* checked before */
    MRL_TRY(accept_of(key, &accept));
    mrl_exchange_set_header(x, "Upgrade", MRL_LIT("websocket"));
    mrl_exchange_set_header(x, "Sec-WebSocket-Accept", mrl_buf_bytes(&accept));
    mrl_exchange_set_header(x, "Sec-WebSocket-Protocol", protocol);
    MRL_TRY(mrl_http_write_switching(headers, mrl_exchange_headers(x, headers), &head));
    return mrl_conn_write(x->h->conn, mrl_buf_bytes(&head));
}

mrl_err mrl_http_ws_accept(struct mrl_exchange *x, mrl_bytes protocol, struct mrl_conn **out)
{
    struct http_conn *h = x->h;

    MRL_ENSURE(h != NULL, MRL_ERR_CLOSED);
    MRL_ENSURE(h->showing && !h->server->stopping, MRL_ERR_STATE);
    MRL_ENSURE(write_switching(x, protocol) == MRL_OK, MRL_ERR_CLOSED);
    *out = h->conn;
    h->state = HTTP_GIVEN_AWAY;
    h->x = NULL;
    mrl_exchange_free(x);
    (void)mrl_conn_start_ws(*out); /* it is open; when that ends it, on_closed says so */
    return MRL_OK;
}
