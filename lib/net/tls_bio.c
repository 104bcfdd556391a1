/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE when the peer is gone, and is
 * read from twice for each record. This one can read ahead: what came together is one call; and it
 * can hold back what is to go with something else. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/bio.h>

#include "net/tls_internal.h"

enum {
    AHEAD = 4096, /* a flight with a chain of three; more takes another call */
    HELD = 1024,  /* some tickets */
};

struct link {
    int fd;
    bool ahead;
    bool drained;  /* the last call got less than it had room for */
    bool hold;     /* what is written stays here */
    uint8_t *data; /* NULL: nothing was read ahead */
    size_t at, len;
    uint8_t *held; /* NULL: nothing */
    size_t held_len;
};

static struct link *link_of(BIO *b)
{
    return BIO_get_data(b);
}

static bool again(ssize_t got)
{
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

static int hold(struct link *l, const char *data, int len)
{
    if ((size_t)len > HELD - l->held_len) /* no ticket of ours: the connection ends */
        return -1;
    if (l->held == NULL)
        l->held = malloc(HELD);
    if (l->held == NULL)
        abort();
    memcpy(&l->held[l->held_len], data, (size_t)len);
    l->held_len += (size_t)len;
    return len;
}

static int socket_write(BIO *b, const char *data, int len)
{
    ssize_t sent;

    BIO_clear_retry_flags(b);
    if (link_of(b)->hold)
        return hold(link_of(b), data, len);
    sent = send(link_of(b)->fd, data, (size_t)len, MSG_NOSIGNAL);
    if (again(sent))
        BIO_set_retry_write(b);
    return (int)sent;
}

static int receive(BIO *b, void *to, size_t room)
{
    ssize_t got = recv(link_of(b)->fd, to, room, 0);

    BIO_clear_retry_flags(b);
    if (again(got))
        BIO_set_retry_read(b);
    link_of(b)->drained = got < (ssize_t)room;
    return (int)got;
}

static int fill(BIO *b)
{
    struct link *l = link_of(b);
    int got;

    if (l->data == NULL)
        l->data = malloc(AHEAD);
    if (l->data == NULL)
        abort();
    got = receive(b, l->data, AHEAD);
    l->at = 0;
    l->len = got > 0 ? (size_t)got : 0;
    return got;
}

static int take(struct link *l, char *to, size_t len)
{
    size_t part = l->len - l->at < len ? l->len - l->at : len;

    memcpy(to, &l->data[l->at], part);
    l->at += part;
    return (int)part;
}

static int socket_read(BIO *b, char *to, int len)
{
    struct link *l = link_of(b);

    if (len <= 0)
        return 0;
    if (l->at == l->len && !l->ahead)
        return receive(b, to, (size_t)len);
    if (l->at == l->len && l->drained) { /* it will be told when there is more */
        BIO_set_retry_read(b);
        return -1;
    }
    if (l->at == l->len) {
        int got = fill(b);

        if (got <= 0)
            return got;
    }
    BIO_clear_retry_flags(b);
    return take(l, to, (size_t)len);
}

static long socket_control(BIO *b, int command, long number, void *pointer)
{
    (void)b;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static int socket_destroy(BIO *b)
{
    struct link *l = b == NULL ? NULL : link_of(b);

    if (l != NULL) {
        free(l->data);
        free(l->held);
    }
    free(l);
    return 1;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method; /* constant once made */

static void make_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "merlon socket");

    if (m == NULL || !BIO_meth_set_write(m, socket_write) || !BIO_meth_set_read(m, socket_read) ||
        !BIO_meth_set_ctrl(m, socket_control) || !BIO_meth_set_destroy(m, socket_destroy)) {
        BIO_meth_free(m);
        return;
    }
    method = m;
}

BIO *mrl_tls_socket_bio(int fd)
{
    BIO *b = NULL;
    struct link *l;

    (void)pthread_once(&once, make_method);
    if (method != NULL)
        b = BIO_new(method);
    if (b == NULL)
        return NULL;
    l = calloc(1, sizeof(*l));
    if (l == NULL)
        abort();
    l->fd = fd;
    BIO_set_data(b, l);
    BIO_set_init(b, 1);
    return b;
}

void mrl_tls_socket_read_ahead(BIO *b, bool ahead)
{
    link_of(b)->ahead = ahead;
}

void mrl_tls_socket_ready(BIO *b)
{
    if (mrl_tls_socket_rest(b).len == 0)
        link_of(b)->drained = false;
}

mrl_err mrl_tls_socket_peek(BIO *b, mrl_bytes *out)
{
    int got = link_of(b)->at < link_of(b)->len ? 1 : fill(b);

    if (got < 0)
        return BIO_should_retry(b) ? MRL_ERR_AGAIN : MRL_ERR_IO;
    MRL_ENSURE(got > 0, MRL_ERR_CLOSED);
    *out = mrl_tls_socket_rest(b);
    return MRL_OK;
}

mrl_bytes mrl_tls_socket_rest(BIO *b)
{
    const struct link *l = link_of(b);

    return l->at < l->len ? mrl_bytes_of(&l->data[l->at], l->len - l->at) : MRL_BYTES_NONE;
}

bool mrl_tls_socket_drained(BIO *b)
{
    return link_of(b)->drained;
}

void mrl_tls_socket_hold(BIO *b)
{
    link_of(b)->hold = true;
}

mrl_bytes mrl_tls_socket_held(BIO *b)
{
    return mrl_bytes_of(link_of(b)->held, link_of(b)->held_len);
}

bool mrl_tls_socket_send_held(BIO *b)
{
    struct link *l = link_of(b);

    l->hold = false;
    return l->held_len == 0 ||
           send(l->fd, l->held, l->held_len, MSG_NOSIGNAL) == (ssize_t)l->held_len;
}
