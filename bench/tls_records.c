/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time of one record of an open TLS 1.3 connection through net/tls: with our own record layer
 * and with OpenSSL's, by turns, in this process, on BIOs in memory. "busy": one connection all the
 * time; "many": a thousand by turns, so that no key is set up any more when it is needed. Prints
 * `ratio R (budget B)` last: the worst of both directions and all sizes; exit 1 above the budget.
 * usage: tls_records [batches] [records a batch] */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/net/tls_pair.h"

enum { MANY = 1000, NS = 1000000000, LARGEST = MRL_TLS_RECORD };
static const double budget = 1.1;
static const size_t sizes[] = {64, 256, 1024, LARGEST};

static void must(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "tls_records: %s failed\n", what);
    _exit(2);
}

static double cpu_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* exists on every Linux */
    return ((double)t.tv_sec * NS + (double)t.tv_nsec) / 1000;
}

/* The connections of one server context; the first pair owns the contexts. */
struct fleet {
    struct tls_pair pairs[MANY];
};

static void connect_fleet(struct fleet *f, const struct pki *pki, bool keep_library)
{
    const struct tls_pair_options o = {.keep_library = keep_library,
                                       .suites = "TLS_AES_128_GCM_SHA256"};

    tls_pair_init(&f->pairs[0], pki, &o);
    for (size_t i = 0; i < MANY; i++) {
        if (i > 0)
            f->pairs[i] = (struct tls_pair){.server_context = f->pairs[0].server_context,
                                            .client_context = f->pairs[0].client_context};
        tls_pair_dial(&f->pairs[i], NULL);
        must(tls_pair_shake(&f->pairs[i]), "handshake");
    }
}

static void free_fleet(struct fleet *f)
{
    for (size_t i = MANY - 1; i > 0; i--)
        tls_pair_hang_up(&f->pairs[i]);
    tls_pair_done(&f->pairs[0]);
}

static uint8_t text[LARGEST];

static void write_one(struct tls_pair *p, size_t size)
{
    size_t written;

    must(mrl_tls_write(p->server, mrl_bytes_of(text, size), &written) == MRL_OK, "write");
}

static void read_one(struct tls_pair *p, size_t size, struct mrl_buf *in)
{
    must(mrl_tls_read(p->server, in, MRL_TLS_READ) == MRL_OK && in->len == size, "read");
    mrl_buf_clear(in);
}

struct cost {
    double write, read;
};

/* connections of them by turns. */
static struct cost batch(struct fleet *f, size_t connections, size_t size, size_t records)
{
    struct cost c = {0};
    MRL_SCOPED(mrl_buf) in = {0};

    for (size_t done = 0; done < records; done += connections) {
        double start;

        for (size_t i = 0; i < connections; i++) {
            must(SSL_write(f->pairs[i].client, text, (int)size) == (int)size, "client");
            (void)tls_pair_move_up(&f->pairs[i], SIZE_MAX);
        }
        start = cpu_us();
        for (size_t i = 0; i < connections; i++)
            read_one(&f->pairs[i], size, &in);
        c.read += cpu_us() - start;
        start = cpu_us();
        for (size_t i = 0; i < connections; i++)
            write_one(&f->pairs[i], size);
        c.write += cpu_us() - start;
        for (size_t i = 0; i < connections; i++)
            (void)BIO_reset(f->pairs[i].down); /* nobody reads it */
    }
    return (struct cost){c.write / (double)records, c.read / (double)records};
}

static void keep_best(struct cost *best, struct cost c)
{
    if (best->write <= 0 || c.write < best->write)
        best->write = c.write;
    if (best->read <= 0 || c.read < best->read)
        best->read = c.read;
}

/* One read and one write of the clock for each record would be a tenth of it: a batch of a busy
 * connection is timed record by record, so what the clock costs is taken off. */
static double clock_us(void)
{
    enum { TIMES = 100000 };
    double start = cpu_us();

    for (int i = 0; i < TIMES; i++)
        (void)cpu_us();
    return (cpu_us() - start) / TIMES;
}

static double compare(struct fleet *own, struct fleet *library, size_t connections, size_t size,
                      size_t batches, size_t records)
{
    struct cost ours = {0}, theirs = {0};
    double off = clock_us() / (double)connections;
    double write, read;

    for (size_t i = 0; i < batches; i++) {
        keep_best(&ours, batch(own, connections, size, records));
        keep_best(&theirs, batch(library, connections, size, records));
    }
    write = (ours.write - off) / (theirs.write - off);
    read = (ours.read - off) / (theirs.read - off);
    printf("%-4s %5zu bytes: write %.2f us (OpenSSL %.2f, ratio %.2f), read %.2f us (OpenSSL %.2f, "
           "ratio %.2f)\n",
           connections == 1 ? "busy" : "many", size, ours.write - off, theirs.write - off, write,
           ours.read - off, theirs.read - off, read);
    return write > read ? write : read;
}

int main(int argc, char **argv)
{
    static struct fleet own, library;
    struct pki pki;
    uint64_t batches = 9, records = 4000;
    double worst = 0;

    must((argc < 2 || mrl_bytes_to_u64(mrl_str(argv[1]), 10000, &batches)) &&
             (argc < 3 || mrl_bytes_to_u64(mrl_str(argv[2]), 1000000, &records)) && batches > 0 &&
             records >= MANY,
         "reading the arguments");
    pki_init(&pki);
    connect_fleet(&own, &pki, /*keep_library=*/false);
    connect_fleet(&library, &pki, /*keep_library=*/true);
    for (size_t i = 0; i < 2 * MRL_COUNT(sizes); i++) {
        double ratio = compare(&own, &library, i < MRL_COUNT(sizes) ? 1 : MANY,
                               sizes[i % MRL_COUNT(sizes)], batches, records / MANY * MANY);

        worst = ratio > worst ? ratio : worst;
    }
    printf("ratio %.2f (budget %.2f)\n", worst, budget);
    free_fleet(&own);
    free_fleet(&library);
    pki_done(&pki);
    return worst <= budget ? 0 : 1;
}
