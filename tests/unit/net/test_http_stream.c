/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_server.h"

#include <string.h>
#include <sys/socket.h>

#include "tests/unit/net/http_fixture.h"
#include "tests/unit/unit.h"

static struct fixture fixture;

static struct fixture *start_with(struct fixture_config config)
{
    fixture_start(&fixture, &config);
    return &fixture;
}

#define START(...) start_with((struct fixture_config){__VA_ARGS__})

static void write_event(struct fixture *f)
{
    assert_ok(mrl_http_stream_write(f->stream, MRL_LIT("data: again\n\n")));
    assert_ok(mrl_http_stream_write(f->stream, MRL_BYTES_NONE)); /* not the end of it */
}

static void end_stream(struct fixture *f)
{
    mrl_http_stream_end(f->stream);
    assert_non_null(f->stream); /* gone comes later */
    assert_int_equal(mrl_http_stream_write(f->stream, MRL_LIT("x")), MRL_ERR_CLOSED);
    mrl_http_stream_end(f->stream);
}

static void a_stream_is_chunked_and_ends_when_told(void **state)
{
    struct fixture *f = START(0);
    struct raw_client c = raw_open(f);
    struct raw_answer a;

    (void)state;
    raw_send(c.fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(fixture_wait(&f->started, 1));
    fixture_run(f, write_event);
    fixture_run(f, end_stream);
    a = raw_next(&c);
    assert_int_equal(a.head.framing, MRL_HTTP_BODY_CHUNKED);
    assert_bytes_equal(raw_header(&a, "Content-Type"), MRL_LIT("text/event-stream"));
    assert_bytes_equal(a.body, MRL_LIT("data: hello\n\ndata: again\n\n"));
    raw_answer_done(&a);
    assert_true(raw_is_closed(c.fd));
    assert_true(fixture_wait(&f->gone, 1));
    raw_leave(&c);
    fixture_stop(f);
    assert_int_equal(atomic_load(&f->gone), 1);
}

static void a_stream_for_http_1_0_is_plain(void **state)
{
    static const char events[] = "data: hello\n\ndata: again\n\n";
    char got[2048] = {0};
    struct fixture *f = START(0);
    struct raw_client c = raw_open(f);
    ssize_t more = 1;
    size_t len = 0;

    (void)state;
    raw_send(c.fd, "GET /stream HTTP/1.0\r\n\r\n");
    assert_true(fixture_wait(&f->started, 1));
    fixture_run(f, write_event);
    fixture_run(f, end_stream);
    for (; more > 0; len += more > 0 ? (size_t)more : 0)
        more = recv(c.fd, &got[len], sizeof(got) - 1 - len, 0);
    assert_null(strstr(got, "chunked"));
    assert_true(len > strlen(events));
    assert_string_equal(&got[len - strlen(events)], events);
    raw_leave(&c);
    fixture_stop(f);
}

static void a_stream_is_gone_once_when_its_reader_leaves(void **state)
{
    struct fixture *f = START(0);
    struct raw_client c = raw_open(f);

    (void)state;
    for (int round = 1; round <= 3; round++) {
        raw_send(c.fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\n\r\n");
        assert_true(fixture_wait(&f->started, round));
        raw_leave(&c);
        assert_true(fixture_wait(&f->gone, round));
        c = raw_open(f);
    }
    raw_leave(&c);
    fixture_stop(f);
    assert_int_equal(atomic_load(&f->gone), 3);
}

/* So many bytes more than there is room for, in one write: to 1.0, without frames around them. */
static mrl_err fill(struct fixture *f, size_t more)
{
    static const uint8_t many[MRL_HTTP_STREAM_BACKLOG + 1];
    size_t room = MRL_HTTP_STREAM_BACKLOG - mrl_http_stream_backlog(f->stream);

    return mrl_http_stream_write(f->stream, mrl_bytes_of(many, room + more));
}

static void write_up_to_the_limit(struct fixture *f)
{
    assert_ok(fill(f, 0));
    assert_int_equal(mrl_http_stream_write(f->stream, MRL_LIT("x")), MRL_ERR_LIMIT);
    assert_int_equal(mrl_http_stream_write(f->stream, MRL_LIT("x")), MRL_ERR_CLOSED);
}

static void write_one_byte_above_it(struct fixture *f)
{
    assert_int_equal(fill(f, 1), MRL_ERR_LIMIT);
}

static void expect_end(void (*write)(struct fixture *f))
{
    struct fixture *f = START(0);
    struct raw_client c = raw_open(f);

    raw_send(c.fd, "GET /stream HTTP/1.0\r\nHost: h\r\n\r\n");
    assert_true(fixture_wait(&f->started, 1));
    fixture_run(f, write);
    assert_true(fixture_wait(&f->gone, 1));
    assert_true(fixture_connections(f, 0));
    raw_leave(&c);
    fixture_stop(f);
    assert_int_equal(atomic_load(&f->gone), 1);
}

static void a_stream_does_not_wait_for_a_slow_reader(void **state)
{
    (void)state;
    expect_end(write_up_to_the_limit);
    expect_end(write_one_byte_above_it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_chunked_and_ends_when_told),
        cmocka_unit_test(a_stream_for_http_1_0_is_plain),
        cmocka_unit_test(a_stream_is_gone_once_when_its_reader_leaves),
        cmocka_unit_test(a_stream_does_not_wait_for_a_slow_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
