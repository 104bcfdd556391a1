/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time of the server half of a mutual TLS 1.3 handshake through net/tls, against the bare
 * primitives it cannot do without, both measured in this process. The client half runs in the same
 * thread and is not counted. Prints `ratio R (budget B)` last; exit 1 above a budget. usage:
 * tls_handshake [batches] [handshakes per batch] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "net/tls.h"
#include "net/tls_client.h"
#include "tests/unit/net/pki.h"

#define DAY INT64_C(86400)
enum { WIRE = 1 << 17, DIGEST = 32, NS = 1000000000 };
static const double budget = 2.6, resumed_budget = 2.4;

static void must(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "tls_handshake: %s failed\n", what);
    _exit(2);
}

static double cpu_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* exists on every Linux */
    return ((double)t.tv_sec * NS + (double)t.tv_nsec) / 1000;
}

struct world {
    struct pki pki;
    struct pki_identity device;
    struct mrl_tls_tickets *tickets;
    struct mrl_tls_context *server;
    struct mrl_tls_context *client;
    EVP_PKEY_CTX *sign;
    EVP_PKEY_CTX *verify;
    EVP_PKEY_CTX *keygen;
    EVP_PKEY *x25519_peer;
    uint8_t digest[DIGEST];
    uint8_t signature[128];
    size_t signature_len;
};

static enum mrl_tls_refusal judge(void *context, const struct mrl_fingerprint *fp)
{
    const struct world *w = context;

    return mrl_bytes_eq(mrl_fingerprint_bytes(fp), mrl_fingerprint_bytes(&w->device.fingerprint))
               ? MRL_TLS_ACCEPTED
               : MRL_TLS_UNREGISTERED;
}

static void make_contexts(struct world *w)
{
    const struct mrl_tls_server_config server = {.client_certificate = MRL_CLIENT_CERT_REQUIRED,
                                                 .judge = judge,
                                                 .judge_context = w,
                                                 .roots = &w->pki.roots,
                                                 .tickets = w->tickets};
    const struct mrl_tls_client_config client = {.roots = &w->pki.roots, .keep_ticket = true};

    must(mrl_tls_server_new(&server, &w->server, NULL) == MRL_OK, "server context");
    must(mrl_tls_context_set_identity(w->server, &w->pki.server.chain, w->pki.server.key, NULL) ==
             MRL_OK,
         "server identity");
    must(mrl_tls_client_new(&client, &w->client, NULL) == MRL_OK, "client context");
    must(mrl_tls_context_set_identity(w->client, &w->device.chain, w->device.key, NULL) == MRL_OK,
         "client identity");
}

/* Objects that can be reused are: what is left is the arithmetic. */
static void make_primitives(struct world *w)
{
    EVP_PKEY *key = mrl_key_native(w->device.key);

    w->sign = EVP_PKEY_CTX_new(key, NULL);
    w->verify = EVP_PKEY_CTX_new(key, NULL);
    w->keygen = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
    w->x25519_peer = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    must(EVP_PKEY_sign_init(w->sign) == 1 && EVP_PKEY_verify_init(w->verify) == 1 &&
             EVP_PKEY_keygen_init(w->keygen) == 1 && w->x25519_peer != NULL,
         "primitives");
}

static void do_sign(struct world *w)
{
    w->signature_len = sizeof(w->signature);
    must(EVP_PKEY_sign(w->sign, w->signature, &w->signature_len, w->digest, DIGEST) == 1, "sign");
}

static void do_verify(struct world *w)
{
    must(EVP_PKEY_verify(w->verify, w->signature, w->signature_len, w->digest, DIGEST) == 1,
         "verify");
}

static void do_exchange(struct world *w)
{
    uint8_t secret[DIGEST];
    size_t len = sizeof(secret);
    EVP_PKEY *own = NULL;
    EVP_PKEY_CTX *derive;

    must(EVP_PKEY_keygen(w->keygen, &own) == 1, "X25519 keygen");
    derive = EVP_PKEY_CTX_new(own, NULL);
    must(EVP_PKEY_derive_init(derive) == 1 &&
             EVP_PKEY_derive_set_peer(derive, w->x25519_peer) == 1 &&
             EVP_PKEY_derive(derive, secret, &len) == 1,
         "X25519 derive");
    EVP_PKEY_CTX_free(derive);
    EVP_PKEY_free(own);
}

/* CPU of the server half of one handshake; the client reads afterwards, so that it gets its ticket.
 */
static double handshake(struct world *w, bool resume)
{
    MRL_SCOPED(mrl_buf) in = {0};
    struct mrl_tls *server = NULL, *client = NULL;
    mrl_err at_server = MRL_ERR_AGAIN, at_client = MRL_ERR_AGAIN;
    BIO *a = NULL, *b = NULL;
    double spent = 0, start;

    must(BIO_new_bio_pair(&a, WIRE, &b, WIRE) == 1, "BIO");
    must(mrl_tls_connect_bio(w->client, b, b, MRL_LIT("localhost"), &client) == MRL_OK, "connect");
    start = cpu_us();
    must(mrl_tls_accept_bio(w->server, a, a, &server) == MRL_OK, "accept");
    spent += cpu_us() - start;
    for (int i = 0; i < 8 && (at_server != MRL_OK || at_client != MRL_OK); i++) {
        if (at_client == MRL_ERR_AGAIN)
            at_client = mrl_tls_handshake(client);
        start = cpu_us();
        if (at_server == MRL_ERR_AGAIN)
            at_server = mrl_tls_handshake(server);
        spent += cpu_us() - start;
    }
    must(at_server == MRL_OK && at_client == MRL_OK, "handshake");
    must(mrl_tls_facts(server)->resumed == resume, "expected kind of handshake");
    (void)mrl_tls_read(client, &in, MRL_TLS_RECORD); /* the ticket; no data: MRL_ERR_AGAIN */
    start = cpu_us();
    mrl_tls_free(server);
    spent += cpu_us() - start;
    mrl_tls_free(client);
    return spent;
}

static void forget_ticket(struct world *w)
{
    const struct mrl_tls_client_config client = {.roots = &w->pki.roots};

    mrl_tls_context_free(w->client);
    must(mrl_tls_client_new(&client, &w->client, NULL) == MRL_OK, "client context");
    must(mrl_tls_context_set_identity(w->client, &w->device.chain, w->device.key, NULL) == MRL_OK,
         "client identity");
}

struct figures {
    double sign, exchange, verify, full, resumed;
};

static void keep_best(double *best, double value)
{
    if (*best <= 0 || value < *best)
        *best = value;
}

static double batch_of(struct world *w, void (*each)(struct world *), int count)
{
    double start = cpu_us();

    for (int i = 0; i < count; i++)
        each(w);
    return (cpu_us() - start) / count;
}

static double batch_of_handshakes(struct world *w, bool resume, int count)
{
    double spent = 0;

    for (int i = 0; i < count; i++)
        spent += handshake(w, resume);
    return spent / count;
}

static void measure(struct world *w, int batches, int count, struct figures *f)
{
    for (int i = 0; i < batches; i++) {
        keep_best(&f->sign, batch_of(w, do_sign, count));
        keep_best(&f->verify, batch_of(w, do_verify, count));
        keep_best(&f->exchange, batch_of(w, do_exchange, count));
        forget_ticket(w); /* and keep none */
        keep_best(&f->full, batch_of_handshakes(w, /*resume=*/false, count));
        mrl_tls_context_free(w->client);
        mrl_tls_context_free(w->server);
        make_contexts(w);
        (void)handshake(w, /*resume=*/false); /* to get the first ticket */
        keep_best(&f->resumed, batch_of_handshakes(w, /*resume=*/true, count));
    }
}

static int report(const struct figures *f)
{
    double full_floor = f->sign + f->exchange + f->verify;
    double ratio = f->full / full_floor, resumed = f->resumed / f->exchange;

    printf("P-256 sign %.1f us, verify %.1f us, X25519 keygen and derive %.1f us\n", f->sign,
           f->verify, f->exchange);
    printf("resumed: server %.1f us, primitives %.1f us, ratio %.2f (budget %.2f)\n", f->resumed,
           f->exchange, resumed, resumed_budget);
    printf("full: server %.1f us, primitives %.1f us\n", f->full, full_floor);
    printf("ratio %.2f (budget %.2f)\n", ratio, budget);
    return ratio <= budget && resumed <= resumed_budget ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct world w;
    struct figures f = {0};
    uint64_t batches = 9, count = 200;
    int code;

    must((argc < 2 || mrl_bytes_to_u64(mrl_str(argv[1]), 10000, &batches)) &&
             (argc < 3 || mrl_bytes_to_u64(mrl_str(argv[2]), 100000, &count)) && batches > 0 &&
             count > 0,
         "reading the arguments");
    pki_init(&w.pki);
    pki_issue(&w.pki.ca, MRL_CERT_DEVICE, "device", -DAY, DAY, &w.device);
    must(mrl_tls_tickets_new(0, 0, &w.tickets) == MRL_OK, "tickets");
    make_contexts(&w);
    make_primitives(&w);
    measure(&w, (int)batches, (int)count, &f);
    code = report(&f);
    EVP_PKEY_CTX_free(w.sign);
    EVP_PKEY_CTX_free(w.verify);
    EVP_PKEY_CTX_free(w.keygen);
    EVP_PKEY_free(w.x25519_peer);
    mrl_tls_context_free(w.server);
    mrl_tls_context_free(w.client);
    mrl_tls_tickets_free(w.tickets);
    pki_identity_done(&w.device);
    pki_done(&w.pki);
    return code;
}
