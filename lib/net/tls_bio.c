/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE when the peer is gone. */
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>

#include <openssl/bio.h>

#include "net/tls_internal.h"

static int to_fd(BIO *b)
{
    return (int)(intptr_t)BIO_get_data(b);
}

static bool again(ssize_t got)
{
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

static int socket_write(BIO *b, const char *data, int len)
{
    ssize_t sent = send(to_fd(b), data, (size_t)len, MSG_NOSIGNAL);

    BIO_clear_retry_flags(b);
    if (again(sent))
        BIO_set_retry_write(b);
    return (int)sent;
}

static int socket_read(BIO *b, char *to, int len)
{
    ssize_t got = recv(to_fd(b), to, (size_t)len, 0);

    BIO_clear_retry_flags(b);
    if (again(got))
        BIO_set_retry_read(b);
    return (int)got;
}

static long socket_control(BIO *b, int command, long number, void *pointer)
{
    (void)b;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method; /* constant once made */

static void make_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "merlon socket");

    if (m == NULL || !BIO_meth_set_write(m, socket_write) || !BIO_meth_set_read(m, socket_read) ||
        !BIO_meth_set_ctrl(m, socket_control)) {
        BIO_meth_free(m);
        return;
    }
    method = m;
}

BIO *mrl_tls_socket_bio(int fd)
{
    BIO *b = NULL;

    (void)pthread_once(&once, make_method);
    if (method != NULL)
        b = BIO_new(method);
    if (b == NULL)
        return NULL;
    BIO_set_data(b, (void *)(intptr_t)fd);
    BIO_set_init(b, 1);
    return b;
}
