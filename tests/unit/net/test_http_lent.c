/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/net/http_fixture.h"
#include "tests/unit/unit.h"

enum { LARGE = 5000000 };

static struct fixture fixture;

static struct fixture *begin(struct fixture_config config)
{
    fixture_start(&fixture, &config);
    return &fixture;
}

static void expect_lent(struct raw_client *c, size_t size)
{
    struct raw_answer a = raw_next(c);

    assert_int_equal(a.head.status, 200);
    assert_int_equal(a.body.len, size);
    for (size_t i = 0; i < size; i++)
        if (a.body.data[i] != (uint8_t)(i * 31 >> 8))
            fail_msg("byte %zu is another", i);
    raw_answer_done(&a);
}

static void a_lent_body_arrives_whole_and_is_given_back_once(void **state)
{
    static const size_t sizes[] = {0, 1, (128 << 10) - 1, 128 << 10, (128 << 10) + 1, LARGE};
    struct fixture *f = begin((struct fixture_config){0});
    struct raw_client c = raw_open(f);

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(sizes); i++) {
        char request[96];

        (void)snprintf(request, sizeof(request), "GET /lend?size=%zu HTTP/1.1\r\nHost: h\r\n\r\n",
                       sizes[i]);
        raw_send(c.fd, request);
        expect_lent(&c, sizes[i]);
        assert_true(fixture_wait(&f->released, (int)i + 1));
    }
    raw_leave(&c);
    fixture_stop(f);
    assert_int_equal(atomic_load(&f->released), MRL_COUNT(sizes));
}

static void requests_behind_it_are_answered_after_it(void **state)
{
    struct fixture *f = begin((struct fixture_config){0});
    struct raw_client c = raw_open(f);

    (void)state;
    raw_send(c.fd, "GET /lend?size=1000000 HTTP/1.1\r\nHost: h\r\n\r\n"
                   "GET /query?name=after HTTP/1.1\r\nHost: h\r\n\r\n"
                   "GET /lend?size=7 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    expect_lent(&c, 1000000);
    raw_expect_answer(&c, 200, "after");
    expect_lent(&c, 7);
    assert_true(raw_is_closed(c.fd));
    raw_leave(&c);
    fixture_stop(f);
}

static void head_has_its_length_and_no_body(void **state)
{
    struct fixture *f = begin((struct fixture_config){0});
    struct raw_client c = raw_open(f);
    struct raw_answer a;

    (void)state;
    raw_send(c.fd, "HEAD /lend?size=1000 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(raw_read(c.fd, &c.pending, /*to_head=*/true, &a));
    assert_bytes_equal(raw_header(&a, "Content-Length"), MRL_LIT("1000"));
    raw_answer_done(&a);
    raw_expect(&c, "GET /query?name=next HTTP/1.1\r\nHost: h\r\n\r\n", 200, "next");
    assert_true(fixture_wait(&f->released, 1));
    raw_leave(&c);
    fixture_stop(f);
}

static void who_leaves_or_takes_nothing_gives_it_back(void **state)
{
    struct fixture *f = begin((struct fixture_config){.idle_timeout_ms = 1000});
    struct raw_client leaves = raw_open(f), stays = raw_open(f);

    (void)state;
    raw_send(leaves.fd, "GET /lend?size=8000000 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(fixture_connections(f, 2));
    raw_leave(&leaves);
    assert_true(fixture_wait(&f->released, 1));
    raw_send(stays.fd, "GET /lend?size=8000000 HTTP/1.1\r\nHost: h\r\n\r\n"); /* and never reads */
    assert_true(fixture_wait(&f->released, 2));
    assert_true(fixture_connections(f, 0));
    raw_leave(&stays);
    fixture_stop(f);
}

static void a_body_under_way_ends_with_the_connections(void **state)
{
    struct fixture *f = begin((struct fixture_config){0});
    struct raw_client c = raw_open(f), other = raw_open(f);

    (void)state;
    raw_send(c.fd, "GET /lend?size=8000000 HTTP/1.1\r\nHost: h\r\n\r\n");
    raw_expect(&other, "GET /query?name=x HTTP/1.1\r\nHost: h\r\n\r\n", 200, "x");
    raw_leave(&other);
    fixture_stop(f);
    assert_int_equal(atomic_load(&f->released), 1);
    raw_leave(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lent_body_arrives_whole_and_is_given_back_once),
        cmocka_unit_test(requests_behind_it_are_answered_after_it),
        cmocka_unit_test(head_has_its_length_and_no_body),
        cmocka_unit_test(who_leaves_or_takes_nothing_gives_it_back),
        cmocka_unit_test(a_body_under_way_ends_with_the_connections),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
