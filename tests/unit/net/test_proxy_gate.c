/* SPDX-License-Identifier: Apache-2.0 */
/* Socket pairs stand for connections; the peers are what the test says they are. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "net/proxy_gate.h"
#include "tests/unit/net/turn.h"

enum { SHORT_MS = 50, WAITING = 2 };

#define LINE "PROXY TCP4 192.0.2.1 198.51.100.2 40000 8883\r\n"
#define TLS "\x16\x03\x01 more"

static struct mrl_loop *loop;
static struct mrl_proxy_gate *gate;
static struct mrl_network network;
static unsigned taken, refused, asked;
static int taken_fd;
static struct mrl_peer taken_peer, asked_peer;
static bool let_in;
static char reason[128];

static bool admit(void *context, const struct mrl_peer *peer)
{
    assert_ptr_equal(context, &network);
    asked++;
    asked_peer = *peer;
    return let_in;
}

static void on_accepted(void *context, int fd, const struct mrl_peer *peer)
{
    assert_ptr_equal(context, &network);
    taken++;
    taken_fd = fd;
    taken_peer = *peer;
}

static void on_refused(void *context, const struct mrl_peer *proxy, const char *why)
{
    assert_ptr_equal(context, &network);
    assert_int_equal(proxy->ip[0], 10);
    refused++;
    (void)strncpy(reason, why, sizeof(reason) - 1);
}

static struct mrl_peer peer_at(const char *text)
{
    struct mrl_address a;
    struct mrl_peer p;

    assert_ok(mrl_address_parse(mrl_str(text), &a, NULL));
    mrl_peer_from_address(&a, &p);
    return p;
}

static void open_gate(uint64_t timeout_ms)
{
    struct mrl_proxy_gate_config config = {.proxies = &network,
                                           .proxy_count = 1,
                                           .timeout_ms = timeout_ms,
                                           .waiting_max = WAITING,
                                           .context = &network,
                                           .admit = admit,
                                           .accepted = on_accepted,
                                           .refused = on_refused};

    taken = refused = asked = 0;
    let_in = true;
    reason[0] = '\0';
    assert_ok(mrl_network_parse(MRL_LIT("10.0.0.0/8"), &network, NULL));
    assert_ok(mrl_loop_new(&loop));
    config.loop = loop;
    gate = mrl_proxy_gate_new(&config);
}

static void close_gate(void)
{
    mrl_proxy_gate_free(gate);
    mrl_loop_free(loop);
}

/* The listener has accepted one from there; gives the other end. */
static int arrive_from(const char *text)
{
    struct mrl_peer p = peer_at(text);
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    assert_true(mrl_proxy_gate_admit(gate, &p));
    mrl_proxy_gate_accepted(gate, fds[0], &p);
    return fds[1];
}

static void say(int fd, const char *bytes, size_t len)
{
    assert_int_equal(write(fd, bytes, len), len);
}

/* What whoever took it reads first. */
static void next_bytes_are(const char *expected, size_t len)
{
    char memory[64];

    assert_int_equal(recv(taken_fd, memory, sizeof(memory), 0), len);
    assert_memory_equal(memory, expected, len);
}

static bool is_closed(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void the_client_is_whom_the_header_names_and_tls_is_left_alone(void **state)
{
    char text[MRL_PEER_TEXT];
    int fd;

    (void)state;
    open_gate(0);
    fd = arrive_from("10.0.0.7:1234");
    assert_int_equal(taken, 0);
    say(fd, LINE TLS, sizeof(LINE TLS) - 1);
    turn_until(loop, taken == 1);
    mrl_peer_format(&taken_peer, text);
    assert_string_equal(text, "192.0.2.1:40000");
    assert_true(mrl_peer_format_proxy(&taken_peer, text));
    assert_string_equal(text, "10.0.0.7");
    next_bytes_are(TLS, sizeof(TLS) - 1);
    assert_int_equal(mrl_proxy_gate_waiting(gate), 0);
    (void)close(taken_fd);
    (void)close(fd);
    close_gate();
}

static void a_header_may_come_byte_by_byte(void **state)
{
    int fd;

    (void)state;
    open_gate(0);
    fd = arrive_from("10.0.0.7:1234");
    for (size_t i = 0; i < sizeof(LINE) - 1; i++) {
        assert_int_equal(taken, 0);
        say(fd, &LINE[i], 1);
        for (int turn = 0; turn < 2; turn++)
            assert_ok(mrl_loop_turn(loop, 0));
    }
    turn_until(loop, taken == 1);
    say(fd, TLS, sizeof(TLS) - 1);
    next_bytes_are(TLS, sizeof(TLS) - 1);
    (void)close(taken_fd);
    (void)close(fd);
    close_gate();
}

static void a_mapped_client_is_ipv4(void **state)
{
    static const char line[] = "PROXY TCP6 ::ffff:192.0.2.1 ::1 40000 8883\r\n";
    char text[MRL_PEER_TEXT];
    int fd;

    (void)state;
    open_gate(0);
    fd = arrive_from("10.0.0.7:1234");
    say(fd, line, sizeof(line) - 1);
    turn_until(loop, taken == 1);
    mrl_peer_format(&taken_peer, text);
    assert_string_equal(text, "192.0.2.1:40000");
    (void)close(taken_fd);
    (void)close(fd);
    close_gate();
}

static void an_unknown_client_is_the_balancer_itself(void **state)
{
    char text[MRL_PEER_TEXT];
    int fd;

    (void)state;
    open_gate(0);
    fd = arrive_from("10.0.0.7:1234");
    say(fd, "PROXY UNKNOWN\r\n", 15);
    turn_until(loop, taken == 1);
    mrl_peer_format(&taken_peer, text);
    assert_string_equal(text, "10.0.0.7:1234");
    assert_false(mrl_peer_format_proxy(&taken_peer, text));
    (void)close(taken_fd);
    (void)close(fd);
    close_gate();
}

static void from_others_no_header_is_read(void **state)
{
    char text[MRL_PEER_TEXT];
    int fd;

    (void)state;
    open_gate(0);
    fd = arrive_from("11.0.0.1:1234");
    assert_int_equal(taken, 1); /* at once */
    say(fd, LINE, sizeof(LINE) - 1);
    next_bytes_are(LINE, sizeof(LINE) - 1);
    mrl_peer_format(&taken_peer, text);
    assert_string_equal(text, "11.0.0.1:1234");
    assert_false(mrl_peer_format_proxy(&taken_peer, text));
    (void)close(taken_fd);
    (void)close(fd);
    close_gate();
}

static void without_a_header_a_balancer_is_refused(void **state)
{
    int fd;

    (void)state;
    open_gate(0);
    fd = arrive_from("10.0.0.7:1234");
    say(fd, TLS, sizeof(TLS) - 1);
    turn_until(loop, refused == 1);
    assert_string_equal(reason, "no PROXY header");
    assert_int_equal(taken, 0);
    turn_until(loop, recv(fd, reason, 1, MSG_DONTWAIT) <= 0);
    (void)close(fd);
    close_gate();
}

static void a_balancer_that_only_looks_is_not_worth_a_word(void **state)
{
    int fd;

    (void)state;
    open_gate(0);
    fd = arrive_from("10.0.0.7:1234");
    (void)close(fd);
    turn_until(loop, mrl_proxy_gate_waiting(gate) == 0);
    assert_int_equal(refused, 0);
    fd = arrive_from("10.0.0.7:1234");
    say(fd, "PRO", 3);
    (void)close(fd);
    turn_until(loop, refused == 1);
    assert_string_equal(reason, "left without a PROXY header");
    close_gate();
}

static void a_header_that_does_not_come_is_not_waited_for(void **state)
{
    int fd;

    (void)state;
    open_gate(SHORT_MS);
    fd = arrive_from("10.0.0.7:1234");
    say(fd, "PROXY ", 6);
    turn_until(loop, refused == 1);
    assert_string_equal(reason, "no PROXY header in time");
    assert_true(is_closed(fd));
    assert_int_equal(mrl_proxy_gate_waiting(gate), 0);
    (void)close(fd);
    close_gate();
}

static void so_many_wait_and_not_one_more(void **state)
{
    int fds[WAITING + 1];

    (void)state;
    open_gate(0);
    for (int i = 0; i < WAITING; i++)
        fds[i] = arrive_from("10.0.0.7:1234");
    assert_int_equal(refused, 0);
    fds[WAITING] = arrive_from("10.0.0.7:1234");
    assert_int_equal(refused, 1);
    assert_true(is_closed(fds[WAITING]));
    assert_int_equal(mrl_proxy_gate_waiting(gate), WAITING);
    close_gate(); /* closes what waits */
    for (int i = 0; i <= WAITING; i++) {
        assert_true(is_closed(fds[i]));
        (void)close(fds[i]);
    }
}

/* Limits per source are those of the client: the balancer has none. */
static void the_limits_are_asked_about_the_client(void **state)
{
    struct mrl_peer other = peer_at("11.0.0.1:1"), balancer = peer_at("10.0.0.7:1234");
    char text[MRL_PEER_TEXT];
    int fd;

    (void)state;
    open_gate(0);
    let_in = false;
    assert_false(mrl_proxy_gate_admit(gate, &other));
    assert_int_equal(asked, 1);
    assert_true(mrl_proxy_gate_admit(gate, &balancer));
    assert_int_equal(asked, 1);
    fd = arrive_from("10.0.0.7:1234");
    say(fd, LINE, sizeof(LINE) - 1);
    turn_until(loop, asked == 2);
    mrl_peer_format_host(&asked_peer, text);
    assert_string_equal(text, "192.0.2.1");
    assert_int_equal(taken, 0);
    assert_true(is_closed(fd));
    (void)close(fd);
    close_gate();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_client_is_whom_the_header_names_and_tls_is_left_alone),
        cmocka_unit_test(a_header_may_come_byte_by_byte),
        cmocka_unit_test(a_mapped_client_is_ipv4),
        cmocka_unit_test(an_unknown_client_is_the_balancer_itself),
        cmocka_unit_test(from_others_no_header_is_read),
        cmocka_unit_test(without_a_header_a_balancer_is_refused),
        cmocka_unit_test(a_balancer_that_only_looks_is_not_worth_a_word),
        cmocka_unit_test(a_header_that_does_not_come_is_not_waited_for),
        cmocka_unit_test(so_many_wait_and_not_one_more),
        cmocka_unit_test(the_limits_are_asked_about_the_client),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
