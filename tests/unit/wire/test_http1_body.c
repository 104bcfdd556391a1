/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/unit.h"
#include "wire/http1_body.h"

enum { LIMIT = 16 };

struct outcome {
    mrl_err err;
    unsigned status;
    size_t consumed;
};

static struct outcome feed(enum mrl_http_framing framing, uint64_t length, mrl_bytes in,
                           size_t piece, struct mrl_buf *out)
{
    struct mrl_http_body b;
    struct outcome o = {.err = MRL_ERR_AGAIN};

    mrl_http_body_start(&b, framing, length, LIMIT);
    do {
        size_t n;

        o.err =
            mrl_http_body_read(&b, mrl_bytes_sub(in, o.consumed, piece), &n, out, &o.status, NULL);
        o.consumed += n;
    } while (o.err == MRL_ERR_AGAIN && o.consumed < in.len);
    assert_int_equal(mrl_http_body_complete(&b), o.err == MRL_OK);
    return o;
}

/* Whole and byte by byte must agree. */
static struct outcome feed_both_ways(enum mrl_http_framing framing, uint64_t length, mrl_bytes in,
                                     struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) slow_out = {0};
    struct outcome fast = feed(framing, length, in, SIZE_MAX, out);
    struct outcome slow = feed(framing, length, in, 1, &slow_out);

    assert_int_equal(fast.err, slow.err);
    assert_int_equal(fast.status, slow.status);
    if (fast.err == MRL_OK || fast.err == MRL_ERR_AGAIN) {
        assert_int_equal(fast.consumed, slow.consumed);
        assert_bytes_equal(mrl_buf_bytes(out), mrl_buf_bytes(&slow_out));
    }
    return fast;
}

static void expect_body(enum mrl_http_framing framing, uint64_t length, const char *in,
                        const char *body, const char *left)
{
    MRL_SCOPED(mrl_buf) out = {0};
    struct outcome o = feed_both_ways(framing, length, mrl_str(in), &out);

    assert_int_equal(o.err, MRL_OK);
    assert_bytes_equal(mrl_buf_bytes(&out), mrl_str(body));
    assert_string_equal(in + o.consumed, left);
}

static void pipelined_bytes_stay_unread(void **state)
{
    (void)state;
    expect_body(MRL_HTTP_BODY_NONE, 0, "GET", "", "GET");
    expect_body(MRL_HTTP_BODY_LENGTH, 5, "helloGET", "hello", "GET");
    expect_body(MRL_HTTP_BODY_LENGTH, 0, "GET", "", "GET");
    expect_body(MRL_HTTP_BODY_CHUNKED, 0, "0\r\n\r\nGET", "", "GET");
    expect_body(MRL_HTTP_BODY_CHUNKED, 0, "5\r\nhello\r\n00B;a=\"b\"\r\n and world!\r\n0;x\r\n\r\n",
                "hello and world!", "");
    expect_body(MRL_HTTP_BODY_CHUNKED, 0, "1\r\nx\r\n0\r\nTrailer: v\r\nB:\r\n\r\n\r\n", "x",
                "\r\n");
}

static void malformed_chunks_are_refused(void **state)
{
    static const char *const bad[] = {"\r\n",
                                      ";\r\n",
                                      "x\r\n",
                                      "0x5\r\nhello\r\n",
                                      "-1\r\n",
                                      "+1\r\n",
                                      " 1\r\nx\r\n",
                                      "1 \r\nx\r\n",
                                      "1 ;a\r\nx\r\n",
                                      "1\nx\r\n",
                                      "1\r\nxy\r\n",
                                      "1\r\nx\n",
                                      "1\r\nx\rx",
                                      "1;a\nx\r\n",
                                      "1;\x0b\r\n",
                                      "0\r\n\n",
                                      "0\r\n: a\r\n",
                                      "0\r\n a: b\r\n",
                                      "0\r\na b: c\r\n",
                                      "0\r\na\r\n",
                                      "0\r\na: \n",
                                      "0\r\na: b\rc",
                                      "0\r\n\rx",
                                      "0\r\na: b\r\n\n",
                                      "1\rx",
                                      "0000000000000001\r\n",
                                      "fffffffffffffffff\r\n"};

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(bad); i++) {
        MRL_SCOPED(mrl_buf) out = {0};
        struct outcome o = feed_both_ways(MRL_HTTP_BODY_CHUNKED, 0, mrl_str(bad[i]), &out);

        assert_int_equal(o.err, MRL_ERR_MALFORMED);
        assert_int_equal(o.status, 400);
    }
}

static void body_limit_holds_exactly(void **state)
{
    MRL_SCOPED(mrl_buf) out = {0};
    struct outcome o;

    (void)state;
    expect_body(MRL_HTTP_BODY_CHUNKED, 0, "8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n",
                "1234567812345678", "");
    o = feed_both_ways(MRL_HTTP_BODY_CHUNKED, 0, MRL_LIT("8\r\n12345678\r\n9\r\n"), &out);
    assert_int_equal(o.err, MRL_ERR_LIMIT);
    assert_int_equal(o.status, 413);
    o = feed_both_ways(MRL_HTTP_BODY_CHUNKED, 0, MRL_LIT("fffffffffffffff\r\n"), &out);
    assert_int_equal(o.err, MRL_ERR_LIMIT);
    expect_body(MRL_HTTP_BODY_LENGTH, 16, "1234567812345678", "1234567812345678", "");
    o = feed_both_ways(MRL_HTTP_BODY_LENGTH, 17, MRL_LIT("1"), &out);
    assert_int_equal(o.err, MRL_ERR_LIMIT);
    mrl_buf_clear(&out);
    o = feed_both_ways(MRL_HTTP_BODY_UNTIL_CLOSE, 0, MRL_LIT("1234567812345678"), &out);
    assert_int_equal(o.err, MRL_ERR_AGAIN);
    o = feed_both_ways(MRL_HTTP_BODY_UNTIL_CLOSE, 0, MRL_LIT("12345678123456789"), &out);
    assert_int_equal(o.err, MRL_ERR_LIMIT);
}

static struct outcome feed_filled(const char *before, size_t fill, const char *after)
{
    MRL_SCOPED(mrl_buf) in = {0};
    MRL_SCOPED(mrl_buf) out = {0};

    assert_ok(mrl_buf_append(&in, mrl_str(before)));
    for (size_t i = 0; i < fill; i++)
        assert_ok(mrl_buf_append(&in, MRL_LIT("a")));
    assert_ok(mrl_buf_append(&in, mrl_str(after)));
    return feed_both_ways(MRL_HTTP_BODY_CHUNKED, 0, mrl_buf_bytes(&in), &out);
}

static void extension_and_trailer_limits_hold_exactly(void **state)
{
    struct outcome o;
    size_t frame = sizeof("t:\r") - 1; /* what a trailer line counts beside its value */

    (void)state;
    assert_int_equal(feed_filled("0;", MRL_HTTP_CHUNK_EXTENSIONS_MAX, "\r\n\r\n").err, MRL_OK);
    o = feed_filled("0;", MRL_HTTP_CHUNK_EXTENSIONS_MAX + 1, "\r\n\r\n");
    assert_int_equal(o.err, MRL_ERR_LIMIT);
    assert_int_equal(o.status, 413);
    o = feed_filled("1;", MRL_HTTP_CHUNK_EXTENSIONS_MAX, "\r\nx\r\n0;y\r\n\r\n"); /* all together */
    assert_int_equal(o.err, MRL_ERR_LIMIT);
    assert_int_equal(feed_filled("0\r\nt:", MRL_HTTP_TRAILERS_MAX - frame, "\r\n\r\n").err, MRL_OK);
    o = feed_filled("0\r\nt:", MRL_HTTP_TRAILERS_MAX - frame + 1, "\r\n\r\n");
    assert_int_equal(o.err, MRL_ERR_LIMIT);
    assert_int_equal(o.status, 431);
}

static void the_buffer_s_own_limit_is_a_limit(void **state)
{
    MRL_SCOPED(mrl_buf) out = {.limit = 4};
    struct outcome o = feed(MRL_HTTP_BODY_LENGTH, 5, MRL_LIT("hello"), SIZE_MAX, &out);

    (void)state;
    assert_int_equal(o.err, MRL_ERR_LIMIT);
    assert_int_equal(o.status, 413);
}

static void a_cut_body_is_noticed(void **state)
{
    MRL_SCOPED(mrl_buf) out = {0};
    struct mrl_http_body b;
    size_t n;

    (void)state;
    mrl_http_body_start(&b, MRL_HTTP_BODY_CHUNKED, 0, LIMIT);
    assert_int_equal(mrl_http_body_read(&b, MRL_LIT("1\r\nx\r\n"), &n, &out, NULL, NULL),
                     MRL_ERR_AGAIN);
    assert_int_equal(mrl_http_body_closed(&b, NULL), MRL_ERR_CLOSED);
    mrl_http_body_start(&b, MRL_HTTP_BODY_LENGTH, 1, LIMIT);
    assert_int_equal(mrl_http_body_closed(&b, NULL), MRL_ERR_CLOSED);
    mrl_http_body_start(&b, MRL_HTTP_BODY_UNTIL_CLOSE, 0, LIMIT);
    assert_ok(mrl_http_body_closed(&b, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipelined_bytes_stay_unread),
        cmocka_unit_test(malformed_chunks_are_refused),
        cmocka_unit_test(body_limit_holds_exactly),
        cmocka_unit_test(extension_and_trailer_limits_hold_exactly),
        cmocka_unit_test(the_buffer_s_own_limit_is_a_limit),
        cmocka_unit_test(a_cut_body_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
