/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "tests/unit/unit.h"
#include "wire/http1.h"

static const struct mrl_http_limits limits = {256, 8, 64, 100};

static mrl_err read_both_ways(const char *text, bool to_head, struct mrl_http_response *p)
{
    mrl_bytes in = mrl_str(text);
    mrl_err slow = MRL_ERR_AGAIN, fast;

    for (size_t n = 0; n <= in.len && slow == MRL_ERR_AGAIN; n++)
        slow = mrl_http_read_response(mrl_bytes_sub(in, 0, n), &limits, to_head, p, NULL);
    fast = mrl_http_read_response(in, &limits, to_head, p, NULL);
    assert_int_equal(fast, slow);
    return fast;
}

static void framing_follows_the_rules_in_order(void **state)
{
    struct mrl_http_response p;

    (void)state;
    assert_ok(read_both_ways("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", false, &p));
    assert_int_equal(p.status, 200);
    assert_bytes_equal(p.reason, MRL_LIT("OK"));
    assert_int_equal(p.framing, MRL_HTTP_BODY_LENGTH);
    assert_int_equal(p.length, 7);
    assert_true(p.keep_alive);
    assert_ok(read_both_ways("HTTP/1.1 200 OK\r\nContent-Length: 700\r\n\r\n", true, &p));
    assert_int_equal(p.framing, MRL_HTTP_BODY_NONE);
    assert_ok(read_both_ways("HTTP/1.1 304 \r\nContent-Length: 700\r\n\r\n", false, &p));
    assert_int_equal(p.framing, MRL_HTTP_BODY_NONE);
    assert_ok(read_both_ways("HTTP/1.1 204\r\n\r\n", false, &p));
    assert_int_equal(p.framing, MRL_HTTP_BODY_NONE);
    assert_ok(read_both_ways("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n", false, &p));
    assert_int_equal(p.framing, MRL_HTTP_BODY_CHUNKED);
    assert_ok(read_both_ways("HTTP/1.1 500 Oh no\r\n\r\n", false, &p));
    assert_int_equal(p.framing, MRL_HTTP_BODY_UNTIL_CLOSE);
    assert_false(p.keep_alive);
    assert_ok(read_both_ways("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", false, &p));
    assert_false(p.keep_alive);
}

static void interim_responses_are_skipped(void **state)
{
    struct mrl_http_response p;
    const char *text = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                       "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\nNEXT";

    (void)state;
    assert_ok(read_both_ways(text, false, &p));
    assert_int_equal(p.status, 404);
    assert_int_equal(p.headers.count, 1);
    assert_string_equal(text + p.head_len, "NEXT");
    assert_int_equal(read_both_ways("HTTP/1.1 101 Switching Protocols\r\n\r\n", false, &p),
                     MRL_ERR_MALFORMED);
}

static void endless_interim_responses_are_refused(void **state)
{
    struct mrl_http_response p;
    MRL_SCOPED(mrl_buf) text = {0};

    (void)state;
    for (int i = 0; i < 20; i++)
        assert_ok(mrl_buf_append(&text, MRL_LIT("HTTP/1.1 100 \r\n\r\n")));
    assert_int_equal(mrl_http_read_response(mrl_buf_bytes(&text), &limits, false, &p, NULL),
                     MRL_ERR_LIMIT);
}

static void malformed_responses_are_refused(void **state)
{
    static const char *const bad[] = {
        "HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 600 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        struct mrl_http_response p;
        mrl_err err = read_both_ways(bad[i], false, &p);

        assert_true(err != MRL_OK && err != MRL_ERR_AGAIN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(framing_follows_the_rules_in_order),
        cmocka_unit_test(interim_responses_are_skipped),
        cmocka_unit_test(endless_interim_responses_are_refused),
        cmocka_unit_test(malformed_responses_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
