/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to the server: TCP, mutual TLS, MQTT. Layer: device. Thread: one; blocks only
 * while a host name is looked up, MRL_LINK_OPEN_MS at most. */
#ifndef MRL_AGENT_LINK_H
#define MRL_AGENT_LINK_H

#include "device/agent/home.h"
#include "merlon/client.h"
#include "net/tls_client.h"

enum { MRL_LINK_BUFFER = 16 << 10, MRL_LINK_OPEN_MS = 10000, MRL_LINK_KEEP_ALIVE_S = 30 };

struct mrl_link {
    int fd; /* -1: closed */
    bool shaken;
    bool clean;           /* forget the server's session when it opens */
    uint64_t deadline_ms; /* of look-up, connection and handshake */
    uint8_t alert;        /* TLS alert of the server */
    struct mrl_tls_context *context;
    struct mrl_tls *tls;
    struct mrl_buf read; /* decrypted, not taken by the client yet */
    struct merlon_client client;
    struct merlon_client_config config;
    uint8_t in[MRL_LINK_BUFFER];
    uint8_t out[MRL_LINK_BUFFER];
};

/* Borrows h and events.context for the life of the link. */
mrl_err mrl_link_init(struct mrl_link *l, const struct mrl_home *h,
                      const struct merlon_client_events *events);
void mrl_link_done(struct mrl_link *l);
/* Begins a connection that shows the identity i. */
mrl_err mrl_link_open(struct mrl_link *l, const struct mrl_home *h, const struct mrl_identity *i,
                      bool clean_session, struct mrl_why *why);
/* MRL_OK: something happened, call again. MRL_ERR_AGAIN: wait for mrl_link_poll_events. Otherwise
 * the link is over (close it): MRL_ERR_AUTH: one side refused the other; else the network. */
mrl_err mrl_link_step(struct mrl_link *l, uint64_t now_ms, struct mrl_why *why);
short mrl_link_poll_events(const struct mrl_link *l);
int mrl_link_wait_ms(const struct mrl_link *l, uint64_t now_ms); /* -1: for ever */
bool mrl_link_is_up(const struct mrl_link *l);
/* DISCONNECT and close_notify as far as that goes without waiting; closed in any case. */
void mrl_link_close(struct mrl_link *l, uint64_t now_ms);

#endif
