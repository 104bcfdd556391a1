/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/listener.h"
#include "tests/unit/net/turn.h"

static struct mrl_loop *loop;
static unsigned taken;
static struct mrl_peer last;
static bool let_in;

static bool admit(void *context, const struct mrl_peer *peer)
{
    (void)context;
    (void)peer;
    return let_in;
}

static void accepted(void *context, int fd, const struct mrl_peer *peer)
{
    (void)context;
    taken++;
    last = *peer;
    close(fd);
}

static struct mrl_listener *listen_on(const char *text)
{
    struct mrl_address a;
    struct mrl_listener_config config = {
        .loop = loop, .address = &a, .admit = admit, .accepted = accepted};
    struct mrl_listener *l = NULL;

    assert_ok(mrl_address_parse(mrl_str(text), &a, NULL));
    assert_ok(mrl_listener_open(&config, &l, NULL));
    return l;
}

static int dial(const struct mrl_address *a)
{
    int fd = socket(a->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &a->sa.any, a->len), 0);
    return fd;
}

static int set_up(void **state)
{
    (void)state;
    taken = 0;
    let_in = true;
    return mrl_loop_new(&loop) == MRL_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mrl_loop_free(loop);
    return 0;
}

static void two_workers_share_a_port_the_kernel_chose(void **state)
{
    struct mrl_listener *a = listen_on("127.0.0.1:0"), *b = NULL;
    struct mrl_listener_config config = {
        .loop = loop, .address = mrl_listener_address(a), .accepted = accepted};
    int fds[32];

    (void)state;
    assert_true(mrl_address_port(mrl_listener_address(a)) > 0);
    assert_ok(mrl_listener_open(&config, &b, NULL));
    for (size_t i = 0; i < MRL_COUNT(fds); i++)
        fds[i] = dial(mrl_listener_address(a));
    turn_until(loop, taken == MRL_COUNT(fds));
    assert_int_equal(mrl_listener_count(a).accepted + mrl_listener_count(b).accepted,
                     MRL_COUNT(fds));
    assert_int_equal(last.kind, MRL_PEER_IPV4);
    for (size_t i = 0; i < MRL_COUNT(fds); i++)
        close(fds[i]);
    mrl_listener_close(a);
    mrl_listener_close(b);
}

static void who_is_not_admitted_is_closed_before_anything_else(void **state)
{
    struct mrl_listener *l = listen_on("[::1]:0");
    int fd = dial(mrl_listener_address(l));
    char c;

    (void)state;
    let_in = false;
    turn_until(loop, mrl_listener_count(l).refused == 1);
    assert_int_equal(taken, 0);
    assert_true(recv(fd, &c, 1, 0) <= 0);
    close(fd);
    mrl_listener_close(l);
}

static void a_unix_socket_is_private_tells_who_and_replaces_a_dead_one(void **state)
{
    char folder[] = "/tmp/mrl-listener-XXXXXX", text[128];
    struct mrl_listener *l;
    struct mrl_listener_config config = {.loop = loop, .accepted = accepted};
    struct mrl_address a;
    struct stat st;
    int fd;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(text, sizeof(text), "unix:%s/api.sock", folder);
    assert_ok(mrl_address_parse(mrl_str(text), &a, NULL));
    fd = socket(AF_UNIX, SOCK_STREAM, 0); /* of a daemon that was killed */
    assert_int_equal(bind(fd, &a.sa.any, a.len), 0);
    close(fd);
    l = listen_on(text);
    assert_int_equal(stat(a.sa.local.sun_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    fd = dial(&a);
    turn_until(loop, taken == 1);
    assert_int_equal(last.kind, MRL_PEER_LOCAL);
    assert_int_equal(last.uid, getuid());
    assert_int_equal(last.pid, getpid());
    config.address = &a;
    assert_int_equal(mrl_listener_open(&config, &l, NULL), MRL_ERR_BUSY); /* it is alive */
    close(fd);
    mrl_listener_close(l);
    assert_int_equal(stat(a.sa.local.sun_path, &st), -1);
    fd = open(a.sa.local.sun_path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(mrl_listener_open(&config, &l, NULL), MRL_ERR_EXISTS);
    close(fd);
    unlink(a.sa.local.sun_path);
    rmdir(folder);
}

static void without_descriptors_it_turns_away_and_recovers_without_spinning(void **state)
{
    struct mrl_listener *l = listen_on("127.0.0.1:0");
    struct rlimit old, small;
    int fd = dial(mrl_listener_address(l)), next;
    unsigned turns = 0;
    uint64_t end;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    small = old;
    small.rlim_cur = (rlim_t)fd + 1; /* nothing above what is open */
    next = open("/dev/null", O_RDONLY);
    close(next);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &small), 0);
    end = mrl_monotonic_ms() + 300;
    for (; mrl_monotonic_ms() < end; turns++)
        assert_ok(mrl_loop_turn(loop, 100));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_true(turns < 40);
    assert_int_equal(taken, 0);
    assert_true(mrl_listener_count(l).exhausted >= 1);
    close(fd);
    fd = dial(mrl_listener_address(l));
    turn_until(loop, taken == 1);
    close(fd);
    mrl_listener_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(two_workers_share_a_port_the_kernel_chose, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_is_not_admitted_is_closed_before_anything_else, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_unix_socket_is_private_tells_who_and_replaces_a_dead_one,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            without_descriptors_it_turns_away_and_recovers_without_spinning, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
