/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 4096, DEFAULT_BATCH = 64, REST_MS = 100, SOCKET_MODE = 0660 };

struct mrl_listener {
    struct mrl_listener_config config;
    struct mrl_address address;
    struct mrl_watch watch;
    struct mrl_timer rest; /* set: not accepting for a moment */
    int reserve;           /* a descriptor given up to turn one connection away when none is left */
    bool bound;            /* a UNIX socket file is ours to remove */
    struct mrl_listener_counts counts;
};

static bool is_local(const struct mrl_address *a)
{
    return a->sa.any.sa_family == AF_UNIX;
}

static void open_reserve(struct mrl_listener *l)
{
    if (l->reserve < 0)
        l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* No descriptor is left: take the next connection with the reserve and close it, so that the peer
 * learns and the level-triggered loop does not spin; then rest. */
static void turn_one_away(struct mrl_listener *l)
{
    int fd;

    if (l->reserve >= 0)
        (void)close(l->reserve);
    l->reserve = -1;
    fd = accept4(l->watch.fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        (void)close(fd);
    l->counts.exhausted++;
    open_reserve(l);
    (void)mrl_loop_change(l->config.loop, &l->watch,
                          0); /* fails only when fd is bad: then silent */
    mrl_loop_timer(l->config.loop, &l->rest, REST_MS);
}

static void on_rested(struct mrl_timer *t)
{
    struct mrl_listener *l = MRL_CONTAINER(t, struct mrl_listener, rest);

    open_reserve(l);
    (void)mrl_loop_change(l->config.loop, &l->watch, EPOLLIN); /* as above */
}

static void credentials(int fd, struct mrl_peer *peer)
{
    struct ucred who;
    socklen_t len = sizeof(who);

    *peer = (struct mrl_peer){.kind = MRL_PEER_LOCAL, .uid = (uid_t)-1, .gid = (gid_t)-1};
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0) {
        peer->uid = who.uid;
        peer->gid = who.gid;
        peer->pid = who.pid;
    }
}

/* false: nothing more to accept now. */
static bool accept_one(struct mrl_listener *l)
{
    struct mrl_address from = {.len = sizeof(from.sa)};
    struct mrl_peer peer;
    int fd = accept4(l->watch.fd, &from.sa.any, &from.len, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        turn_one_away(l);
        return false;
    }
    if (fd < 0) /* others are of a connection that died in the queue: accept(2) */
        return errno != EAGAIN && errno != EWOULDBLOCK && errno != EBADF && errno != EINVAL;
    if (is_local(&l->address))
        credentials(fd, &peer);
    else
        mrl_peer_from_address(&from, &peer);
    if (l->config.admit != NULL && !l->config.admit(l->config.context, &peer)) {
        (void)close(fd);
        l->counts.refused++;
        return true;
    }
    l->counts.accepted++;
    l->config.accepted(l->config.context, fd, &peer);
    return true;
}

static void on_ready(struct mrl_watch *w, uint32_t events)
{
    struct mrl_listener *l = MRL_CONTAINER(w, struct mrl_listener, watch);

    (void)events;
    for (unsigned i = 0; i < l->config.batch && accept_one(l); i++)
        continue;
}

/* A socket file of a daemon that is gone is removed; anything else at the path stays. */
static mrl_err clear_path(const struct mrl_address *a, struct mrl_why *why)
{
    struct stat st;
    int fd, connected;

    if (lstat(a->sa.local.sun_path, &st) != 0)
        return MRL_OK;
    if (!S_ISSOCK(st.st_mode))
        return mrl_fail(why, MRL_ERR_EXISTS, "%s is not a socket", a->sa.local.sun_path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    MRL_ENSURE(fd >= 0, MRL_ERR_IO);
    connected = connect(fd, &a->sa.any, a->len) == 0 || errno == EAGAIN;
    (void)close(fd);
    if (connected)
        return mrl_fail(why, MRL_ERR_BUSY, "%s: somebody listens there", a->sa.local.sun_path);
    (void)unlink(a->sa.local.sun_path); /* bind tells when it did not work */
    return MRL_OK;
}

static mrl_err from_errno(struct mrl_why *why, const struct mrl_address *a)
{
    mrl_err err = MRL_ERR_IO;
    char text[MRL_ADDRESS_TEXT];

    if (errno == EADDRINUSE)
        err = MRL_ERR_BUSY;
    else if (errno == EACCES || errno == EPERM)
        err = MRL_ERR_DENIED;
    mrl_address_format(a, text);
    return mrl_fail(why, err, "%s: %s", text, strerrordesc_np(errno));
}

static bool set_options(int fd, const struct mrl_address *a)
{
    int on = 1, off = 0;

    if (is_local(a))
        return fchmod(fd, SOCKET_MODE) ==
               0; /* bind makes the file with it: never wider for a moment */
    if (a->sa.any.sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0)
        return false;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0;
}

static bool bind_and_listen(struct mrl_listener *l)
{
    const struct mrl_address *a = l->config.address;

    if (!set_options(l->watch.fd, a) || bind(l->watch.fd, &a->sa.any, a->len) != 0)
        return false;
    l->address = *a;
    l->bound = is_local(a);
    if (l->bound &&
        chmod(a->sa.local.sun_path, SOCKET_MODE) != 0) /* the umask may have narrowed it */
        return false;
    if (!l->bound) {
        l->address.len = sizeof(l->address.sa);
        if (getsockname(l->watch.fd, &l->address.sa.any, &l->address.len) != 0)
            return false;
    }
    return listen(l->watch.fd, BACKLOG) == 0;
}

mrl_err mrl_listener_open(const struct mrl_listener_config *config, struct mrl_listener **out,
                          struct mrl_why *why)
{
    struct mrl_listener *l;
    mrl_err err = is_local(config->address) ? clear_path(config->address, why) : MRL_OK;

    MRL_TRY(err);
    l = calloc(1, sizeof(*l));
    if (l == NULL)
        abort();
    l->config = *config;
    l->config.batch = config->batch > 0 ? config->batch : DEFAULT_BATCH;
    l->rest.fire = on_rested;
    l->reserve = -1;
    open_reserve(l);
    l->watch.ready = on_ready;
    l->watch.fd =
        socket(config->address->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->watch.fd < 0 || !bind_and_listen(l) ||
        mrl_loop_add(config->loop, &l->watch, EPOLLIN) != MRL_OK) {
        err = from_errno(why, config->address);
        mrl_listener_close(l);
        return err;
    }
    *out = l;
    return MRL_OK;
}

void mrl_listener_close(struct mrl_listener *l)
{
    if (l == NULL)
        return;
    mrl_timer_cancel(&l->rest);
    if (l->watch.fd >= 0) {
        mrl_loop_remove(l->config.loop, &l->watch);
        (void)close(l->watch.fd);
    }
    if (l->reserve >= 0)
        (void)close(l->reserve);
    if (l->bound)
        (void)unlink(l->address.sa.local.sun_path);
    free(l);
}

const struct mrl_address *mrl_listener_address(const struct mrl_listener *l)
{
    return &l->address;
}

struct mrl_listener_counts mrl_listener_count(const struct mrl_listener *l)
{
    return l->counts;
}
