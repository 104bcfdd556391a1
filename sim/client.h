/* SPDX-License-Identifier: Apache-2.0 */
/* One MQTT client over mutual TLS 1.3, as lean as a load generator needs it: it connects,
 * subscribes to at most one filter, publishes, acknowledges and counts. Layer: sim. Thread: the one
 * that runs its loop. */
#ifndef MRL_SIM_CLIENT_H
#define MRL_SIM_CLIENT_H

#include <openssl/ssl.h>

#include "base/buf.h"
#include "net/address.h"
#include "net/loop.h"
#include "sim/identity.h"
#include "wire/mqtt.h"

struct mrl_sim_client;

/* Called on the loop. None of them may free the client; ended comes after everything else. */
struct mrl_sim_events {
    void (*ready)(struct mrl_sim_client *c); /* CONNACK, and SUBACK where it subscribes */
    void (*received)(struct mrl_sim_client *c, mrl_bytes payload);
    void (*acked)(struct mrl_sim_client *c);                  /* PUBACK, in the order published */
    void (*ended)(struct mrl_sim_client *c, const char *why); /* not asked for; static text */
};

/* What the clients of one process share. */
struct mrl_sim_net {
    struct mrl_loop *loop;
    SSL_CTX *tls;
    struct mrl_address broker;
    unsigned sources; /* 127.0.0.2 and following ones, by turns; 0: the kernel's choice */
    enum mrl_mqtt_version version;
    const struct mrl_sim_events *events;
    struct mrl_buf scratch;
};
/* roots_pem: whom the server's certificate must lead to. MRL_ERR_CRYPTO, MRL_ERR_IO. */
mrl_err mrl_sim_net_init(struct mrl_sim_net *n, mrl_bytes roots_pem, struct mrl_why *why);
void mrl_sim_net_done(struct mrl_sim_net *n);

enum mrl_sim_client_state {
    MRL_SIM_CLOSED,
    MRL_SIM_SHAKING, /* TCP and TLS */
    MRL_SIM_CONNECTING,
    MRL_SIM_SUBSCRIBING,
    MRL_SIM_READY,
};

struct mrl_sim_client {
    struct mrl_sim_net *net;
    const struct mrl_sim_identity *identity;
    void *user;
    unsigned index;
    /* what it asks for */
    char filter[64]; /* empty: it does not subscribe */
    uint8_t qos;
    bool persistent; /* keeps its session */

    enum mrl_sim_client_state state;
    struct mrl_watch watch;
    struct mrl_later flush;
    SSL *ssl;
    SSL_SESSION *ticket; /* the newest; offered by the next connect, once */
    struct mrl_buf out;
    struct mrl_buf in; /* the start of a packet whose end has not come */
    uint16_t packet_id;
    bool resumed;
    bool session_present;
    bool blocked;
};

/* Starts to connect. MRL_ERR_IO with why: a limit of this machine. */
mrl_err mrl_sim_client_open(struct mrl_sim_client *c, struct mrl_why *why);
/* Says DISCONNECT and closes, or just closes. Nothing is called back. Closed already: no-op. */
void mrl_sim_client_close(struct mrl_sim_client *c, bool politely);
void mrl_sim_client_forget_ticket(struct mrl_sim_client *c); /* a full handshake comes next */
void mrl_sim_client_done(struct mrl_sim_client *c);
/* Leaves at the end of the turn. It is MRL_SIM_READY. */
void mrl_sim_client_publish(struct mrl_sim_client *c, mrl_bytes topic, mrl_bytes payload,
                            uint8_t qos, bool retain);
size_t mrl_sim_client_backlog(const struct mrl_sim_client *c);

#endif
