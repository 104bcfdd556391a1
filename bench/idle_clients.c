/* SPDX-License-Identifier: Apache-2.0 */
/* Many idle MQTT clients over mutual TLS, each with a key and a certificate of its own: minted here
 * from a test CA, or got from the server over EST. Driven by lines on standard input, each answered
 * by one line:
 *   connect N   opens the next N connections and leaves them silent   -> connected N
 *   ping        asks every open connection whether it lives           -> alive N
 *   ended N     waits until the server has ended N connections, and says when the last one went, in
 *               milliseconds since 1970                                -> ended N MS
 *   knock       those that were ended try to come back, each with its ticket  -> refused N
 *   resume N    of the open ones N connect anew, each with its ticket         -> resumed N
 * Prints "ready" once every client has its certificate; the end of its input ends it, any failure
 * with status 1.
 * usage: idle_clients COUNT CA.pem HOST:PORT mint CA.key
 *        idle_clients COUNT CA.pem HOST:PORT enrol HOST:PORT TOKEN */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/writer.h"
#include "crypto/cert_build.h"
#include "crypto/csr.h"
#include "crypto/pkcs7.h"
#include "net/http_client.h"

#define DAY INT64_C(86400)
enum { CREW = 16, PATIENCE_S = 60, KEEP_ALIVE_S = 1200, NAME_MAX_ = 32, COUNT_MAX = 100000 };

struct device {
    char name[NAME_MAX_];
    struct mrl_key *key;
    struct mrl_cert *cert;
    SSL *ssl;            /* NULL: not connected */
    SSL_SESSION *ticket; /* of a connection that is over */
    int fd;
};

struct run {
    size_t count;
    size_t connected; /* of devices, the first ones; some may have been ended since */
    size_t ended;
    atomic_size_t counted;
    struct device *devices;
    struct mrl_cert_list roots;
    struct mrl_address mqtt;
    SSL_CTX *tls;
    struct mrl_key *ca_key; /* mint */
    mrl_bytes est, token;   /* enrol */
};

struct member { /* of the crew: one thread */
    struct run *run;
    struct mrl_tls_context *tls;
    struct mrl_http_client *est;
};

typedef void task(struct member *m, struct device *d);
struct work {
    struct run *run;
    task *each;
    atomic_size_t next;
    size_t end;
};

static void must(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "idle_clients: %s failed\n", what);
    _exit(1);
}

static void must_ok(mrl_err err, const char *what, const struct mrl_why *why)
{
    if (err == MRL_OK)
        return;
    (void)fprintf(stderr, "idle_clients: %s: %s %s\n", what, mrl_err_name(err), why->text);
    _exit(1);
}

/* ---- a crew works through the devices ---- */

static void *member_main(void *context)
{
    struct work *w = context;
    struct member m = {.run = w->run};
    size_t i;

    while ((i = atomic_fetch_add(&w->next, 1)) < w->end)
        w->each(&m, &w->run->devices[i]);
    mrl_http_client_free(m.est);
    mrl_tls_context_free(m.tls);
    return NULL;
}

static void for_each(struct run *r, size_t from, size_t end, task *each)
{
    struct work w = {.run = r, .each = each, .next = from, .end = end};
    pthread_t crew[CREW];

    for (size_t i = 0; i < CREW; i++)
        must(pthread_create(&crew[i], NULL, member_main, &w) == 0, "starting a thread");
    for (size_t i = 0; i < CREW; i++)
        must(pthread_join(crew[i], NULL) == 0, "waiting for a thread");
}

/* ---- certificates ---- */

static void mint(struct member *m, struct device *d)
{
    MRL_SCOPED(mrl_buf) spki = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_why why = {""};
    struct mrl_cert_profile profile = {.kind = MRL_CERT_DEVICE, .cn = mrl_str(d->name)};

    must_ok(mrl_key_generate(MRL_KEY_P256, &d->key, &why), "making a key", &why);
    must_ok(mrl_key_to_spki(d->key, &spki), "writing a key", &why);
    profile.spki = mrl_buf_bytes(&spki);
    profile.not_before = mrl_wall_s() - 60;
    profile.not_after = mrl_wall_s() + DAY;
    mrl_serial_random(profile.serial);
    must_ok(mrl_cert_build(&profile, m->run->roots.certs[0], m->run->ca_key, &der, &why),
            "minting a certificate", &why);
    must_ok(mrl_cert_from_der(mrl_buf_bytes(&der), &d->cert), "reading a certificate", &why);
}

static void open_est(struct member *m)
{
    const struct mrl_tls_client_config tls = {.roots = &m->run->roots};
    const struct mrl_http_client_config http = {.server = m->run->est};
    struct mrl_http_client_config config = http;
    struct mrl_why why = {""};

    if (m->est != NULL)
        return;
    must_ok(mrl_tls_client_new(&tls, &m->tls, &why), "TLS", &why);
    config.tls = m->tls;
    must_ok(mrl_http_client_new(&config, &m->est, &why), "HTTP client", &why);
}

static void write_request(const struct device *d, struct mrl_buf *out)
{
    const struct mrl_csr_request request = {.cn = mrl_str(d->name)};
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_why why = {""};

    must_ok(mrl_csr_write(&request, d->key, &der), "writing a request", &why);
    must_ok(mrl_base64_write(mrl_buf_bytes(&der), 76, out), "base64", &why);
}

static void read_certificate(mrl_bytes body, struct device *d)
{
    MRL_SCOPED(mrl_buf) der = {0};
    MRL_SCOPED(mrl_cert_list) certs = {0};
    struct mrl_why why = {""};

    must_ok(mrl_base64_read(body, &der), "base64", &why);
    must_ok(mrl_pkcs7_read(mrl_buf_bytes(&der), &certs), "reading PKCS#7", &why);
    must_ok(mrl_cert_from_der(mrl_cert_facts(certs.certs[0])->der, &d->cert),
            "reading a certificate", &why);
}

/* RFC 7030 4.2, with the token of a group as HTTP Basic password. */
static void enrol(struct member *m, struct device *d)
{
    MRL_SCOPED(mrl_buf) basic = {0};
    MRL_SCOPED(mrl_buf) pair = {0};
    MRL_SCOPED(mrl_buf) body = {0};
    MRL_SCOPED(mrl_http_result) result = {0};
    struct mrl_why why = {""};
    struct mrl_http_field field = {.name = "Authorization"};
    struct mrl_http_call call = {.method = "POST",
                                 .target = MRL_LIT("/.well-known/est/simpleenroll"),
                                 .fields = &field,
                                 .field_count = 1,
                                 .content_type = "application/pkcs10"};

    open_est(m);
    must_ok(mrl_key_generate(MRL_KEY_P256, &d->key, &why), "making a key", &why);
    write_request(d, &body);
    must_ok(mrl_buf_printf(&pair, "%s:%.*s", d->name, MRL_FMT(m->run->token)), "token", &why);
    must_ok(mrl_buf_append(&basic, MRL_LIT("Basic ")), "token", &why);
    must_ok(mrl_base64_write(mrl_buf_bytes(&pair), 0, &basic), "base64", &why);
    field.value = mrl_buf_bytes(&basic);
    call.body = mrl_buf_bytes(&body);
    must_ok(mrl_http_client_request(m->est, &call, &result, &why), "enrolling", &why);
    if (result.status != 200)
        (void)fprintf(stderr, "%u: %.*s", result.status, MRL_FMT(mrl_buf_bytes(&result.body)));
    must(result.status == 200, "enrolling");
    read_certificate(mrl_buf_bytes(&result.body), d);
}

/* ---- connections ---- */

static int dial(const struct run *r)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = socket(r->mqtt.sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(fd >= 0, "socket (open files: see ulimit -n)");
    must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0, "timeout");
    must(connect(fd, &r->mqtt.sa.any, r->mqtt.len) == 0, "connecting");
    return fd;
}

static void exchange(const struct device *d, mrl_bytes out, mrl_bytes expected, const char *what)
{
    uint8_t in[8] = {0};
    int got = 0;

    must(SSL_write(d->ssl, out.data, (int)out.len) == (int)out.len, what);
    while ((size_t)got < expected.len) {
        int more = SSL_read(d->ssl, &in[got], (int)expected.len - got);

        must(more > 0, what);
        got += more;
    }
    must(mrl_bytes_eq(mrl_bytes_of(in, (size_t)got), expected), what);
}

/* MQTT 3.1.1, clean session: the same bytes for every broker. */
static void say_connect(const struct device *d)
{
    uint8_t memory[64];
    struct mrl_writer w = mrl_writer_on(memory, sizeof(memory));
    mrl_bytes packet, name = mrl_str(d->name);

    mrl_put_u8(&w, 0x10);
    mrl_put_u8(&w, (uint8_t)(12 + name.len));
    mrl_put_blob16(&w, MRL_LIT("MQTT"));
    mrl_put_u8(&w, 4);
    mrl_put_u8(&w, 0x02);
    mrl_put_u16(&w, KEEP_ALIVE_S);
    mrl_put_blob16(&w, name);
    must(mrl_writer_end(&w, &packet) == MRL_OK, "writing CONNECT");
    exchange(d, packet, MRL_LIT("\x20\x02\x00\x00"), "CONNECT");
}

/* false: not let in. */
static bool shake(struct member *m, struct device *d)
{
    d->fd = dial(m->run);
    d->ssl = SSL_new(m->run->tls);
    must(d->ssl != NULL && SSL_set_fd(d->ssl, d->fd) == 1 &&
             SSL_use_certificate(d->ssl, mrl_cert_native(d->cert)) == 1 &&
             SSL_use_PrivateKey(d->ssl, mrl_key_native(d->key)) == 1,
         "TLS set-up");
    if (d->ticket != NULL)
        must(SSL_set_session(d->ssl, d->ticket) == 1, "offering a ticket");
    return SSL_connect(d->ssl) == 1;
}

static void open_one(struct member *m, struct device *d)
{
    must(shake(m, d), "TLS handshake");
    say_connect(d);
}

static void close_one(struct device *d)
{
    SSL_SESSION_free(d->ticket);
    d->ticket = SSL_get1_session(d->ssl);
    SSL_free(d->ssl);
    d->ssl = NULL;
    (void)close(d->fd); /* only read */
}

/* TLS 1.3: a client learns after its own handshake that it is refused. */
static void knock(struct member *m, struct device *d)
{
    uint8_t in[4];

    if (d->ssl != NULL)
        return;
    must(!shake(m, d) || SSL_write(d->ssl, "\xc0", 1) <= 0 || SSL_read(d->ssl, in, 4) <= 0,
         "being refused");
    SSL_free(d->ssl);
    d->ssl = NULL;
    (void)close(d->fd);
    (void)atomic_fetch_add(&m->run->counted, 1);
}

static void resume(struct member *m, struct device *d)
{
    if (d->ssl == NULL)
        return;
    SSL_set_shutdown(d->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* its ticket stays good */
    close_one(d);
    open_one(m, d);
    (void)atomic_fetch_add(&m->run->counted, (size_t)SSL_session_reused(d->ssl));
}

static void ping(struct member *m, struct device *d)
{
    if (d->ssl == NULL)
        return;
    (void)atomic_fetch_add(&m->run->counted, 1);
    exchange(d, MRL_LIT("\xc0\x00"), MRL_LIT("\xd0\x00"), "PINGREQ");
}

/* One that can be read has been ended: nothing else comes to a silent client. */
static size_t look(struct run *r, struct pollfd *fds, int64_t *at_ms)
{
    size_t ended = 0;

    for (size_t i = 0; i < r->connected; i++)
        fds[i] = (struct pollfd){.fd = r->devices[i].ssl == NULL ? -1 : r->devices[i].fd,
                                 .events = POLLIN};
    must(poll(fds, r->connected, PATIENCE_S * 1000) > 0, "waiting for the server");
    *at_ms = mrl_wall_ms();
    for (size_t i = 0; i < r->connected; i++) {
        uint8_t in[16];

        if (fds[i].fd < 0 || fds[i].revents == 0)
            continue;
        must(SSL_read(r->devices[i].ssl, in, sizeof(in)) <= 0, "being left alone");
        SSL_set_shutdown(r->devices[i].ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        close_one(&r->devices[i]);
        ended++;
    }
    return ended;
}

static void await_end(struct run *r, size_t count)
{
    struct pollfd *fds = calloc(r->connected, sizeof(*fds));
    int64_t at_ms = 0;

    must(fds != NULL, "memory");
    for (r->ended = 0; r->ended < count;)
        r->ended += look(r, fds, &at_ms);
    printf("ended %zu %lld\n", r->ended, (long long)at_ms);
    free(fds);
}

static void for_all(struct run *r, size_t count, task *each, const char *answer)
{
    atomic_store(&r->counted, 0);
    for_each(r, 0, count < r->connected ? count : r->connected, each);
    printf("%s %zu\n", answer, atomic_load(&r->counted));
}

static void obey(struct run *r, const char *line)
{
    mrl_bytes order, number;
    uint64_t more = 0;

    (void)mrl_bytes_split(mrl_bytes_trim(mrl_str(line)), ' ', &order, &number);
    if (mrl_bytes_eq(order, MRL_LIT("connect")) && mrl_bytes_to_u64(number, SIZE_MAX, &more)) {
        must(more <= r->count - r->connected, "connecting more than there are");
        for_each(r, r->connected, r->connected + more, open_one);
        r->connected += more;
        printf("connected %zu\n", r->connected);
    } else if (mrl_bytes_eq(order, MRL_LIT("ended")) && mrl_bytes_to_u64(number, SIZE_MAX, &more)) {
        await_end(r, more);
    } else if (mrl_bytes_eq(order, MRL_LIT("resume")) &&
               mrl_bytes_to_u64(number, SIZE_MAX, &more)) {
        for_all(r, more, resume, "resumed");
    } else if (mrl_bytes_eq(order, MRL_LIT("knock"))) {
        for_all(r, r->connected, knock, "refused");
    } else {
        must(strcmp(line, "ping\n") == 0, "understanding a line");
        for_all(r, r->connected, ping, "alive");
    }
}

/* ---- start ---- */

static void read_file(const char *path, struct mrl_buf *out)
{
    FILE *f = fopen(path, "r");
    uint8_t *to = NULL;
    size_t got;

    must(f != NULL && mrl_buf_reserve(out, 1 << 16, &to) == MRL_OK, path);
    got = fread(to, 1, 1 << 16, f);
    mrl_buf_added(out, got);
    must(fclose(f) == 0, path);
}

static void make_tls(struct run *r, const char *ca)
{
    X509_VERIFY_PARAM *param;

    r->tls = SSL_CTX_new(TLS_client_method());
    must(r->tls != NULL && SSL_CTX_load_verify_locations(r->tls, ca, NULL) == 1, ca);
    param = SSL_CTX_get0_param(r->tls);
    must(X509_VERIFY_PARAM_set1_ip_asc(param, "127.0.0.1") == 1, "TLS settings");
    SSL_CTX_set_verify(r->tls, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_mode(r->tls, SSL_MODE_RELEASE_BUFFERS);
}

static void read_arguments(struct run *r, int argc, char **argv)
{
    MRL_SCOPED(mrl_buf) ca = {0};
    MRL_SCOPED(mrl_buf) key = {0};
    struct mrl_why why = {""};
    bool minting = argc == 6 && strcmp(argv[4], "mint") == 0;
    uint64_t count = 0;

    must(minting || (argc == 7 && strcmp(argv[4], "enrol") == 0), "reading the arguments");
    must(mrl_bytes_to_u64(mrl_str(argv[1]), COUNT_MAX, &count) && count > 0, "reading COUNT");
    r->count = count;
    read_file(argv[2], &ca);
    must_ok(mrl_cert_list_add_pem(&r->roots, mrl_buf_bytes(&ca)), argv[2], &why);
    must_ok(mrl_address_parse(mrl_str(argv[3]), &r->mqtt, &why), argv[3], &why);
    make_tls(r, argv[2]);
    if (minting) {
        read_file(argv[5], &key);
        must_ok(mrl_key_from_pem(mrl_buf_bytes(&key), MRL_BYTES_NONE, &r->ca_key), argv[5], &why);
        return;
    }
    r->est = mrl_str(argv[5]);
    r->token = mrl_str(argv[6]);
}

int main(int argc, char **argv)
{
    static struct run r;
    char line[64];

    read_arguments(&r, argc, argv);
    r.devices = calloc(r.count, sizeof(*r.devices));
    must(r.devices != NULL, "memory");
    for (size_t i = 0; i < r.count; i++)
        (void)snprintf(r.devices[i].name, NAME_MAX_, "idle-%05zu", i);
    for_each(&r, 0, r.count, r.ca_key != NULL ? mint : enrol);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    printf("ready\n");
    while (fgets(line, sizeof(line), stdin) != NULL)
        obey(&r, line);
    for (size_t i = 0; i < r.count; i++) {
        if (r.devices[i].ssl != NULL)
            (void)close(r.devices[i].fd);
        SSL_free(r.devices[i].ssl);
        mrl_cert_free(r.devices[i].cert);
        mrl_key_free(r.devices[i].key);
    }
    free(r.devices);
    SSL_CTX_free(r.tls);
    mrl_key_free(r.ca_key);
    mrl_cert_list_done(&r.roots);
    return 0;
}
