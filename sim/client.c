/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <openssl/err.h>

enum {
    RECORD = 16384,
    KEEP_ALIVE_S = 1200,
    FIRST_SOURCE = 0x7f000002, /* 127.0.0.2 */
};

/* ---- what a process shares ---- */

static int keep_ticket(SSL *ssl, SSL_SESSION *session)
{
    struct mrl_sim_client *c = SSL_get_app_data(ssl);

    SSL_SESSION_free(c->ticket);
    /* A copy: OpenSSL marks that of a connection without a proper end as not to be resumed. */
    c->ticket = SSL_SESSION_dup(session);
    return 0; /* no reference kept */
}

static bool trust(SSL_CTX *tls, mrl_bytes roots_pem)
{
    MRL_SCOPED(mrl_cert_list) roots = {0};

    if (mrl_cert_list_add_pem(&roots, roots_pem) != MRL_OK)
        return false;
    for (size_t i = 0; i < roots.count; i++)
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), mrl_cert_native(roots.certs[i])) != 1)
            return false;
    return roots.count > 0;
}

/* The server's certificate must hold the address that is dialled. */
static bool expect_server(const struct mrl_sim_net *n)
{
    char ip[INET_ADDRSTRLEN];

    return n->broker.sa.any.sa_family == AF_INET &&
           inet_ntop(AF_INET, &n->broker.sa.in4.sin_addr, ip, sizeof(ip)) != NULL &&
           X509_VERIFY_PARAM_set1_ip_asc(SSL_CTX_get0_param(n->tls), ip) == 1;
}

mrl_err mrl_sim_net_init(struct mrl_sim_net *n, mrl_bytes roots_pem, struct mrl_why *why)
{
    n->tls = SSL_CTX_new(TLS_client_method());
    if (n->tls == NULL || SSL_CTX_set_min_proto_version(n->tls, TLS1_3_VERSION) != 1 ||
        !trust(n->tls, roots_pem) || !expect_server(n) ||
        SSL_CTX_set1_groups_list(n->tls, "X25519") != 1)
        return mrl_fail(why, MRL_ERR_CRYPTO,
                        "the roots cannot be read, or the broker's address is not IPv4");
    SSL_CTX_set_verify(n->tls, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_session_cache_mode(n->tls,
                                         SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(n->tls, keep_ticket);
    (void)SSL_CTX_set_mode(n->tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(n->tls, 1);
    MRL_TRY(mrl_loop_new(&n->loop));
    return MRL_OK;
}

void mrl_sim_net_done(struct mrl_sim_net *n)
{
    mrl_loop_free(n->loop);
    SSL_CTX_free(n->tls);
    mrl_buf_done(&n->scratch);
}

/* ---- ends ---- */

void mrl_sim_client_close(struct mrl_sim_client *c, bool politely)
{
    if (c->state == MRL_SIM_CLOSED)
        return;
    if (politely && c->state >= MRL_SIM_CONNECTING)
        (void)SSL_write(c->ssl, "\xe0\x00", 2); /* DISCONNECT; best effort */
    mrl_loop_remove(c->net->loop, &c->watch);
    mrl_loop_later_cancel(&c->flush);
    SSL_free(c->ssl);
    c->ssl = NULL;
    (void)close(c->watch.fd);
    mrl_buf_done(&c->in);
    mrl_buf_done(&c->out);
    c->blocked = false;
    c->state = MRL_SIM_CLOSED;
    ERR_clear_error();
}

void mrl_sim_client_forget_ticket(struct mrl_sim_client *c)
{
    SSL_SESSION_free(c->ticket);
    c->ticket = NULL;
}

void mrl_sim_client_done(struct mrl_sim_client *c)
{
    mrl_sim_client_close(c, /*politely=*/false);
    mrl_sim_client_forget_ticket(c);
}

static void lost(struct mrl_sim_client *c, const char *why)
{
    mrl_sim_client_close(c, /*politely=*/false);
    c->net->events->ended(c, why);
}

/* ---- writing ---- */

static void wait_for(struct mrl_sim_client *c, bool writable)
{
    uint32_t events = EPOLLIN | (writable ? (uint32_t)EPOLLOUT : 0);

    c->blocked = writable;
    (void)mrl_loop_change(c->net->loop, &c->watch, events); /* fails only for a closed socket */
}

static void flush(struct mrl_sim_client *c)
{
    ERR_clear_error();
    while (c->out.len > 0) {
        size_t done = 0, part = c->out.len < RECORD ? c->out.len : RECORD;
        int result = SSL_write_ex(c->ssl, c->out.data, part, &done);

        if (result != 1) {
            if (SSL_get_error(c->ssl, result) == SSL_ERROR_WANT_WRITE)
                wait_for(c, /*writable=*/true);
            else
                lost(c, "the server closed the connection");
            return;
        }
        mrl_buf_consume(&c->out, done);
    }
    if (c->blocked)
        wait_for(c, /*writable=*/false);
}

static void on_flush(struct mrl_later *l)
{
    struct mrl_sim_client *c = MRL_CONTAINER(l, struct mrl_sim_client, flush);

    if (c->state >= MRL_SIM_CONNECTING)
        flush(c);
}

static void send_packet(struct mrl_sim_client *c, const struct mrl_mqtt_packet *p)
{
    struct mrl_writer w;
    mrl_bytes written;
    uint8_t *to;
    size_t size;

    if (mrl_mqtt_size(c->net->version, p, &size) != MRL_OK ||
        mrl_buf_reserve(&c->out, size, &to) != MRL_OK)
        abort(); /* we made it: our bug */
    w = mrl_writer_on(to, size);
    mrl_mqtt_write(&w, c->net->version, p);
    if (mrl_writer_end(&w, &written) != MRL_OK)
        abort();
    mrl_buf_added(&c->out, written.len);
    if (!c->blocked)
        mrl_loop_later(c->net->loop, &c->flush);
}

void mrl_sim_client_publish(struct mrl_sim_client *c, mrl_bytes topic, mrl_bytes payload,
                            uint8_t qos, bool retain)
{
    struct mrl_mqtt_packet p = {
        .type = MRL_MQTT_PUBLISH,
        .publish = {.topic = topic, .payload = payload, .qos = qos, .retain = retain}};

    if (qos > 0) {
        c->packet_id = c->packet_id == UINT16_MAX ? 1 : (uint16_t)(c->packet_id + 1);
        p.publish.packet_id = c->packet_id;
    }
    send_packet(c, &p);
}

size_t mrl_sim_client_backlog(const struct mrl_sim_client *c)
{
    return c->out.len;
}

static void send_connect(struct mrl_sim_client *c)
{
    struct mrl_mqtt_packet p = {.type = MRL_MQTT_CONNECT,
                                .connect = {.version = c->net->version,
                                            .clean_start = !c->persistent,
                                            .keep_alive = KEEP_ALIVE_S,
                                            .client_id = mrl_str(c->identity->name)}};

    p.connect.props.request_problem_info = true;
    p.connect.props.receive_maximum = UINT16_MAX;
    p.connect.props.maximum_packet_size = UINT32_MAX;
    if (c->net->version == MRL_MQTT_5 && c->persistent) {
        p.connect.props.session_expiry = UINT32_MAX;
        mrl_mqtt_set(&p.connect.props, MRL_MQTT_PROP_SESSION_EXPIRY);
    }
    c->state = MRL_SIM_CONNECTING;
    send_packet(c, &p);
}

static void send_subscribe(struct mrl_sim_client *c)
{
    const struct mrl_mqtt_subscription s = {.filter = mrl_str(c->filter), .qos = c->qos};
    uint8_t memory[sizeof(c->filter) + 8];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    struct mrl_mqtt_packet p = {.type = MRL_MQTT_SUBSCRIBE, .subscribe = {.packet_id = 1}};

    mrl_mqtt_put_subscription(&w, &s);
    if (mrl_writer_end(&w, &p.subscribe.subscriptions) != MRL_OK)
        abort(); /* filter and memory have one size */
    c->state = MRL_SIM_SUBSCRIBING;
    send_packet(c, &p);
}

/* ---- reading ---- */

static void ready(struct mrl_sim_client *c)
{
    c->state = MRL_SIM_READY;
    c->net->events->ready(c);
}

static void on_connack(struct mrl_sim_client *c, const struct mrl_mqtt_connack *p)
{
    if (p->reason != 0) {
        lost(c, "CONNECT was refused");
        return;
    }
    c->session_present = p->session_present;
    if (c->filter[0] == '\0')
        ready(c);
    else
        send_subscribe(c);
}

static void on_suback(struct mrl_sim_client *c, const struct mrl_mqtt_suback *p)
{
    if (p->codes.len != 1 || p->codes.data[0] > 2)
        lost(c, "SUBSCRIBE was refused");
    else
        ready(c);
}

static void on_publish(struct mrl_sim_client *c, const struct mrl_mqtt_publish *p)
{
    const struct mrl_mqtt_packet ack = {.type = MRL_MQTT_PUBACK,
                                        .ack = {.packet_id = p->packet_id}};

    if (p->qos == 1)
        send_packet(c, &ack);
    c->net->events->received(c, p->payload);
}

static void on_packet(struct mrl_sim_client *c, const struct mrl_mqtt_packet *p)
{
    if (p->type == MRL_MQTT_CONNACK && c->state == MRL_SIM_CONNECTING)
        on_connack(c, &p->connack);
    else if (p->type == MRL_MQTT_SUBACK && c->state == MRL_SIM_SUBSCRIBING)
        on_suback(c, &p->suback);
    else if (p->type == MRL_MQTT_PUBLISH)
        on_publish(c, &p->publish);
    else if (p->type == MRL_MQTT_PUBACK && p->ack.reason < 0x80)
        c->net->events->acked(c);
    else
        lost(c, p->type == MRL_MQTT_PUBACK ? "PUBLISH was refused" : "an unexpected packet came");
}

/* Takes whole packets off the front; how many bytes they were. */
static size_t take_packets(struct mrl_sim_client *c, mrl_bytes stream)
{
    struct mrl_mqtt_packet packet;
    struct mrl_mqtt_frame frame;
    size_t taken = 0;

    while (c->state != MRL_SIM_CLOSED) {
        mrl_err err =
            mrl_mqtt_frame(mrl_bytes_sub(stream, taken, stream.len), MRL_MQTT_MAX_PACKET, &frame);

        if (err == MRL_ERR_AGAIN)
            break;
        if (err != MRL_OK ||
            mrl_mqtt_read(&frame, c->net->version, MRL_MQTT_FROM_SERVER, &packet, NULL) != MRL_OK) {
            lost(c, "a malformed packet came");
            break;
        }
        on_packet(c, &packet);
        taken += frame.total;
    }
    return taken;
}

static void take_bytes(struct mrl_sim_client *c, mrl_bytes more)
{
    size_t taken;

    if (c->in.len == 0) {
        taken = take_packets(c, more);
        if (c->state != MRL_SIM_CLOSED && taken < more.len)
            (void)mrl_buf_append(&c->in, mrl_bytes_sub(more, taken, more.len)); /* no limit */
        return;
    }
    (void)mrl_buf_append(&c->in, more); /* no limit: cannot fail */
    taken = take_packets(c, mrl_buf_bytes(&c->in));
    if (c->state == MRL_SIM_CLOSED)
        return;
    mrl_buf_consume(&c->in, taken);
    if (c->in.len == 0)
        mrl_buf_done(&c->in);
}

static void read_some(struct mrl_sim_client *c)
{
    MRL_UNINITIALIZED uint8_t memory[RECORD];
    size_t got;
    int result = 1;

    ERR_clear_error();
    while (c->state != MRL_SIM_CLOSED &&
           (result = SSL_read_ex(c->ssl, memory, sizeof(memory), &got)) == 1)
        take_bytes(c, mrl_bytes_of(memory, got));
    if (c->state != MRL_SIM_CLOSED && SSL_get_error(c->ssl, result) != SSL_ERROR_WANT_READ)
        lost(c, "the server closed the connection");
}

/* ---- opening ---- */

static void shake(struct mrl_sim_client *c)
{
    int result, what;

    ERR_clear_error();
    result = SSL_do_handshake(c->ssl);
    what = SSL_get_error(c->ssl, result);
    if (result != 1 && what != SSL_ERROR_WANT_READ && what != SSL_ERROR_WANT_WRITE) {
        lost(c, "the TLS handshake failed");
        return;
    }
    wait_for(c, what == SSL_ERROR_WANT_WRITE);
    if (result != 1)
        return;
    c->resumed = SSL_session_reused(c->ssl) == 1;
    send_connect(c);
}

static void on_ready(struct mrl_watch *w, uint32_t events)
{
    struct mrl_sim_client *c = MRL_CONTAINER(w, struct mrl_sim_client, watch);

    if (c->state == MRL_SIM_SHAKING) {
        shake(c);
        return;
    }
    if ((events & EPOLLOUT) != 0)
        flush(c);
    if (c->state != MRL_SIM_CLOSED && (events & ~(uint32_t)EPOLLOUT) != 0)
        read_some(c);
}

/* Many sources: one address has only some 28,000 ports for one destination. */
static bool choose_source(const struct mrl_sim_client *c, int fd)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    int on = 1;

    if (c->net->sources == 0)
        return true;
    from.sin_addr.s_addr = htonl(FIRST_SOURCE + c->index % c->net->sources);
    return setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) == 0 &&
           bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0;
}

static mrl_err dial(struct mrl_sim_client *c, struct mrl_why *why)
{
    const struct mrl_address *to = &c->net->broker;
    int on = 1, fd = socket(to->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return mrl_fail(why, MRL_ERR_IO, "no socket for client %u: %s (ulimit -n)", c->index,
                        strerror(errno));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* cannot fail on TCP */
    if (!choose_source(c, fd) || (connect(fd, &to->sa.any, to->len) != 0 && errno != EINPROGRESS)) {
        mrl_err err = mrl_fail(why, MRL_ERR_IO, "client %u cannot connect: %s (more --sources?)",
                               c->index, strerror(errno));

        (void)close(fd);
        return err;
    }
    c->watch = (struct mrl_watch){.fd = fd, .ready = on_ready};
    return MRL_OK;
}

static bool set_up_tls(struct mrl_sim_client *c)
{
    c->ssl = SSL_new(c->net->tls);
    if (c->ssl == NULL || SSL_set_app_data(c->ssl, c) != 1 ||
        SSL_set_fd(c->ssl, c->watch.fd) != 1 ||
        SSL_use_certificate(c->ssl, mrl_cert_native(c->identity->cert)) != 1 ||
        SSL_use_PrivateKey(c->ssl, mrl_key_native(c->identity->key)) != 1)
        return false;
    if (c->ticket != NULL) {                      /* RFC 8446 C.4: used once */
        (void)SSL_set_session(c->ssl, c->ticket); /* fails: a full handshake, which is counted */
        mrl_sim_client_forget_ticket(c);
    }
    SSL_set_connect_state(c->ssl);
    return true;
}

mrl_err mrl_sim_client_open(struct mrl_sim_client *c, struct mrl_why *why)
{
    MRL_TRY(dial(c, why));
    if (!set_up_tls(c) || mrl_loop_add(c->net->loop, &c->watch, EPOLLOUT) != MRL_OK) {
        SSL_free(c->ssl);
        c->ssl = NULL;
        (void)close(c->watch.fd);
        return mrl_fail(why, MRL_ERR_IO, "client %u: no TLS or no place in epoll", c->index);
    }
    c->flush = (struct mrl_later){.run = on_flush};
    c->packet_id = 1;
    c->resumed = false;
    c->state = MRL_SIM_SHAKING;
    return MRL_OK;
}
