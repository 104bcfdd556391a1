/* SPDX-License-Identifier: Apache-2.0 */
#include "net/proxy_gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/buf.h"
#include "wire/proxy.h"

enum { DEFAULT_TIMEOUT_MS = 10000, DEFAULT_WAITING = 1000 };

struct mrl_proxy_gate {
    struct mrl_proxy_gate_config config;
    struct mrl_list waiting;
    size_t count;
};

/* A connection whose header is not whole. */
struct guest {
    struct mrl_list node; /* in gate.waiting */
    struct mrl_proxy_gate *gate;
    struct mrl_watch watch;
    struct mrl_timer deadline;
    struct mrl_peer proxy;
    struct mrl_buf head; /* of the header, as far as it came */
};

struct mrl_proxy_gate *mrl_proxy_gate_new(const struct mrl_proxy_gate_config *config)
{
    struct mrl_proxy_gate *g = calloc(1, sizeof(*g));

    if (g == NULL)
        abort();
    g->config = *config;
    if (g->config.timeout_ms == 0)
        g->config.timeout_ms = DEFAULT_TIMEOUT_MS;
    if (g->config.waiting_max == 0)
        g->config.waiting_max = DEFAULT_WAITING;
    mrl_list_init(&g->waiting);
    return g;
}

size_t mrl_proxy_gate_waiting(const struct mrl_proxy_gate *g)
{
    return g->count;
}

static bool is_proxy(const struct mrl_proxy_gate *g, const struct mrl_peer *peer)
{
    return mrl_networks_have(g->config.proxies, g->config.proxy_count, peer);
}

static bool admit(const struct mrl_proxy_gate *g, const struct mrl_peer *peer)
{
    return g->config.admit == NULL || g->config.admit(g->config.context, peer);
}

/* The guest is over; its socket goes with it unless it was taken. */
static void dismiss(struct guest *guest)
{
    mrl_timer_cancel(&guest->deadline);
    mrl_loop_remove(guest->gate->config.loop, &guest->watch);
    if (guest->watch.fd >= 0)
        (void)close(guest->watch.fd);
    mrl_list_remove(&guest->node);
    guest->gate->count--;
    mrl_buf_done(&guest->head);
    free(guest);
}

void mrl_proxy_gate_free(struct mrl_proxy_gate *g)
{
    if (g == NULL)
        return;
    while (!mrl_list_empty(&g->waiting))
        dismiss(MRL_CONTAINER(g->waiting.next, struct guest, node));
    free(g);
}

/* ---- the header ---- */

static mrl_err take(int fd, void *to, size_t len)
{
    return recv(fd, to, len, 0) == (ssize_t)len ? MRL_OK : MRL_ERR_IO;
}

/* What was seen and not taken stays in the socket: it may be TLS. */
static mrl_err read_header(struct guest *guest, struct mrl_proxy_header *out, struct mrl_why *why)
{
    struct mrl_buf *head = &guest->head;
    uint8_t *more;
    ssize_t got;
    mrl_err err;

    MRL_TRY(mrl_buf_reserve(head, MRL_PROXY_V2_MAX - head->len, &more));
    got = recv(guest->watch.fd, more, MRL_PROXY_V2_MAX - head->len, MSG_PEEK);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return MRL_ERR_AGAIN;
    if (got <= 0)
        return mrl_fail(why, MRL_ERR_CLOSED, "left without a PROXY header");
    err = mrl_proxy_read(mrl_bytes_of(head->data, head->len + (size_t)got), out, why);
    if (err == MRL_ERR_AGAIN) {
        MRL_TRY(take(guest->watch.fd, more, (size_t)got));
        mrl_buf_added(head, (size_t)got);
    } else if (err == MRL_OK) {
        MRL_TRY(take(guest->watch.fd, more, out->total - head->len));
    }
    return err;
}

static void client_of(const struct mrl_proxy_header *h, const struct mrl_peer *proxy,
                      struct mrl_peer *out)
{
    struct mrl_address a = {0};

    if (h->source == MRL_PROXY_OWN) {
        *out = *proxy;
        return;
    }
    if (h->source == MRL_PROXY_IPV4) {
        a.sa.in4.sin_family = AF_INET;
        a.sa.in4.sin_port = htons(h->port);
        memcpy(&a.sa.in4.sin_addr, h->ip, sizeof(a.sa.in4.sin_addr));
    } else {
        a.sa.in6.sin6_family = AF_INET6;
        a.sa.in6.sin6_port = htons(h->port);
        memcpy(&a.sa.in6.sin6_addr, h->ip, sizeof(a.sa.in6.sin6_addr));
    }
    mrl_peer_from_address(&a, out);
    mrl_peer_set_proxy(out, proxy);
}

static void pass(struct guest *guest, const struct mrl_proxy_header *h)
{
    const struct mrl_proxy_gate *g = guest->gate;
    struct mrl_peer peer;
    int fd = guest->watch.fd;

    client_of(h, &guest->proxy, &peer);
    if (!admit(g, &peer)) {
        dismiss(guest);
        return;
    }
    mrl_loop_remove(g->config.loop, &guest->watch);
    guest->watch.fd = -1;
    dismiss(guest);
    g->config.accepted(g->config.context, fd, &peer);
}

static void refuse(struct guest *guest, const char *why)
{
    const struct mrl_proxy_gate *g = guest->gate;

    g->config.refused(g->config.context, &guest->proxy, why);
    dismiss(guest);
}

static void progress(struct guest *guest)
{
    struct mrl_proxy_header h;
    struct mrl_why why = {"cannot be read from"};
    mrl_err err = read_header(guest, &h, &why);

    if (err == MRL_OK)
        pass(guest, &h);
    else if (err == MRL_ERR_CLOSED && guest->head.len == 0)
        dismiss(guest);
    else if (err != MRL_ERR_AGAIN)
        refuse(guest, why.text);
}

static void on_ready(struct mrl_watch *w, uint32_t events)
{
    (void)events;
    progress(MRL_CONTAINER(w, struct guest, watch));
}

static void on_deadline(struct mrl_timer *t)
{
    refuse(MRL_CONTAINER(t, struct guest, deadline), "no PROXY header in time");
}

/* ---- the listener ---- */

bool mrl_proxy_gate_admit(void *gate, const struct mrl_peer *peer)
{
    const struct mrl_proxy_gate *g = gate;

    return is_proxy(g, peer) || admit(g, peer);
}

static void wait_for_header(struct mrl_proxy_gate *g, int fd, const struct mrl_peer *proxy)
{
    struct guest *guest = calloc(1, sizeof(*guest));

    if (guest == NULL)
        abort();
    guest->gate = g;
    guest->proxy = *proxy;
    guest->watch.fd = fd;
    guest->watch.ready = on_ready;
    guest->deadline.fire = on_deadline;
    mrl_list_add(&g->waiting, &guest->node);
    g->count++;
    mrl_loop_timer(g->config.loop, &guest->deadline, g->config.timeout_ms);
    if (mrl_loop_add(g->config.loop, &guest->watch, EPOLLIN) != MRL_OK)
        refuse(guest, "cannot be waited for");
}

void mrl_proxy_gate_accepted(void *gate, int fd, const struct mrl_peer *peer)
{
    struct mrl_proxy_gate *g = gate;

    if (!is_proxy(g, peer)) {
        g->config.accepted(g->config.context, fd, peer);
    } else if (g->count >= g->config.waiting_max) {
        (void)close(fd);
        g->config.refused(g->config.context, peer, "too many wait for their PROXY header");
    } else {
        wait_for_header(g, fd, peer);
    }
}
