/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets. Layer: net. Thread: the worker that owns the loop. TCP sockets are made with
 * SO_REUSEPORT, one listener per worker on the same port, and the kernel spreads connections. */
#ifndef MRL_NET_LISTENER_H
#define MRL_NET_LISTENER_H

#include "net/address.h"
#include "net/loop.h"

struct mrl_listener;

struct mrl_listener_config {
    struct mrl_loop *loop; /* borrowed */
    const struct mrl_address *address;
    void *context; /* borrowed; first argument of the hooks */
    /* May this one in? Asked before anything is allocated for it; false: closed at once. May be
     * NULL. For limits per source: mrl_peer_prefix. */
    bool (*admit)(void *context, const struct mrl_peer *peer);
    /* Takes fd (non-blocking, close-on-exec). */
    void (*accepted)(void *context, int fd, const struct mrl_peer *peer);
    unsigned batch; /* accepts per turn; 0: 64 */
};
/* MRL_ERR_BUSY: the address is in use; MRL_ERR_DENIED: not allowed; MRL_ERR_IO with why otherwise.
 * A UNIX socket gets mode 0660; a left-over socket file nobody listens on is replaced, any other
 * file at the path is MRL_ERR_EXISTS. */
mrl_err mrl_listener_open(const struct mrl_listener_config *config, struct mrl_listener **out,
                          struct mrl_why *why);
void mrl_listener_close(struct mrl_listener *l); /* removes its UNIX socket file; NULL is fine */
/* With the real port when port 0 was asked for. */
const struct mrl_address *mrl_listener_address(const struct mrl_listener *l);

struct mrl_listener_counts {
    uint64_t accepted;
    uint64_t refused;   /* by admit */
    uint64_t exhausted; /* turned away for want of descriptors */
};
struct mrl_listener_counts mrl_listener_count(const struct mrl_listener *l);

#endif
