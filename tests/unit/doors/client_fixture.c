/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/doors/client_fixture.h"

#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static void on_open(struct mrl_conn *c)
{
    ((struct mrl_client *)mrl_conn_user(c))->state = MRL_CLIENT_OPEN;
}

static void on_data(struct mrl_conn *c, struct mrl_buf *in)
{
    (void)c;
    (void)in;
}

static void on_closed(struct mrl_conn *c, const struct mrl_conn_closed *closed)
{
    (void)c;
    (void)closed;
}

const struct mrl_conn_kind client_fixture_kind = {
    .on_open = on_open, .on_data = on_data, .on_closed = on_closed};

static void open_connection(struct client_fixture *f)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_ok(mrl_conn_accept_unix(f->conns, pair[0], NULL, &client_fixture_kind, &f->client,
                                   &f->client.conn));
    f->peer = pair[1];
    for (unsigned i = 0; i < 10 && f->client.state != MRL_CLIENT_OPEN; i++)
        assert_ok(mrl_loop_turn(f->loop, 20));
    assert_int_equal(f->client.state, MRL_CLIENT_OPEN);
}

void client_fixture_init(struct client_fixture *f)
{
    struct mrl_conns_config conns = {0};

    *f = (struct client_fixture){0};
    assert_ok(mrl_loop_new(&f->loop));
    conns.loop = f->loop;
    assert_ok(mrl_conns_new(&conns, &f->conns));
    f->metrics = mrl_metrics_new(1);
    f->door.config =
        (struct mrl_mqtt_door_config){.loop = f->loop, .metrics = f->metrics, .limits = &f->limits};
    mrl_usages_init(&f->door.usages);
    f->client =
        (struct mrl_client){.door = &f->door, .version = MRL_MQTT_5, .maximum_packet = UINT32_MAX};
    open_connection(f);
}

void client_fixture_done(struct client_fixture *f)
{
    mrl_timer_cancel(&f->client.timer);
    mrl_client_release_usage(&f->client);
    mrl_usages_done(&f->door.usages);
    mrl_conns_free(f->conns);
    mrl_loop_free(f->loop);
    close(f->peer);
    mrl_encoded_done(&f->door.encoded);
    mrl_buf_done(&f->door.scratch);
    mrl_buf_done(&f->door.identifiers);
    mrl_metrics_free(f->metrics);
}
