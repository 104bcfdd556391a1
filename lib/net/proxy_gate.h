/* SPDX-License-Identifier: Apache-2.0 */
/* Between a listener and who takes its connections: reads the PROXY header (wire/proxy.h) of those
 * that come from a known load balancer, and of no others. From a balancer it is demanded. Exactly
 * the header is read, so that TLS begins where it should. Layer: net. Thread: the worker. */
#ifndef MRL_NET_PROXY_GATE_H
#define MRL_NET_PROXY_GATE_H

#include "net/loop.h"
#include "net/network.h"

struct mrl_proxy_gate;

struct mrl_proxy_gate_config {
    struct mrl_loop *loop;             /* borrowed */
    const struct mrl_network *proxies; /* borrowed */
    size_t proxy_count;
    uint64_t timeout_ms; /* from accepting to the end of the header; 0: 10 s */
    size_t waiting_max;  /* for a header, at once; 0: 1000 */
    void *context;       /* first argument of the hooks, borrowed */
    /* As in net/listener.h: asked for clients, not for balancers. May be NULL. */
    bool (*admit)(void *context, const struct mrl_peer *peer);
    void (*accepted)(void *context, int fd, const struct mrl_peer *peer);
    /* No header, a broken one, too late, too many: its connection is closed. why is for this call.
     * A balancer that leaves without a byte looked whether we are there: not told. */
    void (*refused)(void *context, const struct mrl_peer *proxy, const char *why);
};

struct mrl_proxy_gate *mrl_proxy_gate_new(const struct mrl_proxy_gate_config *config);
void mrl_proxy_gate_free(struct mrl_proxy_gate *g); /* closes what waits; NULL is fine */
MRL_AUTO_DEFINE(mrl_proxy_gate);

/* Hooks of struct mrl_listener_config, whose context is then the gate. */
bool mrl_proxy_gate_admit(void *gate, const struct mrl_peer *peer);
void mrl_proxy_gate_accepted(void *gate, int fd, const struct mrl_peer *peer);

size_t mrl_proxy_gate_waiting(const struct mrl_proxy_gate *g);

#endif
