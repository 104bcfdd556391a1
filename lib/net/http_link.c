/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"

/* RFC 8446 6.2: what a server says of the certificate we showed. */
static const char *alert_text(uint8_t alert)
{
    static const struct {
        uint8_t alert;
        const char *text;
    } texts[] = {
        {42, "bad certificate"},     {43, "certificate not usable for this"},
        {44, "certificate revoked"}, {45, "certificate expired"},
        {46, "certificate unknown"}, {48, "unknown CA"},
        {49, "access denied"},       {51, "signature does not fit the certificate"},
        {116, "none was shown"},
    };

    for (size_t i = 0; i < MRL_COUNT(texts); i++)
        if (texts[i].alert == alert)
            return texts[i].text;
    return NULL;
}

static mrl_err refused_by_server(const struct mrl_http_link *l, struct mrl_why *why)
{
    uint8_t alert = mrl_tls_peer_alert(l->tls);
    const char *text = alert_text(alert);

    if (text != NULL)
        return mrl_fail(why, MRL_ERR_AUTH, "server refused our certificate: %s", text);
    return mrl_fail(why, MRL_ERR_AUTH, "server refused the TLS connection: alert %u", alert);
}

static mrl_err refused_by_us(const struct mrl_http_link *l, const struct mrl_tls_context *tls,
                             const char *name, struct mrl_why *why)
{
    static const char *const texts[MRL_TLS_REFUSAL_COUNT_] = {
        [MRL_TLS_UNKNOWN_CA] = "is not from a CA we trust",
        [MRL_TLS_EXPIRED] = "has expired",
        [MRL_TLS_NOT_YET_VALID] = "is not valid yet",
        [MRL_TLS_WRONG_EKU] = "is not for servers",
        [MRL_TLS_BAD_SIGNATURE] = "has a signature that does not hold",
        [MRL_TLS_REVOKED] = "is revoked",
    };
    enum mrl_tls_refusal refusal = mrl_tls_refused(l->tls);
    int64_t off_by = mrl_tls_client_off_by(tls);

    if (refusal == MRL_TLS_EXPIRED && off_by > 0)
        return mrl_fail(why, MRL_ERR_AUTH,
                        "certificate of the server has expired, by our clock %lld s ago",
                        (long long)off_by);
    if (refusal == MRL_TLS_NOT_YET_VALID && off_by < 0)
        return mrl_fail(why, MRL_ERR_AUTH,
                        "certificate of the server is not valid yet, by our clock for %lld s",
                        (long long)-off_by);
    if (refusal == MRL_TLS_WRONG_NAME)
        return mrl_fail(why, MRL_ERR_AUTH, "certificate of the server is not for name %s", name);
    if ((unsigned)refusal < MRL_COUNT(texts) && texts[refusal] != NULL)
        return mrl_fail(why, MRL_ERR_AUTH, "certificate of the server %s", texts[refusal]);
    return mrl_fail(why, MRL_ERR_AUTH, "no TLS with %s: it speaks another protocol", l->server);
}

static int remaining(const struct mrl_http_link *l)
{
    enum { LONGEST_MS = 3600 * 1000 }; /* the loop around it waits again */
    uint64_t now = mrl_monotonic_ms();

    if (l->deadline <= now)
        return 0;
    return l->deadline - now < LONGEST_MS ? (int)(l->deadline - now) : LONGEST_MS;
}

static mrl_err wait_for(const struct mrl_http_link *l, short events, const char *what,
                        struct mrl_why *why)
{
    struct pollfd fds[] = {{l->fd, events, 0}, {l->interrupt_fd, POLLIN, 0}};

    for (;;) {
        int wait = remaining(l);
        int got = poll(fds, MRL_COUNT(fds), wait); /* a negative fd is skipped */

        if (got < 0 && errno != EINTR)
            return mrl_fail(why, MRL_ERR_IO, "cannot wait for %s", l->server);
        if (got > 0 && fds[1].revents != 0)
            return mrl_fail(why, MRL_ERR_AGAIN, "interrupted");
        if (got > 0)
            return MRL_OK;
        if (wait == 0)
            return mrl_fail(why, MRL_ERR_TIMEOUT, "%s: no %s in time", l->server, what);
    }
}

static mrl_err wait_tls(const struct mrl_http_link *l, const char *what, struct mrl_why *why)
{
    return wait_for(l, mrl_tls_want(l->tls) == MRL_WANT_WRITE ? POLLOUT : POLLIN, what, why);
}

static mrl_err cannot_connect(const struct mrl_http_link *l, int error, struct mrl_why *why)
{
    if (error == ECONNREFUSED)
        return mrl_fail(why, MRL_ERR_IO, "connection refused: nothing listens on %s", l->server);
    if (error == ENOENT)
        return mrl_fail(why, MRL_ERR_IO, "no socket at %s", l->server);
    return mrl_fail(why, MRL_ERR_IO, "cannot connect to %s: %s", l->server, strerrordesc_np(error));
}

static mrl_err connect_socket(struct mrl_http_link *l, const struct mrl_address *to,
                              struct mrl_why *why)
{
    int error = 0;
    socklen_t len = sizeof(error);

    l->fd = socket(to->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0)
        return cannot_connect(l, errno, why);
    if (connect(l->fd, &to->sa.any, to->len) == 0)
        return MRL_OK;
    if (errno != EINPROGRESS) /* a UNIX socket with a full queue says EAGAIN */
        return cannot_connect(l, errno, why);
    MRL_TRY(wait_for(l, POLLOUT, "connection", why));
    if (getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    return error == 0 ? MRL_OK : cannot_connect(l, error, why);
}

static mrl_err handshake_failed(const struct mrl_http_link *l, const struct mrl_tls_context *tls,
                                mrl_err err, const char *name, struct mrl_why *why)
{
    if (err != MRL_ERR_AUTH)
        return mrl_fail(why, MRL_ERR_IO, "%s closed the connection in the handshake", l->server);
    return mrl_tls_peer_alert(l->tls) != 0 ? refused_by_server(l, why)
                                           : refused_by_us(l, tls, name, why);
}

static mrl_err shake_hands(struct mrl_http_link *l, struct mrl_tls_context *tls, const char *name,
                           struct mrl_why *why)
{
    mrl_err err = mrl_tls_connect(tls, l->fd, mrl_str(name), &l->tls);

    if (err != MRL_OK)
        return mrl_fail(why, err, "cannot use %s as the name of a server", name);
    for (err = mrl_tls_handshake(l->tls); err == MRL_ERR_AGAIN; err = mrl_tls_handshake(l->tls))
        MRL_TRY(wait_tls(l, "TLS handshake", why));
    return err == MRL_OK ? MRL_OK : handshake_failed(l, tls, err, name, why);
}

static mrl_err open_link(struct mrl_http_link *l, const struct mrl_address *to,
                         struct mrl_tls_context *tls, const char *name, struct mrl_why *why)
{
    MRL_TRY(connect_socket(l, to, why));
    return tls == NULL ? MRL_OK : shake_hands(l, tls, name, why);
}

mrl_err mrl_http_link_open(struct mrl_http_link *l, const struct mrl_address *to,
                           struct mrl_tls_context *tls, const char *name, struct mrl_why *why)
{
    mrl_err err = open_link(l, to, tls, name, why);

    if (err != MRL_OK)
        mrl_http_link_close(l);
    return err;
}

void mrl_http_link_close(struct mrl_http_link *l)
{
    if (l->tls != NULL)
        mrl_tls_shutdown(l->tls);
    mrl_tls_free(MRL_TAKE(l->tls));
    if (l->fd >= 0)
        (void)close(l->fd); /* nothing is lost by it */
    l->fd = -1;
    l->cut = false;
    mrl_wipe(l->in.data, l->in.len);
    mrl_buf_done(&l->in);
}

bool mrl_http_link_is_open(const struct mrl_http_link *l)
{
    return l->fd >= 0;
}

static bool would_block(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static mrl_err read_plain(struct mrl_http_link *l)
{
    uint8_t *to;
    ssize_t got;

    MRL_TRY(mrl_buf_reserve(&l->in, MRL_TLS_RECORD, &to));
    got = recv(l->fd, to, MRL_TLS_RECORD, 0);
    if (got < 0)
        return would_block() ? MRL_ERR_AGAIN : MRL_ERR_IO;
    MRL_ENSURE(got > 0, MRL_ERR_CLOSED);
    mrl_buf_added(&l->in, (size_t)got);
    return MRL_OK;
}

static mrl_err read_some(struct mrl_http_link *l)
{
    return l->tls == NULL ? read_plain(l) : mrl_tls_read(l->tls, &l->in, MRL_TLS_RECORD);
}

bool mrl_http_link_is_usable(struct mrl_http_link *l)
{
    /* Of TLS there may be a new ticket; anything else is nothing we asked for, or the end. */
    return mrl_http_link_is_open(l) && l->in.len == 0 && read_some(l) == MRL_ERR_AGAIN;
}

static mrl_err read_failed(const struct mrl_http_link *l, mrl_err err, struct mrl_why *why)
{
    if (l->tls != NULL && mrl_tls_peer_alert(l->tls) != 0)
        return refused_by_server(l, why);
    if (err == MRL_ERR_CLOSED)
        return mrl_fail(why, err, "%s closed the connection", l->server);
    if (err == MRL_ERR_MALFORMED)
        return mrl_fail(why, err, "%s sends broken TLS", l->server);
    return mrl_fail(why, MRL_ERR_IO, "connection to %s lost", l->server);
}

mrl_err mrl_http_link_read(struct mrl_http_link *l, struct mrl_why *why)
{
    mrl_err err;

    for (err = read_some(l); err == MRL_ERR_AGAIN; err = read_some(l)) {
        if (l->tls != NULL)
            MRL_TRY(wait_tls(l, "answer", why));
        else
            MRL_TRY(wait_for(l, POLLIN, "answer", why));
    }
    return err == MRL_OK ? MRL_OK : read_failed(l, err, why);
}

static mrl_err write_some(struct mrl_http_link *l, mrl_bytes data, size_t *written)
{
    ssize_t sent;

    if (l->tls != NULL)
        return mrl_tls_write(l->tls, data, written);
    sent = send(l->fd, data.data, data.len, MSG_NOSIGNAL);
    *written = sent > 0 ? (size_t)sent : 0;
    if (sent < 0)
        return would_block() ? MRL_ERR_AGAIN : MRL_ERR_IO;
    return MRL_OK;
}

/* A server that refuses a large request says so, and may then read no more of it. */
static mrl_err wait_write(struct mrl_http_link *l, struct mrl_why *why)
{
    bool reads_first = l->tls != NULL && mrl_tls_want(l->tls) == MRL_WANT_READ;
    mrl_err err;

    MRL_TRY(wait_for(l, reads_first ? POLLIN : POLLIN | POLLOUT, "room for the request", why));
    err = read_some(l);
    l->cut = err == MRL_OK;
    return err == MRL_OK || err == MRL_ERR_AGAIN ? MRL_OK : read_failed(l, err, why);
}

mrl_err mrl_http_link_write(struct mrl_http_link *l, mrl_bytes data, struct mrl_why *why)
{
    while (data.len > 0 && !l->cut) {
        size_t written = 0;
        mrl_err err = write_some(l, data, &written);

        data = mrl_bytes_sub(data, written, data.len);
        if (err == MRL_ERR_AGAIN)
            MRL_TRY(wait_write(l, why));
        else if (err != MRL_OK)
            return mrl_fail(why, MRL_ERR_IO, "connection to %s lost", l->server);
    }
    return MRL_OK;
}
