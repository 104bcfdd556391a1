/* SPDX-License-Identifier: Apache-2.0 */
/* One open client of a door, on a pair of sockets whose other end takes nothing. Without a turn of
 * the loop nothing that is written reaches the kernel, so all bytes are those of the test. */
#ifndef MRL_TESTS_DOORS_CLIENT_FIXTURE_H
#define MRL_TESTS_DOORS_CLIENT_FIXTURE_H

#include "doors/mqtt/client.h"

struct client_fixture {
    struct mrl_loop *loop;
    struct mrl_conns *conns;
    struct mrl_metrics *metrics;
    struct mrl_mqtt_limits limits;
    struct mrl_mqtt_door door;
    struct mrl_client client;
    int peer;
};
extern const struct mrl_conn_kind client_fixture_kind; /* of its connection */
void client_fixture_init(struct client_fixture *f);
void client_fixture_done(struct client_fixture *f);

#endif
