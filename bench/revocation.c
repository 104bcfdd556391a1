/* SPDX-License-Identifier: Apache-2.0 */
/* What telling outsiders costs with a million revoked certificates: a look-up by serial and the
 * memory of an entry; an OCSP answer that was signed before, against signing it; the entries of a
 * list of all, and whether making it lets a reader wait. Prints a line `ok` or `MISSED` for each
 * promise; exit 1 when one is missed. usage: revocation [entries] */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/random.h"
#include "base/rcu.h"
#include "crypto/cert_build.h"
#include "revocation/answers.h"

enum { NS = 1000000000, ASKED = 200000, ANSWERS = 20000, SIGNED = 5000, BATCHES = 5 };

static bool missed;

static void must(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "revocation: %s failed\n", what);
    exit(2);
}

static double cpu_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* exists on every Linux */
    return (double)t.tv_sec * NS + (double)t.tv_nsec;
}

static void verdict(const char *what, double value, double limit, bool more_is_better)
{
    bool good = more_is_better ? value >= limit : value <= limit;

    missed |= !good;
    (void)printf("%-46s %12.1f  %s %.0f  %s\n", what, value,
                 more_is_better ? "at least" : "at most ", limit, good ? "ok" : "MISSED");
}

struct world {
    size_t entries;
    uint8_t (*serials)[MRL_STATUS_SERIAL];
    struct mrl_statuses *statuses;
    struct mrl_answers *answers;
    struct mrl_key *delegate; /* a copy of the key of answers, for comparison */
};

static mrl_bytes serial(const struct world *w, size_t i)
{
    return mrl_bytes_of(w->serials[i % w->entries], MRL_STATUS_SERIAL);
}

static void fill(struct world *w)
{
    const struct mrl_status status = {.revoked = 1800000000, .expires = 1900000000};
    double start = cpu_ns();

    for (size_t i = 0; i < w->entries; i++) {
        mrl_random(w->serials[i], MRL_STATUS_SERIAL);
        w->serials[i][0] |= 1;
        must(mrl_statuses_put(w->statuses, serial(w, i), &status) == MRL_OK, "putting");
    }
    (void)printf("%-46s %12.1f\n", "ns of adding one, all growth included",
                 (cpu_ns() - start) / (double)w->entries);
}

/* Best of some batches; each serial of a batch is somewhere else in memory. */
static double look_up_ns(struct world *w, bool known)
{
    double best = 0;

    for (unsigned b = 0; b < BATCHES; b++) {
        uint8_t other[MRL_STATUS_SERIAL];
        struct mrl_status found;
        size_t hits = 0;
        double start, took;

        mrl_random(other, sizeof(other));
        start = cpu_ns();
        for (size_t i = 0; i < ASKED; i++) {
            mrl_bytes asked = serial(w, i * 7919 + b);

            if (!known) {
                other[0] = (uint8_t)(i | 1);
                other[1] = (uint8_t)(i >> 8);
                other[2] = (uint8_t)(i >> 16);
                asked = mrl_bytes_of(other, sizeof(other));
            }
            mrl_rcu_read_begin();
            hits += mrl_statuses_get(w->statuses, asked, &found);
            mrl_rcu_read_end();
        }
        took = (cpu_ns() - start) / ASKED;
        must(hits == (known ? ASKED : 0), "looking up");
        if (b == 0 || took < best)
            best = took;
    }
    return best;
}

static void look_up(struct world *w)
{
    verdict("ns of a look-up, revoked", look_up_ns(w, /*known=*/true), 1000, false);
    verdict("ns of a look-up, not known", look_up_ns(w, /*known=*/false), 1000, false);
    verdict("bytes of an entry", (double)mrl_statuses_bytes(w->statuses) / (double)w->entries, 32,
            false);
}

static void list_entries(struct world *w)
{
    MRL_SCOPED(mrl_buf) out = {0};
    struct mrl_status status;
    mrl_bytes one;
    size_t at = 0;
    double start = cpu_ns();

    while (mrl_statuses_next(w->statuses, &at, &one, &status))
        must(mrl_crl_entry(one, status.revoked, status.reason, &out) == MRL_OK, "an entry");
    (void)printf("%-46s %12.1f\n", "ns of an entry of a list",
                 (cpu_ns() - start) / (double)w->entries);
    (void)printf("%-46s %12.1f\n", "bytes of an entry of a list",
                 (double)out.len / (double)w->entries);
}

/* --- does making a list let anybody wait? --- */

static atomic_bool over;

struct reader {
    struct world *world;
    long waits; /* times the thread gave up its processor by itself: for a lock, for memory */
    uint64_t looked_up;
};

static void *read_on(void *argument)
{
    struct reader *r = argument;
    struct rusage before, after;

    mrl_rcu_register();
    (void)getrusage(RUSAGE_THREAD, &before); /* cannot fail, nor below */
    for (; !atomic_load(&over); r->looked_up++) {
        struct mrl_status found;

        mrl_rcu_read_begin();
        must(mrl_statuses_get(r->world->statuses, serial(r->world, r->looked_up * 7919), &found),
             "looking up beside a builder");
        mrl_rcu_read_end();
    }
    (void)getrusage(RUSAGE_THREAD, &after);
    r->waits = after.ru_nvcsw - before.ru_nvcsw;
    return NULL;
}

/* As server/revocation/lists.c does it: entries, marks, then all of it once more in one piece. */
static void make_list(struct world *w)
{
    MRL_SCOPED(mrl_buf) entries = {0};
    MRL_SCOPED(mrl_buf) list = {0};
    struct mrl_status status;
    mrl_bytes one;
    size_t at = 0;

    while (mrl_statuses_next(w->statuses, &at, &one, &status)) {
        must(mrl_crl_entry(one, status.revoked, status.reason, &entries) == MRL_OK, "an entry");
        status.in_base = true;
        must(mrl_statuses_put(w->statuses, one, &status) == MRL_OK, "marking");
    }
    must(mrl_crl_assemble(MRL_BYTES_NONE, mrl_buf_bytes(&entries), MRL_BYTES_NONE, &list) == MRL_OK,
         "a list");
}

static void read_beside_a_builder(struct world *w)
{
    struct reader r = {.world = w};
    pthread_t thread;

    must(pthread_create(&thread, NULL, read_on, &r) == 0, "a thread");
    for (unsigned i = 0; i < BATCHES; i++)
        make_list(w);
    atomic_store(&over, true);
    must(pthread_join(thread, NULL) == 0, "joining");
    (void)printf("%-46s %12.1f\n", "look-ups while five lists are made, million",
                 (double)r.looked_up / 1e6);
    verdict("times a reader waited for the builder", (double)r.waits, 0, false);
}

static double sign_per_s(struct world *w)
{
    double start = cpu_ns();

    for (size_t i = 0; i < SIGNED; i++) {
        MRL_SCOPED(mrl_buf) signature = {0};

        must(mrl_key_sign(w->delegate, serial(w, i), &signature) == MRL_OK, "signing");
    }
    return SIGNED * (double)NS / (cpu_ns() - start);
}

static double answers_per_s(struct world *w, int64_t now)
{
    const struct mrl_status status = {.revoked = 1800000000, .expires = 1900000000};
    double start = cpu_ns();

    for (size_t i = 0; i < ANSWERS; i++) {
        MRL_SCOPED(mrl_buf) der = {0};
        struct mrl_answer_times times;

        must(mrl_answers_write(w->answers, MRL_OCSP_SHA1, serial(w, i), &status, now, &der,
                               &times) == MRL_OK,
             "answering");
    }
    return ANSWERS * (double)NS / (cpu_ns() - start);
}

static void answer(struct world *w)
{
    int64_t now = 1800000000;
    double fresh = answers_per_s(w, now), prepared = answers_per_s(w, now);

    (void)printf("%-46s %12.1f\n", "bare signatures a second, one core", sign_per_s(w));
    (void)printf("%-46s %12.1f\n", "answers a second that are signed first", fresh);
    verdict("answers a second that were signed before", prepared, 5000, true);
}

static void make_answers(struct world *w)
{
    struct mrl_answers_config config = {.life_s = 86400, .kept = ANSWERS};
    MRL_AUTO(mrl_secret) pkcs8 = NULL;
    MRL_SCOPED(mrl_buf) der = {0};
    MRL_SCOPED(mrl_buf) spki = {0};
    struct mrl_cert_profile p = {.kind = MRL_CERT_OCSP,
                                 .cn = MRL_LIT("ocsp"),
                                 .not_before = 1700000000,
                                 .not_after = 1900000000};
    struct mrl_cert_profile root = {.kind = MRL_CERT_ROOT_CA,
                                    .cn = MRL_LIT("root"),
                                    .not_before = 1700000000,
                                    .not_after = 1900000001};
    MRL_SCOPED(mrl_buf) root_der = {0};
    MRL_AUTO(mrl_key) root_key = NULL;
    MRL_AUTO(mrl_cert) root_cert = NULL;
    struct mrl_key *key;

    mrl_serial_random(p.serial);
    mrl_serial_random(root.serial);
    must(mrl_key_generate(MRL_KEY_P256, &root_key, NULL) == MRL_OK &&
             mrl_key_generate(MRL_KEY_P256, &key, NULL) == MRL_OK &&
             mrl_cert_build(&root, NULL, root_key, &root_der, NULL) == MRL_OK &&
             mrl_cert_from_der(mrl_buf_bytes(&root_der), &root_cert) == MRL_OK &&
             mrl_key_to_spki(key, &spki) == MRL_OK && mrl_key_to_pkcs8(key, &pkcs8) == MRL_OK &&
             mrl_key_from_pkcs8(mrl_secret_bytes(pkcs8), &w->delegate) == MRL_OK,
         "making keys");
    p.spki = mrl_buf_bytes(&spki);
    must(mrl_cert_build(&p, root_cert, root_key, &der, NULL) == MRL_OK &&
             mrl_ocsp_issuer_of(root_cert, &config.issuer) == MRL_OK &&
             mrl_answers_new(&config, &w->answers) == MRL_OK &&
             mrl_answers_set_responder(w->answers, key, mrl_buf_bytes(&der)) == MRL_OK,
         "making a responder");
}

int main(int argc, char **argv)
{
    struct world w = {.entries = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 1000000};

    must(w.entries >= ANSWERS, "fewer entries than answers: the count");
    mrl_rcu_register();
    w.serials = calloc(w.entries, sizeof(*w.serials));
    must(w.serials != NULL, "memory");
    w.statuses = mrl_statuses_new();
    fill(&w);
    look_up(&w);
    list_entries(&w);
    read_beside_a_builder(&w);
    make_answers(&w);
    answer(&w);
    mrl_answers_free(w.answers);
    mrl_statuses_free(w.statuses);
    mrl_key_free(w.delegate);
    free(w.serials);
    return missed ? 1 : 0;
}
