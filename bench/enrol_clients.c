/* SPDX-License-Identifier: Apache-2.0 */
/* Many devices that enrol over EST, each over a TLS connection of its own that nothing is resumed
 * on, with keys and requests made beforehand. Prints "ready" when these are made and waits for a
 * line; then enrols all and prints one line of JSON: seconds by the clock, and of CPU of this
 * program. Every answer must be a certificate for the key that asked, any failure ends it with
 * status 1.
 * usage: enrol_clients COUNT CA.pem HOST:PORT TOKEN AT_A_TIME PREFIX */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/clock.h"
#include "base/hex.h"
#include "crypto/csr.h"
#include "crypto/pkcs7.h"
#include "net/address.h"
#include "net/http_client.h"

enum { CREW_MAX = 256, PATIENCE_S = 60, NAME_SIZE = 64, COUNT_MAX = 1000000, ANSWER_MAX = 16384 };

struct device {
    struct mrl_key *key;
    struct mrl_buf request; /* the whole HTTP request */
};

struct run {
    size_t count;
    struct device *devices;
    const char *ca, *token, *prefix;
    struct mrl_address est;
    atomic_size_t next;
};

static void must(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "enrol_clients: %s failed\n", what);
    _exit(1);
}

/* ---- before ---- */

static void write_request(const struct run *r, const char *name, mrl_bytes csr, struct mrl_buf *out)
{
    MRL_SCOPED(mrl_buf) pair = {0};
    MRL_SCOPED(mrl_buf) basic = {0};
    MRL_SCOPED(mrl_buf) body = {0};

    must(mrl_buf_printf(&pair, "%s:%s", name, r->token) == MRL_OK &&
             mrl_base64_write(mrl_buf_bytes(&pair), 0, &basic) == MRL_OK &&
             mrl_base64_write(csr, 76, &body) == MRL_OK &&
             mrl_buf_printf(out,
                            "POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: localhost\r\n"
                            "Connection: close\r\nContent-Type: application/pkcs10\r\n"
                            "Authorization: Basic %.*s\r\nContent-Length: %zu\r\n\r\n",
                            MRL_FMT(mrl_buf_bytes(&basic)), body.len) == MRL_OK &&
             mrl_buf_append(out, mrl_buf_bytes(&body)) == MRL_OK,
         "writing a request");
}

static void prepare(const struct run *r, struct device *d, size_t number)
{
    char name[NAME_SIZE];
    MRL_SCOPED(mrl_buf) csr = {0};
    struct mrl_csr_request request = {0};

    (void)snprintf(name, sizeof(name), "%s-%zu", r->prefix, number);
    request.cn = mrl_str(name);
    must(mrl_key_generate(MRL_KEY_P256, &d->key, NULL) == MRL_OK, "making a key");
    must(mrl_csr_write(&request, d->key, &csr) == MRL_OK, "writing a request");
    write_request(r, name, mrl_buf_bytes(&csr), &d->request);
}

static void prepare_all(struct run *r)
{
    r->devices = calloc(r->count, sizeof(*r->devices));
    must(r->devices != NULL, "memory");
    for (size_t i = 0; i < r->count; i++)
        prepare(r, &r->devices[i], i);
}

/* ---- enrolling ---- */

static SSL_CTX *new_context(const struct run *r)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    must(ctx != NULL && SSL_CTX_load_verify_file(ctx, r->ca) == 1, "TLS");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return ctx;
}

static int dial(const struct run *r)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0}; /* no port stays in TIME_WAIT */
    int fd = socket(r->est.sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(fd >= 0, "socket");
    must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0, "timeout");
    must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0, "linger");
    must(connect(fd, &r->est.sa.any, r->est.len) == 0, "connecting");
    return fd;
}

static mrl_bytes read_answer(SSL *ssl, char buffer[static ANSWER_MAX])
{
    int len = 0, more;

    while ((more = SSL_read(ssl, &buffer[len], ANSWER_MAX - len)) > 0)
        len += more;
    return mrl_bytes_of(buffer, (size_t)len);
}

static void check_answer(mrl_bytes answer, const struct device *d)
{
    static const mrl_bytes good = MRL_LIT_INIT("HTTP/1.1 200 "), blank = MRL_LIT_INIT("\r\n\r\n");
    MRL_SCOPED(mrl_buf) der = {0};
    MRL_SCOPED(mrl_cert_list) certs = {0};
    MRL_AUTO(mrl_key) certified = NULL;
    size_t at = 0;

    while (at + blank.len < answer.len &&
           !mrl_bytes_eq(mrl_bytes_sub(answer, at, blank.len), blank))
        at++;
    if (!mrl_bytes_starts(answer, good))
        (void)fprintf(stderr, "%.*s\n", MRL_FMT(answer));
    must(mrl_bytes_starts(answer, good), "enrolling");
    must(mrl_base64_read(mrl_bytes_sub(answer, at + blank.len, answer.len), &der) == MRL_OK &&
             mrl_pkcs7_read(mrl_buf_bytes(&der), &certs) == MRL_OK && certs.count == 1 &&
             mrl_cert_key(certs.certs[0], &certified) == MRL_OK &&
             mrl_key_public_eq(certified, d->key),
         "reading the certificate");
}

static void enrol(const struct run *r, SSL_CTX *ctx, const struct device *d)
{
    char buffer[ANSWER_MAX];
    int fd = dial(r);
    SSL *ssl = SSL_new(ctx);

    must(ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1, "handshake");
    must(SSL_session_reused(ssl) == 0, "a full handshake");
    must(SSL_write(ssl, d->request.data, (int)d->request.len) == (int)d->request.len, "sending");
    check_answer(read_answer(ssl, buffer), d);
    SSL_free(ssl);
    (void)close(fd); /* everything was read */
}

static void *member(void *argument)
{
    struct run *r = argument;
    SSL_CTX *ctx = new_context(r);

    for (;;) {
        size_t i = atomic_fetch_add(&r->next, 1);

        if (i >= r->count)
            break;
        enrol(r, ctx, &r->devices[i]);
    }
    SSL_CTX_free(ctx);
    return NULL;
}

static void enrol_all(struct run *r, size_t crew_size)
{
    pthread_t crew[CREW_MAX];

    for (size_t i = 0; i < crew_size; i++)
        must(pthread_create(&crew[i], NULL, member, r) == 0, "starting a thread");
    for (size_t i = 0; i < crew_size; i++)
        must(pthread_join(crew[i], NULL) == 0, "waiting for a thread");
}

static double cpu_s(void)
{
    struct rusage u;

    must(getrusage(RUSAGE_SELF, &u) == 0, "getrusage");
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    struct run r = {0};
    struct mrl_why why = {""};
    double cpu;
    uint64_t start, crew;
    char line[16];

    must(argc == 7, "usage: enrol_clients COUNT CA.pem HOST:PORT TOKEN AT_A_TIME PREFIX:");
    r.count = strtoul(argv[1], NULL, 10);
    crew = strtoul(argv[5], NULL, 10);
    must(r.count > 0 && r.count <= COUNT_MAX && crew > 0 && crew <= CREW_MAX, "a number");
    r.ca = argv[2];
    r.token = argv[4];
    r.prefix = argv[6];
    must(mrl_address_parse(mrl_str(argv[3]), &r.est, &why) == MRL_OK, "HOST:PORT");
    prepare_all(&r);
    printf("ready\n");
    (void)fflush(stdout);
    must(fgets(line, sizeof(line), stdin) != NULL, "waiting for the line");
    cpu = cpu_s();
    start = mrl_monotonic_ms();
    enrol_all(&r, crew);
    printf("{\"seconds\": %.3f, \"cpu_s\": %.3f}\n", (double)(mrl_monotonic_ms() - start) / 1e3,
           cpu_s() - cpu);
    return 0;
}
