/* SPDX-License-Identifier: Apache-2.0 */
/* A server of ours and a client that is OpenSSL itself, in one thread; between them the test moves
 * the bytes, as it likes. Any failure of the set-up aborts. */
#ifndef MRL_TESTS_NET_TLS_PAIR_H
#define MRL_TESTS_NET_TLS_PAIR_H

#include <openssl/ssl.h>

#include "net/tls.h"
#include "tests/unit/net/pki.h"

struct tls_pair_options {
    bool tickets;
    bool keep_library;
    bool channel_binding;
    mrl_tls_psk_find psk; /* not NULL: whoever has no key needs a certificate */
    mrl_tls_judge judge;  /* not NULL with psk */
    const char *suites;   /* of the client; NULL: all */
    const char *groups;
    int newest; /* TLS1_2_VERSION; 0: 1.3 */
};
struct tls_pair {
    struct mrl_tls_tickets *tickets;
    struct mrl_tls_context *server_context;
    SSL_CTX *client_context;
    struct mrl_tls *server;
    SSL *client;
    BIO *up;   /* written by the client, not moved yet */
    BIO *down; /* written by the server, not moved yet */
    BIO *server_in;
    BIO *client_in;
};
void tls_pair_init(struct tls_pair *p, const struct pki *pki, const struct tls_pair_options *o);
void tls_pair_done(struct tls_pair *p);

/* A new connection, hands not shaken. session may be NULL. */
void tls_pair_dial(struct tls_pair *p, SSL_SESSION *session);
/* The same over a pair of sockets; returns that of the client, for tls_pair_hang_up's caller to
 * close both: *server_fd is the other. */
int tls_pair_dial_sockets(struct tls_pair *p, int *server_fd);
void tls_pair_hang_up(struct tls_pair *p);
/* At most max bytes; returns how many. */
size_t tls_pair_move_up(struct tls_pair *p, size_t max);
size_t tls_pair_move_down(struct tls_pair *p, size_t max);
/* Until both are open; false: one failed. */
bool tls_pair_shake(struct tls_pair *p);

#endif
