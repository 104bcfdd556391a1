/* SPDX-License-Identifier: Apache-2.0 */
/* Syslog over TLS (RFC 5425). The protocol has no acknowledgements: what confirms is that the
 * receiver, told that we send no more, ends the connection in good order: then it took all bytes
 * out of its socket. Every confirmation so costs a connection. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "export/files.h"
#include "export/sink.h"
#include "export/syslog.h"
#include "net/http_link.h"
#include "net/resolve.h"

enum { CONFIRM_ENTRIES = 10000, NAME_MAX_LEN = 256, PIECE = 16384 };

struct syslog_sink {
    struct mrl_sink sink;
    struct mrl_http_link link;
    struct mrl_syslog_style style;
    char host[NAME_MAX_LEN];
};

static struct syslog_sink *of(struct mrl_sink *s)
{
    return MRL_CONTAINER(s, struct syslog_sink, sink);
}

/* Files are read at each connection: what the operator replaced counts from then on. */
static mrl_err make_context(const struct mrl_export_config *c, struct mrl_tls_context **out,
                            struct mrl_why *why)
{
    MRL_AUTO(mrl_tls_context) context = NULL;
    MRL_SCOPED(mrl_cert_list) roots = {0};
    struct mrl_tls_client_config config = {.roots = &roots};

    MRL_TRY(mrl_export_read_certificates(&c->ca_file, &roots, why));
    MRL_TRY(mrl_tls_client_new(&config, &context, why));
    if (c->certificate_file.len > 0) {
        MRL_SCOPED(mrl_cert_list) chain = {0};
        MRL_AUTO(mrl_key) key = NULL;

        MRL_TRY(mrl_export_read_certificates(&c->certificate_file, &chain, why));
        MRL_TRY(mrl_export_read_key(&c->key_file, &key, why));
        MRL_TRY(mrl_tls_context_set_identity(context, &chain, key, why));
    }
    *out = MRL_TAKE(context);
    return MRL_OK;
}

static mrl_err open_link(struct syslog_sink *y, struct mrl_why *why)
{
    const struct mrl_export_config *c = y->sink.config;
    MRL_AUTO(mrl_tls_context) context = NULL;
    struct mrl_address address;
    mrl_bytes host;
    uint16_t port;

    MRL_TRY(make_context(c, &context, why));
    MRL_TRY(mrl_address_split(c->server, &host, &port, why));
    if (!mrl_bytes_to_cstr(host, y->host, sizeof(y->host)))
        return mrl_fail(why, MRL_ERR_INVALID, "the name of the server is too long");
    MRL_TRY(mrl_resolve(host, port, y->link.deadline, &address, why));
    return mrl_http_link_open(&y->link, &address, context, y->host, why);
}

static void close_link(struct mrl_sink *s)
{
    mrl_http_link_close(&of(s)->link);
}

static mrl_err send_frames(struct syslog_sink *y, mrl_bytes data, struct mrl_why *why)
{
    y->link.deadline = mrl_monotonic_ms() + y->sink.config->timeout_ms;
    if (!mrl_http_link_is_open(&y->link))
        MRL_TRY(open_link(y, why));
    /* Piece by piece, so that a receiver is slow as long as it reads, and stalled when it does not.
     */
    while (data.len > 0) {
        mrl_bytes piece = mrl_bytes_sub(data, 0, PIECE);

        y->link.deadline = mrl_monotonic_ms() + y->sink.config->timeout_ms;
        MRL_TRY(mrl_http_link_write(&y->link, piece, why));
        if (y->link.cut)
            return mrl_fail(why, MRL_ERR_MALFORMED, "%s answers: it is no receiver of syslog",
                            y->link.server);
        data = mrl_bytes_sub(data, piece.len, data.len);
    }
    return MRL_OK;
}

static mrl_err send_or_close(struct mrl_sink *s, mrl_bytes data, struct mrl_why *why)
{
    mrl_err err = send_frames(of(s), data, why);

    if (err != MRL_OK)
        close_link(s);
    return err;
}

/* MRL_OK: readable or writable as asked, or broken, which the next call says. */
static mrl_err wait_for(const struct syslog_sink *y, short events, struct mrl_why *why)
{
    struct pollfd fds[] = {{y->link.fd, events, 0}, {y->sink.interrupt_fd, POLLIN, 0}};
    uint64_t now = mrl_monotonic_ms();
    int wait = y->link.deadline > now ? (int)(y->link.deadline - now) : 0;
    int got = poll(fds, MRL_COUNT(fds), wait);

    if (got < 0 && errno != EINTR)
        return mrl_fail(why, MRL_ERR_IO, "cannot wait for %s", y->link.server);
    if (got > 0 && fds[1].revents != 0)
        return mrl_fail(why, MRL_ERR_AGAIN, "interrupted");
    if (wait == 0)
        return mrl_fail(why, MRL_ERR_TIMEOUT, "%s does not confirm: it takes nothing in time",
                        y->link.server);
    return MRL_OK;
}

/* The connection ended without close_notify. A FIN says that the receiver read everything before
 * ours; anybody on the way can forge it, so it counts only where the operator said so. */
static mrl_err bare_end(const struct syslog_sink *y, struct mrl_why *why)
{
    if (y->sink.config->bare_close)
        return MRL_OK;
    return mrl_fail(
        why, MRL_ERR_IO,
        "%s ends connections without close_notify: it confirms nothing (see bare_close)",
        y->link.server);
}

/* MRL_ERR_AGAIN: not ended yet. */
static mrl_err read_end(struct syslog_sink *y, struct mrl_why *why)
{
    char byte;
    ssize_t got = recv(y->link.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    mrl_err err;

    if (got == 0)
        return bare_end(y, why);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return MRL_ERR_AGAIN;
    err = got < 0 ? MRL_ERR_IO : mrl_tls_read(y->link.tls, &y->link.in, MRL_TLS_RECORD);
    mrl_buf_clear(&y->link.in);
    if (err == MRL_ERR_CLOSED)
        return MRL_OK;
    if (err == MRL_OK || err == MRL_ERR_AGAIN)
        return MRL_ERR_AGAIN;
    return mrl_fail(why, MRL_ERR_IO, "%s left before it took everything", y->link.server);
}

static mrl_err confirm_link(struct syslog_sink *y, struct mrl_why *why)
{
    mrl_err err;

    y->link.deadline = mrl_monotonic_ms() + y->sink.config->timeout_ms;
    MRL_TRY(wait_for(y, POLLOUT, why)); /* or close_notify would have no room */
    mrl_tls_shutdown(y->link.tls);
    if (shutdown(y->link.fd, SHUT_WR) != 0)
        return mrl_fail(why, MRL_ERR_IO, "connection to %s lost", y->link.server);
    for (err = read_end(y, why); err == MRL_ERR_AGAIN; err = read_end(y, why))
        MRL_TRY(wait_for(y, POLLIN, why));
    return err;
}

static mrl_err confirm_and_close(struct mrl_sink *s, struct mrl_why *why)
{
    mrl_err err = confirm_link(of(s), why);

    close_link(s);
    return err;
}

static mrl_err format_frames(const struct mrl_sink *s, uint64_t seq, mrl_bytes json,
                             struct mrl_buf *out)
{
    const struct syslog_sink *y = MRL_CONTAINER(s, const struct syslog_sink, sink);

    return mrl_syslog_write(&y->style, seq, json, out);
}

static void free_link(struct mrl_sink *s)
{
    close_link(s);
    free(of(s));
}

struct mrl_sink *mrl_sink_syslog_new(const struct mrl_export_config *c, int interrupt_fd)
{
    struct syslog_sink *y = calloc(1, sizeof(*y));

    if (y == NULL)
        abort();
    y->link = (struct mrl_http_link){
        .fd = -1, .server = (const char *)c->server.data, .interrupt_fd = interrupt_fd};
    y->style = (struct mrl_syslog_style){c->hostname, c->sd_id, c->message_bytes};
    y->sink = (struct mrl_sink){.config = c,
                                .interrupt_fd = interrupt_fd,
                                .confirm_ms = c->confirm_ms,
                                .confirm_entries = CONFIRM_ENTRIES,
                                .format = format_frames,
                                .send = send_or_close,
                                .confirm = confirm_and_close,
                                .close = close_link,
                                .free = free_link};
    return &y->sink;
}
