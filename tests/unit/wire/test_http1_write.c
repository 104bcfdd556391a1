/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"
#include "wire/http1_body.h"
#include "wire/http1_write.h"

static const struct mrl_http_header json = {MRL_LIT_INIT("Content-Type"),
                                            MRL_LIT_INIT("application/json")};

static void a_reply_has_its_length(void **state)
{
    MRL_SCOPED(mrl_buf) out = {0};
    struct mrl_http_reply reply = {404, &json, 1, true};

    (void)state;
    assert_ok(mrl_http_write_reply(&reply, MRL_LIT("{}"), &out));
    assert_bytes_equal(mrl_buf_bytes(&out),
                       MRL_LIT("HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n"
                               "Connection: close\r\nContent-Length: 2\r\n\r\n{}"));
    mrl_buf_clear(&out);
    assert_ok(mrl_http_write_reply(&(struct mrl_http_reply){.status = 204}, MRL_BYTES_NONE, &out));
    assert_bytes_equal(mrl_buf_bytes(&out), MRL_LIT("HTTP/1.1 204 No Content\r\n\r\n"));
    assert_int_equal(
        mrl_http_write_reply(&(struct mrl_http_reply){.status = 204}, MRL_LIT("x"), &out),
        MRL_ERR_INVALID);
}

static void response_splitting_is_refused_and_leaves_nothing(void **state)
{
    static const struct mrl_http_header bad[] = {
        {MRL_LIT_INIT("X"), MRL_LIT_INIT("a\r\nSet-Cookie: b")},
        {MRL_LIT_INIT("X"), MRL_LIT_INIT("a\n")},
        {MRL_LIT_INIT("X"), MRL_LIT_INIT("a\0")},
        {MRL_LIT_INIT("X: y\r\nZ"), MRL_LIT_INIT("a")},
        {MRL_LIT_INIT(""), MRL_LIT_INIT("a")},
        {MRL_LIT_INIT("content-length"), MRL_LIT_INIT("1")},
        {MRL_LIT_INIT("Transfer-Encoding"), MRL_LIT_INIT("chunked")},
        {MRL_LIT_INIT("Connection"), MRL_LIT_INIT("x")},
    };
    MRL_SCOPED(mrl_buf) out = {0};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_http_reply reply = {200, &bad[i], 1, false};

        assert_int_equal(mrl_http_write_reply(&reply, MRL_LIT("x"), &out), MRL_ERR_INVALID);
        assert_int_equal(out.len, 0);
    }
    out.limit = 20;
    assert_int_equal(
        mrl_http_write_reply(&(struct mrl_http_reply){.status = 200}, MRL_LIT("x"), &out),
        MRL_ERR_LIMIT);
    assert_int_equal(out.len, 0);
}

static void a_stream_is_read_back(void **state)
{
    MRL_SCOPED(mrl_buf) out = {0};
    MRL_SCOPED(mrl_buf) event = {0};
    MRL_SCOPED(mrl_buf) body = {0};
    struct mrl_http_reply reply = {.status = 200};
    struct mrl_http_limits limits = MRL_HTTP_LIMITS_DEFAULT;
    struct mrl_http_response p;
    struct mrl_http_body b;
    size_t n;

    (void)state;
    assert_ok(mrl_http_write_event(
        &(struct mrl_http_event){MRL_LIT("7"), MRL_LIT("alert"), MRL_LIT("a\nb")}, &event));
    assert_bytes_equal(mrl_buf_bytes(&event), MRL_LIT("id: 7\nevent: alert\ndata: a\ndata: b\n\n"));
    assert_ok(mrl_http_write_stream_head(&reply, true, &out));
    assert_ok(mrl_http_write_chunk(mrl_buf_bytes(&event), &out));
    assert_ok(mrl_http_write_chunk(MRL_BYTES_NONE, &out)); /* must not end the stream */
    assert_ok(mrl_http_write_chunk(MRL_LIT("x"), &out));
    assert_ok(mrl_http_write_last_chunk(&out));
    assert_ok(mrl_http_read_response(mrl_buf_bytes(&out), &limits, false, &p, NULL));
    mrl_http_body_start(&b, p.framing, p.length, limits.body_bytes);
    assert_ok(mrl_http_body_read(&b, mrl_bytes_sub(mrl_buf_bytes(&out), p.head_len, SIZE_MAX), &n,
                                 &body, NULL, NULL));
    assert_ok(mrl_buf_append(&event, MRL_LIT("x")));
    assert_bytes_equal(mrl_buf_bytes(&body), mrl_buf_bytes(&event));
    assert_int_equal(p.head_len + n, out.len);
    mrl_buf_clear(&out);
    assert_ok(mrl_http_write_stream_head(&reply, false, &out));
    assert_bytes_equal(mrl_buf_bytes(&out),
                       MRL_LIT("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"));
}

static void an_event_cannot_make_another(void **state)
{
    MRL_SCOPED(mrl_buf) out = {0};

    (void)state;
    assert_int_equal(
        mrl_http_write_event(&(struct mrl_http_event){.id = MRL_LIT("1\ndata: x")}, &out),
        MRL_ERR_INVALID);
    assert_int_equal(mrl_http_write_event(&(struct mrl_http_event){.name = MRL_LIT("a\r")}, &out),
                     MRL_ERR_INVALID);
    assert_int_equal(mrl_http_write_event(&(struct mrl_http_event){.data = MRL_LIT("a\rb")}, &out),
                     MRL_ERR_INVALID);
    assert_int_equal(out.len, 0);
}

static void a_request_is_read_back(void **state)
{
    MRL_SCOPED(mrl_buf) out = {0};
    struct mrl_http_limits limits = MRL_HTTP_LIMITS_DEFAULT;
    struct mrl_http_request_parts call = {
        MRL_LIT("PUT"), MRL_LIT("/a"), MRL_LIT("h:1"), &json, 1, true};
    struct mrl_http_request q;
    unsigned status;

    (void)state;
    assert_ok(mrl_http_write_request(&call, MRL_LIT("body"), &out));
    assert_ok(mrl_http_read_request(mrl_buf_bytes(&out), &limits, &q, &status, NULL));
    assert_bytes_equal(q.method, MRL_LIT("PUT"));
    assert_bytes_equal(q.host, MRL_LIT("h:1"));
    assert_int_equal(q.length, 4);
    assert_false(q.keep_alive);
    call.method = MRL_LIT("GET");
    mrl_buf_clear(&out);
    assert_ok(mrl_http_write_request(&call, MRL_BYTES_NONE, &out));
    assert_ok(mrl_http_read_request(mrl_buf_bytes(&out), &limits, &q, &status, NULL));
    assert_null(mrl_http_header(&q.headers, "Content-Length"));
    call.target = MRL_LIT("/a b");
    assert_int_equal(mrl_http_write_request(&call, MRL_BYTES_NONE, &out), MRL_ERR_INVALID);
    call.target = MRL_LIT("/a");
    call.host = MRL_LIT("a\r\nX: b");
    assert_int_equal(mrl_http_write_request(&call, MRL_BYTES_NONE, &out), MRL_ERR_INVALID);
}

static void every_status_has_a_phrase(void **state)
{
    (void)state;
    assert_string_equal(mrl_http_reason(431), "Request Header Fields Too Large");
    assert_string_equal(mrl_http_reason(499), "Client Error");
    assert_string_equal(mrl_http_reason(0), "Unknown");
    assert_string_equal(mrl_http_reason(9999), "Unknown");
}

static void switching_names_the_protocol_and_has_no_length(void **state)
{
    const struct mrl_http_header headers[] = {
        {MRL_LIT_INIT("Upgrade"), MRL_LIT_INIT("websocket")},
        {MRL_LIT_INIT("X-More"), MRL_LIT_INIT("1")},
    };
    MRL_SCOPED(mrl_buf) out = {0};

    (void)state;
    assert_ok(mrl_http_write_switching(headers, 2, &out));
    assert_bytes_equal(mrl_buf_bytes(&out),
                       MRL_LIT("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                               "X-More: 1\r\nConnection: Upgrade\r\n\r\n"));
    assert_int_equal(mrl_http_write_switching(&headers[1], 1, &out), MRL_ERR_INVALID);
}

/* RFC 9110 7.8 */
static void an_answer_that_offers_an_upgrade_says_so_in_connection(void **state)
{
    const struct mrl_http_header header = {MRL_LIT_INIT("upgrade"), MRL_LIT_INIT("websocket")};
    const struct mrl_http_reply reply = {
        .status = 426, .headers = &header, .header_count = 1, .close = true};
    MRL_SCOPED(mrl_buf) out = {0};

    (void)state;
    assert_ok(mrl_http_write_reply(&reply, MRL_BYTES_NONE, &out));
    assert_bytes_equal(mrl_buf_bytes(&out),
                       MRL_LIT("HTTP/1.1 426 Upgrade Required\r\nupgrade: websocket\r\n"
                               "Connection: Upgrade\r\nConnection: close\r\n"
                               "Content-Length: 0\r\n\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(switching_names_the_protocol_and_has_no_length),
        cmocka_unit_test(an_answer_that_offers_an_upgrade_says_so_in_connection),
        cmocka_unit_test(a_reply_has_its_length),
        cmocka_unit_test(response_splitting_is_refused_and_leaves_nothing),
        cmocka_unit_test(a_stream_is_read_back),
        cmocka_unit_test(an_event_cannot_make_another),
        cmocka_unit_test(a_request_is_read_back),
        cmocka_unit_test(every_status_has_a_phrase),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
