/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time from a request (PKCS#10, DER) to a device's certificate, without transport: what the
 * daemon does (read, judge the key, verify) and what the key process does (judge the key again,
 * build, sign), against the two signatures in it. Every request has a key of its own. Prints
 * `ratio R (budget B)` last; exit 1 above the budget. usage: issue_certificate [batches] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/evp.h>

#include "crypto/cert_build.h"
#include "crypto/csr.h"
#include "tests/unit/net/pki.h"

enum { REQUESTS = 400, DIGEST = 32, NS = 1000000000, LIFE_S = 86400 };
static const double budget = 1.6;

static void must(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "issue_certificate: %s failed\n", what);
    exit(2);
}

static double cpu_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* exists on every Linux */
    return ((double)t.tv_sec * NS + (double)t.tv_nsec) / 1000;
}

struct world {
    struct pki pki;
    mrl_bytes uri;
    struct mrl_buf requests[REQUESTS];
    EVP_PKEY_CTX *sign, *verify;
    uint8_t digest[DIGEST], signature[128];
    size_t signature_len;
};

static void make_requests(struct world *w)
{
    const struct mrl_csr_request wish = {.cn = MRL_LIT("pump-7"), .uris = {&w->uri, 1}};

    for (size_t i = 0; i < REQUESTS; i++) {
        MRL_AUTO(mrl_key) key = NULL;

        must(mrl_key_generate(MRL_KEY_P256, &key, NULL) == MRL_OK &&
                 mrl_csr_write(&wish, key, &w->requests[i]) == MRL_OK,
             "making a request");
    }
}

static void make_primitives(struct world *w)
{
    EVP_PKEY *key = mrl_key_native(w->pki.ca.key);

    w->sign = EVP_PKEY_CTX_new(key, NULL);
    w->verify = EVP_PKEY_CTX_new(key, NULL);
    must(EVP_PKEY_sign_init(w->sign) == 1 && EVP_PKEY_verify_init(w->verify) == 1, "primitives");
}

static void issue(const struct world *w, mrl_bytes request)
{
    struct mrl_cert_profile profile = {.kind = MRL_CERT_DEVICE,
                                       .cn = MRL_LIT("pump-7"),
                                       .uris = {&w->uri, 1},
                                       .not_before = 1800000000,
                                       .not_after = 1800000000 + LIFE_S};
    MRL_AUTO(mrl_csr) csr = NULL;
    MRL_AUTO(mrl_key) key = NULL;
    MRL_SCOPED(mrl_buf) der = {0};
    enum mrl_csr_reason reason;

    must(mrl_csr_from_der(request, &csr, &reason) == MRL_OK &&
             mrl_csr_check(csr, &key, &reason) == MRL_OK,
         "judging a request");
    mrl_serial_random(profile.serial);
    profile.spki = mrl_csr_facts(csr)->spki;
    must(mrl_cert_build(&profile, w->pki.ca.chain.certs[0], w->pki.ca.key, &der, NULL) == MRL_OK,
         "issuing");
}

struct figures {
    double sign, verify, issue;
};

static void keep_best(double *best, double start)
{
    double value = (cpu_us() - start) / REQUESTS;

    if (*best <= 0 || value < *best)
        *best = value;
}

static void measure(struct world *w, struct figures *f)
{
    double start = cpu_us();

    for (int i = 0; i < REQUESTS; i++) {
        w->signature_len = sizeof(w->signature);
        must(EVP_PKEY_sign(w->sign, w->signature, &w->signature_len, w->digest, DIGEST) == 1,
             "sign");
    }
    keep_best(&f->sign, start);
    start = cpu_us();
    for (int i = 0; i < REQUESTS; i++)
        must(EVP_PKEY_verify(w->verify, w->signature, w->signature_len, w->digest, DIGEST) == 1,
             "verify");
    keep_best(&f->verify, start);
    start = cpu_us();
    for (int i = 0; i < REQUESTS; i++)
        issue(w, mrl_buf_bytes(&w->requests[i]));
    keep_best(&f->issue, start);
}

int main(int argc, char **argv)
{
    static struct world w;
    struct figures f = {0};
    uint64_t batches = 15;
    double ratio;

    must(argc < 2 || mrl_bytes_to_u64(mrl_str(argv[1]), 10000, &batches), "reading the arguments");
    w.uri = MRL_LIT("urn:merlon:default:device:pump-7");
    pki_init(&w.pki);
    make_requests(&w);
    make_primitives(&w);
    for (uint64_t i = 0; i < batches; i++)
        measure(&w, &f);
    ratio = f.issue / (f.sign + f.verify);
    printf("P-256 sign %.1f us, verify %.1f us; request to certificate %.1f us\n", f.sign, f.verify,
           f.issue);
    printf("ratio %.2f (budget %.2f)\n", ratio, budget);
    EVP_PKEY_CTX_free(w.sign);
    EVP_PKEY_CTX_free(w.verify);
    for (size_t i = 0; i < REQUESTS; i++)
        mrl_buf_done(&w.requests[i]);
    pki_done(&w.pki);
    return ratio <= budget ? 0 : 1;
}
