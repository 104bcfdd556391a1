/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <unistd.h>

#include "tests/unit/api/fixture.h"

struct sending {
    const char *topic;
    mrl_bytes payload;
    unsigned times;
};

static void publish(struct fixture *f, void *context)
{
    const struct sending *s = context;
    const struct mrl_publication message = {
        .topic = mrl_str(s->topic), .payload = s->payload, .qos = 1, .retain = false};

    for (unsigned i = 0; i < s->times; i++) {
        struct mrl_publication *p = mrl_publication_new(&message);

        assert_ok(mrl_hub_publish(f->hubs[0], p, NULL));
        mrl_publication_unref(p);
    }
}

static void send_one(struct fixture *f, const char *topic, mrl_bytes payload)
{
    struct sending s = {topic, payload, 1};

    on_worker(f, publish, &s);
}

static void messages_come_as_events(void **state)
{
    struct fixture *f = *state;
    int fd = open_stream(f, "/v1/events?topics=devices/%23");
    char text[4096];

    assert_true(read_until(fd, text, sizeof(text), ": open\n\n"));
    assert_non_null(strstr(text, "Content-Type: text/event-stream"));
    send_one(f, "elsewhere", MRL_LIT("not this"));
    send_one(f, "devices/d/climate", MRL_LIT("warm \"\n\ndata: forged"));
    assert_true(read_until(fd, text, sizeof(text), "}\n\n"));
    assert_non_null(strstr(text, "event: message\ndata: {"));
    assert_non_null(strstr(text, "\"topic\":\"devices/d/climate\""));
    assert_non_null(strstr(text, "\"payload\":\"warm \\\"\\n\\ndata: forged\""));
    assert_non_null(strstr(text, "\"qos\":1"));
    assert_null(strstr(text, "not this"));
    send_one(f, "devices/d/raw", mrl_bytes_of("\xff\x00\x01", 3));
    assert_true(read_until(fd, text, sizeof(text), "}\n\n"));
    assert_non_null(strstr(text, "\"payload_base64\":\"/wAB\""));
    send_one(f, "devices/d/nul", mrl_bytes_of("a\0b", 3));
    assert_true(read_until(fd, text, sizeof(text), "}\n\n"));
    assert_non_null(strstr(text, "\"payload_base64\":\"YQBi\""));
    (void)close(fd);
}

static void the_opening_is_on_record_before_anything_is_seen(void **state)
{
    struct fixture *f = *state;
    int fd = open_stream(f, "/v1/events?topics=devices/%2B/climate");
    char text[4096];

    assert_true(read_until(fd, text, sizeof(text), ": open\n\n"));
    assert_int_equal(audited(f->api.store, "events.opened", "\"target\":\"devices/+/climate\""), 1);
    assert_int_equal(audited(f->api.store, "events.opened", "\"id\":\"local:uid=0\""), 1);
    (void)close(fd);
}

static void a_filter_that_is_none_opens_nothing(void **state)
{
    static const char *const filters[] = {"a/%23/b", "", "a%2B", "$share/g/a"};
    struct fixture *f = *state;
    char target[128];

    for (size_t i = 0; i < MRL_COUNT(filters); i++) {
        (void)snprintf(target, sizeof(target), "/v1/events?topics=%s", filters[i]);
        expect_only(f, 400, "GET", target, NULL);
    }
    assert_int_equal(audited(f->api.store, "events.opened", NULL), 0);
}

static void filters_have_a_largest_size(void **state)
{
    struct fixture *f = *state;
    char target[2048], text[4096];
    int fd;

    for (size_t len = 1024; len <= 1025; len++) {
        (void)snprintf(target, sizeof(target), "/v1/events?topics=%0*d", (int)len, 0);
        if (len == 1025) {
            expect_only(f, 400, "GET", target, NULL);
            continue;
        }
        fd = open_stream(f, target);
        assert_true(read_until(fd, text, sizeof(text), ": open\n\n"));
        (void)close(fd);
    }
}

static void streams_of_a_worker_are_counted(void **state)
{
    struct fixture *f = *state;
    int fds[MRL_API_STREAMS_MAX];
    char text[4096];
    struct reply r;

    for (int i = 0; i < MRL_API_STREAMS_MAX; i++) {
        fds[i] = open_stream(f, "/v1/events");
        assert_true(read_until(fds[i], text, sizeof(text), ": open\n\n"));
    }
    r = expect(f, 503, "GET", "/v1/events", NULL);
    assert_problem(&r, 503, "busy");
    assert_non_null(strstr(r.head, "Retry-After:"));
    reply_done(&r);
    for (int i = 0; i < MRL_API_STREAMS_MAX; i++)
        (void)close(fds[i]);
    for (int tries = 0; tries < 1000; tries++) { /* until the worker has seen one of them go */
        fds[0] = open_stream(f, "/v1/events");
        if (read_until(fds[0], text, sizeof(text), "\n\n") && strstr(text, ": open") != NULL)
            break;
        (void)close(fds[0]);
        fds[0] = -1;
    }
    assert_true(fds[0] >= 0);
    (void)close(fds[0]);
}

static void a_reader_that_is_too_slow_is_cut_off(void **state)
{
    static uint8_t payload[60000];
    struct fixture *f = *state;
    int fd = open_stream(f, "/v1/events");
    struct sending s = {"a", mrl_bytes_of(payload, sizeof(payload)), 200};
    char text[65536];
    size_t total = 0;
    ssize_t n;

    memset(payload, 'x', sizeof(payload));
    assert_true(read_until(fd, text, sizeof(text), ": open\n\n"));
    on_worker(f, publish, &s); /* 12 MB that nobody reads */
    while ((n = read(fd, text, sizeof(text))) > 0)
        total += (size_t)n;
    assert_int_equal(n, 0); /* the end, and not the read that gave up */
    assert_true(total < 4000000);
    (void)close(fd);
}

static bool remote_until(struct remote *c, const char *wanted)
{
    char text[8192] = "";
    size_t len = 0, n;

    while (strstr(text, wanted) == NULL) {
        n = remote_read(c, &text[len], sizeof(text) - len - 1);
        if (n == 0)
            return false;
        len += n;
        text[len] = '\0';
    }
    return true;
}

/* Not even the message that is sent right after the revocation. */
static void a_revoked_operator_sees_nothing_more(void **state)
{
    struct fixture *f = *state;
    struct identity identity = {0};
    struct remote c;

    operator_with(f, "ann", "viewer", &identity);
    assert_true(remote_open(f, &identity, &c));
    assert_true(remote_send(&c, "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert_true(remote_until(&c, ": open\n\n"));
    send_one(f, "a", MRL_LIT("first"));
    assert_true(remote_until(&c, "first"));
    expect_only(f, 200, "POST", "/v1/operators/ann/revoke", NULL);
    send_one(f, "a", MRL_LIT("second"));
    assert_false(remote_until(&c, "second"));
    remote_close(&c);
    identity_done(&identity);
}

static void a_role_that_is_taken_away_ends_the_stream(void **state)
{
    struct fixture *f = *state;
    struct identity identity = {0};
    struct remote c;

    operator_with(f, "ann", "viewer", &identity);
    assert_true(remote_open(f, &identity, &c));
    assert_true(remote_send(&c, "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    assert_true(remote_until(&c, ": open\n\n"));
    expect_only(f, 200, "PUT", "/v1/operators/ann/roles", "{\"roles\":[\"auditor\"]}");
    send_one(f, "a", MRL_LIT("secret"));
    assert_false(remote_until(&c, "secret"));
    remote_close(&c);
    identity_done(&identity);
}

static void stopping_ends_the_streams(void **state)
{
    struct fixture *f = *state;
    char text[4096];
    int fd = open_stream(f, "/v1/events");

    assert_true(read_until(fd, text, sizeof(text), ": open\n\n"));
    (void)close(open_stream(f, "/v1/events")); /* gone before or while it becomes a stream */
    (void)fd;                                  /* open while tear_down stops the server */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_API(messages_come_as_events),
        WITH_API(the_opening_is_on_record_before_anything_is_seen),
        WITH_API(a_filter_that_is_none_opens_nothing),
        WITH_API(filters_have_a_largest_size),
        WITH_API(streams_of_a_worker_are_counted),
        WITH_API(a_reader_that_is_too_slow_is_cut_off),
        WITH_API(a_revoked_operator_sees_nothing_more),
        WITH_API(a_role_that_is_taken_away_ends_the_stream),
        WITH_API(stopping_ends_the_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
