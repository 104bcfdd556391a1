/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "wire/http1.h"

static const struct mrl_http_limits limits = {512, 8, 64, 100};

static mrl_err read_bytes(mrl_bytes in, struct mrl_http_request *q, unsigned *status)
{
    struct mrl_why why = {0};
    mrl_err err = mrl_http_read_request(in, &limits, q, status, &why);

    if (err != MRL_OK && err != MRL_ERR_AGAIN)
        assert_true(why.text[0] != '\0');
    return err;
}

/* All at once and byte by byte: the first answer that is not "again" must be the same. */
static mrl_err read_both_ways(mrl_bytes in, struct mrl_http_request *q, unsigned *status)
{
    unsigned slow_status = 0;
    mrl_err slow = MRL_ERR_AGAIN, fast;

    *status = 0;
    for (size_t n = 0; n <= in.len && slow == MRL_ERR_AGAIN; n++)
        slow = read_bytes(mrl_bytes_sub(in, 0, n), q, &slow_status);
    fast = read_bytes(in, q, status);
    assert_int_equal(fast, slow);
    assert_int_equal(*status, slow_status);
    return fast;
}

static void a_whole_request_is_read(void **state)
{
    const char *text = "POST /devices?x=1 HTTP/1.1\r\nHost: a.example:8443\r\nContent-Length: 5\r\n"
                       "Expect: 100-Continue\r\nX-Empty:\r\nAccept: a\r\n\r\nhelloGET";
    struct mrl_http_request q;
    unsigned status;

    (void)state;
    assert_ok(read_both_ways(mrl_str(text), &q, &status));
    assert_bytes_equal(q.method, MRL_LIT("POST"));
    assert_bytes_equal(q.target, MRL_LIT("/devices?x=1"));
    assert_bytes_equal(q.host, MRL_LIT("a.example:8443"));
    assert_int_equal(q.framing, MRL_HTTP_BODY_LENGTH);
    assert_int_equal(q.length, 5);
    assert_int_equal(q.head_len, strlen(text) - 8);
    assert_int_equal(q.headers.count, 5);
    assert_true(q.expect_continue);
    assert_true(q.keep_alive);
    assert_false(q.http10);
    assert_bytes_equal(*mrl_http_header(&q.headers, "x-empty"), MRL_BYTES_NONE);
    assert_null(mrl_http_header(&q.headers, "X"));
}

struct refused {
    const char *text;
    size_t len;
    unsigned status;
};
/* clang-format off */
#define REFUSED(text, status) {(text), sizeof(text) - 1, (status)}
/* clang-format on */
#define HEAD "GET / HTTP/1.1\r\nHost: a\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

static void check_refused(const struct refused *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct mrl_http_request q;
        unsigned status = 0;
        mrl_err err = read_both_ways(mrl_bytes_of(list[i].text, list[i].len), &q, &status);

        if (err == MRL_OK || err == MRL_ERR_AGAIN || status != list[i].status)
            print_message("%s: %s, status %u\n", list[i].text, mrl_err_name(err), status);
        assert_true(err != MRL_OK && err != MRL_ERR_AGAIN);
        assert_int_equal(status, list[i].status);
    }
}

static void smuggling_by_length_is_refused(void **state)
{
    static const struct refused list[] = {
        REFUSED(POST "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n", 400), /* CL.TE */
        REFUSED(POST "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n", 400), /* TE.CL */
        REFUSED(POST "Transfer-Encoding: xchunked\r\n\r\n", 400),
        REFUSED(POST "Transfer-Encoding: chunked, identity\r\n\r\n", 400),
        REFUSED(POST "Transfer-Encoding: identity\r\n\r\n", 400),
        REFUSED(POST "Transfer-Encoding: identity, chunked\r\n\r\n", 501),
        REFUSED(POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
        REFUSED(POST "Transfer-Encoding: chunked, chunked\r\n\r\n", 501),
        REFUSED(POST "Transfer-Encoding: chunked;q=1\r\n\r\n", 400),
        REFUSED(POST "Transfer-Encoding:\r\n\r\n", 400),
        REFUSED(POST "Transfer-Encoding: \"chunked\"\r\n\r\n", 400),
        REFUSED(POST "Transfer-Encoding: \x0b"
                     "chunked\r\n\r\n",
                400),
        REFUSED(POST "Transfer-Encoding\t: chunked\r\n\r\n", 400),
        REFUSED(POST "Transfer-Encoding : chunked\r\n\r\n", 400),
        REFUSED(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n", 400),
        REFUSED(POST "X: y\r\n Transfer-Encoding: chunked\r\n\r\n", 400), /* obs-fold */
        REFUSED(POST "X: y\r\n\tz\r\n\r\n", 400),
        REFUSED(POST "X: y\nTransfer-Encoding: chunked\r\n\r\n", 400), /* bare LF */
        REFUSED(POST "X: y\rTransfer-Encoding: chunked\r\n\r\n", 400), /* bare CR */
        REFUSED(POST "X: y\r\r\n\r\n", 400),
        REFUSED(POST "X: y\0z\r\n\r\n", 400),
        REFUSED(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400),
        REFUSED(POST "Content-Length: 5\r\ncontent-length: 6\r\n\r\n", 400),
        REFUSED(POST "Content-Length: 5, 5\r\n\r\n", 400),
        REFUSED(POST "Content-Length: +5\r\n\r\n", 400),
        REFUSED(POST "Content-Length: -5\r\n\r\n", 400),
        REFUSED(POST "Content-Length: 0x5\r\n\r\n", 400),
        REFUSED(POST "Content-Length: 5 5\r\n\r\n", 400),
        REFUSED(POST "Content-Length:\r\n\r\n", 400),
        REFUSED(POST "Content-Length: 18446744073709551621\r\n\r\n", 400),
        REFUSED(POST "Content-Length: 00000000000000000005\r\n\r\n", 400),
        REFUSED("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        REFUSED("POST / HTTP/1.0\r\n\r\n", 411),
    };

    (void)state;
    check_refused(list, MRL_COUNT(list));
}

static void malformed_heads_are_refused(void **state)
{
    static const struct refused list[] = {
        REFUSED("GET / HTTP/1.1\r\n\r\n", 400), /* no Host */
        REFUSED(HEAD "Host: b\r\n\r\n", 400),
        REFUSED("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
        REFUSED("GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400),
        REFUSED("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        REFUSED("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
        REFUSED(HEAD "Authorization: a\r\nAuthorization: b\r\n\r\n", 400),
        REFUSED(HEAD "Content-Type: a/b\r\nContent-Type: a/c\r\n\r\n", 400),
        REFUSED(HEAD ": v\r\n\r\n", 400),
        REFUSED(HEAD "novalue\r\n\r\n", 400),
        REFUSED(HEAD "n(me: v\r\n\r\n", 400),
        REFUSED(HEAD "n\x80me: v\r\n\r\n", 400),
        REFUSED("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        REFUSED("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
        REFUSED(" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        REFUSED("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        REFUSED("G@T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        REFUSED("GET /\r\nHost: a\r\n\r\n", 400),
        REFUSED("GET / http/1.1\r\nHost: a\r\n\r\n", 400),
        REFUSED("GET / HTTP/1.1x\r\nHost: a\r\n\r\n", 400),
        REFUSED("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        REFUSED("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        REFUSED("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
        REFUSED("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        REFUSED("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        REFUSED("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        REFUSED("GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        REFUSED("AAAABBBBCCCCDDDDE / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        REFUSED(HEAD "Expect: 200-ok\r\n\r\n", 417),
        REFUSED("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        REFUSED("\n", 400),
        REFUSED("\x16\x03\x01", 400), /* TLS where plain HTTP is spoken */
    };

    (void)state;
    check_refused(list, MRL_COUNT(list));
}

static void accepted_variants(void **state)
{
    struct mrl_http_request q;
    unsigned status;

    (void)state;
    assert_ok(read_both_ways(MRL_LIT("\r\n" HEAD "\r\n"), &q, &status)); /* RFC 9112 2.2 */
    assert_int_equal(q.framing, MRL_HTTP_BODY_NONE);
    assert_ok(read_both_ways(MRL_LIT("OPTIONS * HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), &q, &status));
    assert_ok(read_both_ways(MRL_LIT("GET / HTTP/1.0\r\n\r\n"), &q, &status));
    assert_false(q.keep_alive);
    assert_ok(read_both_ways(MRL_LIT(HEAD "Connection: x , CLOSE\r\n\r\n"), &q, &status));
    assert_false(q.keep_alive);
    assert_ok(read_both_ways(MRL_LIT(HEAD "Connection: disclose\r\n\r\n"), &q, &status));
    assert_true(q.keep_alive);
    assert_ok(read_both_ways(MRL_LIT(POST "Transfer-Encoding: Chunked \t\r\n\r\n"), &q, &status));
    assert_int_equal(q.framing, MRL_HTTP_BODY_CHUNKED);
    assert_ok(read_both_ways(MRL_LIT(POST "\r\n"), &q, &status));
    assert_int_equal(q.framing, MRL_HTTP_BODY_NONE);
    assert_ok(read_both_ways(MRL_LIT(HEAD "Expect: 100-continue\r\n\r\n"), &q, &status));
    assert_false(q.expect_continue); /* nothing to continue with */
}

/* A request whose parts have the given sizes. */
static mrl_err read_sized(size_t target, size_t headers, size_t pad, unsigned *status)
{
    char text[2048];
    size_t len = 0;
    struct mrl_http_request q;

    *status = 0;
    len += (size_t)snprintf(text, sizeof(text), "GET /");
    memset(text + len, 'a', target - 1);
    len += target - 1;
    len += (size_t)snprintf(text + len, sizeof(text) - len, " HTTP/1.1\r\nHost: a");
    memset(text + len, 'b', pad);
    len += pad;
    for (size_t i = 1; i < headers; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "\r\nX: y");
    len += (size_t)snprintf(text + len, sizeof(text) - len, "\r\n\r\n");
    return read_both_ways(mrl_bytes_of(text, len), &q, status);
}

static void limits_hold_exactly(void **state)
{
    struct mrl_http_request q;
    unsigned status;
    size_t bare = sizeof("GET / HTTP/1.1\r\nHost: a\r\n\r\n") - 1;

    (void)state;
    assert_ok(read_sized(64, 1, 0, &status));
    assert_int_equal(read_sized(65, 1, 0, &status), MRL_ERR_LIMIT);
    assert_int_equal(status, 414);
    assert_ok(read_sized(1, 8, 0, &status));
    assert_int_equal(read_sized(1, 9, 0, &status), MRL_ERR_LIMIT);
    assert_int_equal(status, 431);
    assert_ok(read_sized(1, 1, 512 - bare, &status));
    assert_int_equal(read_sized(1, 1, 512 - bare + 1, &status), MRL_ERR_LIMIT);
    assert_int_equal(status, 431);
    assert_int_equal(read_sized(600, 1, 0, &status), MRL_ERR_LIMIT);
    assert_int_equal(status, 414);
    assert_ok(read_both_ways(MRL_LIT(POST "Content-Length: 100\r\n\r\n"), &q, &status));
    assert_int_equal(read_both_ways(MRL_LIT(POST "Content-Length: 101\r\n\r\n"), &q, &status),
                     MRL_ERR_LIMIT);
    assert_int_equal(status, 413);
}

static void lists_and_media_types(void **state)
{
    struct mrl_http_request q;
    unsigned status;

    (void)state;
    assert_ok(read_both_ways(MRL_LIT(HEAD "Accept: a,b\r\nAccept: c\r\n\r\n"), &q, &status));
    assert_true(mrl_http_header_lists(&q.headers, "accept", MRL_LIT("C")));
    assert_true(mrl_http_header_lists(&q.headers, "accept", MRL_LIT("b")));
    assert_false(mrl_http_header_lists(&q.headers, "accept", MRL_LIT("a,b")));
    assert_true(mrl_http_media_is(MRL_LIT("Application/JSON ; charset=utf-8"), "application/json"));
    assert_false(mrl_http_media_is(MRL_LIT("application/jsonx"), "application/json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_request_is_read),
        cmocka_unit_test(smuggling_by_length_is_refused),
        cmocka_unit_test(malformed_heads_are_refused),
        cmocka_unit_test(accepted_variants),
        cmocka_unit_test(limits_hold_exactly),
        cmocka_unit_test(lists_and_media_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
