/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net/tls_pair.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <openssl/err.h>

enum { CHUNK = 4096, ROUNDS = 20 };

static void must(bool good)
{
    if (!good)
        abort();
}

static void make_client(struct tls_pair *p, const struct tls_pair_options *o)
{
    p->client_context = SSL_CTX_new(TLS_client_method());
    must(p->client_context != NULL);
    SSL_CTX_set_verify(p->client_context, SSL_VERIFY_NONE, NULL);
    must(o->suites == NULL || SSL_CTX_set_ciphersuites(p->client_context, o->suites) == 1);
    must(o->groups == NULL || SSL_CTX_set1_groups_list(p->client_context, o->groups) == 1);
    must(o->newest == 0 || SSL_CTX_set_max_proto_version(p->client_context, o->newest) == 1);
}

void tls_pair_init(struct tls_pair *p, const struct pki *pki, const struct tls_pair_options *o)
{
    struct mrl_tls_server_config config = {
        .client_certificate = o->psk != NULL ? MRL_CLIENT_CERT_REQUIRED : MRL_CLIENT_CERT_NONE,
        .psk = o->psk,
        .judge = o->judge,
        .keep_library = o->keep_library,
        .channel_binding = o->channel_binding};

    *p = (struct tls_pair){0};
    must(mrl_tls_tickets_new(0, 0, &p->tickets) == MRL_OK);
    config.tickets = o->tickets ? p->tickets : NULL;
    must(mrl_tls_server_new(&config, &p->server_context, NULL) == MRL_OK);
    must(mrl_tls_context_set_identity(p->server_context, &pki->server.chain, pki->server.key,
                                      NULL) == MRL_OK);
    make_client(p, o);
}

void tls_pair_hang_up(struct tls_pair *p)
{
    mrl_tls_free(MRL_TAKE(p->server));
    if (p->client != NULL) /* or its session would not be resumed */
        SSL_set_shutdown(p->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(MRL_TAKE(p->client));
    ERR_clear_error();
}

void tls_pair_done(struct tls_pair *p)
{
    tls_pair_hang_up(p);
    SSL_CTX_free(p->client_context);
    mrl_tls_context_free(p->server_context);
    mrl_tls_tickets_free(p->tickets);
}

static void make_ssl(struct tls_pair *p, SSL_SESSION *session)
{
    tls_pair_hang_up(p);
    p->client = SSL_new(p->client_context);
    must(p->client != NULL);
    must(session == NULL || SSL_set_session(p->client, session) == 1);
    SSL_set_connect_state(p->client);
}

void tls_pair_dial(struct tls_pair *p, SSL_SESSION *session)
{
    make_ssl(p, session);
    p->up = BIO_new(BIO_s_mem());
    p->down = BIO_new(BIO_s_mem());
    p->server_in = BIO_new(BIO_s_mem());
    p->client_in = BIO_new(BIO_s_mem());
    must(p->up != NULL && p->down != NULL && p->server_in != NULL && p->client_in != NULL);
    SSL_set_bio(p->client, p->client_in, p->up);
    must(mrl_tls_accept_bio(p->server_context, p->server_in, p->down, &p->server) == MRL_OK);
}

int tls_pair_dial_sockets(struct tls_pair *p, int *server_fd)
{
    int fds[2];

    make_ssl(p, NULL);
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    must(SSL_set_fd(p->client, fds[0]) == 1);
    must(mrl_tls_accept(p->server_context, fds[1], &p->server) == MRL_OK);
    *server_fd = fds[1];
    return fds[0];
}

static size_t move(BIO *from, BIO *to, size_t max)
{
    char chunk[CHUNK];
    size_t moved = 0;

    while (moved < max) {
        size_t room = max - moved < sizeof(chunk) ? max - moved : sizeof(chunk);
        int got = BIO_read(from, chunk, (int)room);

        if (got <= 0)
            break;
        must(BIO_write(to, chunk, got) == got);
        moved += (size_t)got;
    }
    return moved;
}

size_t tls_pair_move_up(struct tls_pair *p, size_t max)
{
    return move(p->up, p->server_in, max);
}

size_t tls_pair_move_down(struct tls_pair *p, size_t max)
{
    return move(p->down, p->client_in, max);
}

bool tls_pair_shake(struct tls_pair *p)
{
    mrl_err server = MRL_ERR_AGAIN;
    int client = 0;
    bool sockets = p->up == NULL;

    for (int i = 0; i < ROUNDS && (server == MRL_ERR_AGAIN || client != 1); i++) {
        if (client != 1)
            client = SSL_do_handshake(p->client);
        ERR_clear_error();
        (void)(sockets ? 0 : tls_pair_move_up(p, SIZE_MAX));
        if (server == MRL_ERR_AGAIN)
            server = mrl_tls_handshake(p->server);
        (void)(sockets ? 0 : tls_pair_move_down(p, SIZE_MAX));
    }
    return server == MRL_OK && client == 1;
}
