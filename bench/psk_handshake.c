/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time of the server in a TLS 1.3 handshake with a pre-shared key: one that is known, a wrong
 * key for a known identity, and an unknown identity. The last two must not be told apart by it.
 * Prints `ratio R (budget B)` last: the dearer of the two over the cheaper; exit 1 above the
 * budget. usage: psk_handshake [rounds] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "base/rcu.h"
#include "devices/psk.h"
#include "devices/psk_table.h"
#include "tests/unit/net/tls_pair.h"

enum { ROUNDS = 3000, IDENTITIES = 10000, NS = 1000000000, STEPS = 8 };
static const double budget = 1.1;

static struct mrl_psk_table *table;
static uint8_t key[MRL_PSK_MADE], wrong[MRL_PSK_MADE];

/* What the client says. */
static char identity[64];
static const uint8_t *with;

static void must(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "psk_handshake: %s failed\n", what);
    exit(2);
}

static enum mrl_tls_refusal find(void *context, mrl_bytes name, struct mrl_fingerprint *fp,
                                 struct mrl_secret **out)
{
    bool known;

    (void)context;
    must(mrl_psk_fingerprint(name, fp) == MRL_OK, "fingerprint");
    mrl_rcu_read_begin();
    known = mrl_psk_table_identity(table, fp).len > 0;
    must(mrl_psk_table_open(table, fp, out) == MRL_OK, "opening a key");
    mrl_rcu_read_end();
    return known ? MRL_TLS_ACCEPTED : MRL_TLS_UNKNOWN_PSK;
}

static enum mrl_tls_refusal judge(void *context, const struct mrl_fingerprint *fp)
{
    (void)context;
    (void)fp;
    return MRL_TLS_ACCEPTED;
}

static unsigned give(SSL *ssl, const char *hint, char *name, unsigned name_max, unsigned char *to,
                     unsigned max)
{
    (void)ssl;
    (void)hint;
    must(strlen(identity) < name_max && max >= MRL_PSK_MADE, "client");
    memcpy(name, identity, strlen(identity) + 1);
    memcpy(to, with, MRL_PSK_MADE);
    return MRL_PSK_MADE;
}

static void fill_table(void)
{
    must(mrl_psk_table_new(&table) == MRL_OK, "table");
    mrl_random(key, sizeof(key));
    mrl_random(wrong, sizeof(wrong));
    for (unsigned i = 0; i < IDENTITIES; i++) {
        struct mrl_fingerprint fp;

        (void)snprintf(identity, sizeof(identity), "pump-%u#0001", i);
        must(mrl_psk_fingerprint(mrl_str(identity), &fp) == MRL_OK &&
                 mrl_psk_table_put(table, &fp, mrl_str(identity), mrl_bytes_of(key, sizeof(key))) ==
                     MRL_OK,
             "table");
    }
}

static double cpu_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* exists on every Linux */
    return (double)t.tv_sec * NS + (double)t.tv_nsec;
}

/* CPU of the server; *open: how it went. */
static double one(struct tls_pair *p, const char *prefix, unsigned number, bool *open)
{
    mrl_err err = MRL_ERR_AGAIN;
    double spent = 0;

    (void)snprintf(identity, sizeof(identity), "%s-%u#0001", prefix, number % IDENTITIES);
    tls_pair_dial(p, NULL);
    for (int i = 0; i < STEPS && err == MRL_ERR_AGAIN; i++) {
        double began;

        (void)SSL_do_handshake(p->client);
        (void)tls_pair_move_up(p, SIZE_MAX);
        began = cpu_ns();
        err = mrl_tls_handshake(p->server);
        spent += cpu_ns() - began;
        (void)tls_pair_move_down(p, SIZE_MAX);
    }
    *open = err == MRL_OK;
    return spent;
}

enum way { KNOWN, WRONG, UNKNOWN, WAYS };

static void measure_one(struct tls_pair *p, enum way w, unsigned number, unsigned rounds,
                        double us[static WAYS])
{
    static const char *const prefixes[WAYS] = {"pump", "pump", "pumq"};
    bool open;

    with = w == KNOWN ? key : wrong;
    us[w] += one(p, prefixes[w], number, &open) / 1000 / rounds;
    must(open == (w == KNOWN), "handshake");
}

/* By turns, each after each other, so that the machine's moods and caches meet all alike. */
static void measure(struct tls_pair *p, unsigned rounds, double us[static WAYS])
{
    for (unsigned i = 0; i < rounds; i++)
        for (unsigned n = 0; n < WAYS; n++)
            measure_one(p, (enum way)(i % 2 == 0 ? n : WAYS - 1 - n), i, rounds, us);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : ROUNDS;
    struct tls_pair pair;
    struct pki pki;
    double us[WAYS] = {0}, ratio;

    mrl_rcu_register();
    pki_init(&pki);
    fill_table();
    tls_pair_init(&pair, &pki,
                  &(struct tls_pair_options){.psk = find, .judge = judge, .tickets = true});
    SSL_CTX_set_psk_client_callback(pair.client_context, give);
    measure(&pair, rounds, us);
    ratio = us[WRONG] > us[UNKNOWN] ? us[WRONG] / us[UNKNOWN] : us[UNKNOWN] / us[WRONG];
    (void)printf("pre-shared key, TLS 1.3: %.1f us; wrong key %.1f us; unknown identity %.1f us\n",
                 us[KNOWN], us[WRONG], us[UNKNOWN]);
    (void)printf("ratio %.2f (budget %.2f)\n", ratio, budget);
    tls_pair_done(&pair);
    pki_done(&pki);
    mrl_psk_table_free(table);
    return ratio <= budget ? 0 : 1;
}
