/* SPDX-License-Identifier: Apache-2.0 */
/* What the audit log costs, at several sizes of one log that grows in a folder of its own:
 *   - entries a second, in batches, everything of the log included: text, sealed openings, tiles,
 *     index, checkpoints signed by an Ed25519 key of this process;
 *   - audited operations a second, each durable before it is answered, many submitters at once;
 *   - CPU of an append, the time of a proof and of opening the log.
 * The yardsticks of the same run: SHA-256 of an entry, and an fsync of a file.
 * usage: bench_audit_log [ENTRIES [FOLDER]] */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit/checkpoint.h"
#include "audit/publish.h"
#include "base/random.h"
#include "store/seal.h"
#include "store/store.h"

enum {
    BATCH = 4096, /* entries of a batched write job */
    PROOFS = 200, /* at each size */
    OPERATIONS = 20000,
    SUBMITTERS = 64, /* operations in flight */
    SAMPLE = 614400, /* entries whose cost is measured at a size */
    ROUNDS = 5,
    ROUND = SAMPLE / ROUNDS,
};

struct bench;
/* As in the daemon: checkpoints are made beside the writer. */
struct checkpointer {
    struct bench *bench;
    pthread_t thread;
    atomic_bool stop;
};

struct bench {
    struct checkpointer checkpointer;
    char folder[128], path[192];
    struct mrl_store *store;
    struct mrl_sealer *sealer;
    struct mrl_audit *audit;
    struct mrl_key *key;
    uint8_t public_key[32];
    uint64_t size;
};

static void check(mrl_err err, const char *what)
{
    if (err == MRL_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, mrl_err_name(err));
    exit(2);
}

static double seconds(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t); /* always there */
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double now(void)
{
    return seconds(CLOCK_MONOTONIC);
}

static double cpu(void)
{
    return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

/* --- the log --- */

static mrl_err sign(void *context, const struct mrl_audit_signing *what,
                    uint8_t signature[static MRL_AUDIT_SIGNATURE], struct mrl_why *why)
{
    const struct bench *b = context;
    const struct mrl_checkpoint c = {MRL_LIT("bench/merlon-audit"), what->size, what->root};
    char memory[MRL_CHECKPOINT_TEXT_MAX];
    MRL_SCOPED(mrl_buf) bytes = {0};
    mrl_bytes text;

    (void)why;
    MRL_TRY(mrl_checkpoint_text(&c, memory, &text));
    MRL_TRY(mrl_key_sign(b->key, text, &bytes));
    memcpy(signature, bytes.data, MRL_AUDIT_SIGNATURE);
    return MRL_OK;
}

static void make_keys(struct bench *b)
{
    MRL_SCOPED(mrl_buf) spki = {0};

    check(mrl_key_generate(MRL_KEY_ED25519, &b->key, NULL), "key");
    check(mrl_key_to_spki(b->key, &spki), "key");
    memcpy(b->public_key, &spki.data[spki.len - sizeof(b->public_key)], sizeof(b->public_key));
    b->sealer = mrl_sealer_new(/*options=*/NULL);
    check(mrl_sealer_add(b->sealer, 1, mrl_secret_new(MRL_SEAL_KEY)), "sealer");
}

static void open_log(struct bench *b)
{
    const struct mrl_store_options o = {
        .path = b->path, .migrations = &mrl_audit_migrations, .migrations_count = 1};
    const struct mrl_audit_options options = {
        .node = MRL_LIT("bench"),
        .sealer = b->sealer,
        .origin = MRL_LIT("bench/merlon-audit"),
        .public_key = mrl_bytes_of(b->public_key, sizeof(b->public_key))};
    struct mrl_why why = {""};

    if (mrl_store_open(&o, &b->store, &why) != MRL_OK) {
        (void)fprintf(stderr, "%s\n", why.text);
        exit(2);
    }
    check(mrl_audit_new(b->store, &options, &b->audit), "log");
}

static void close_log(struct bench *b)
{
    mrl_audit_free(b->audit);
    mrl_store_close(b->store);
}

/* What a connection leaves: about 330 bytes of text, one of ten thousand devices. */
struct event {
    struct mrl_audit_event event;
    char device[16], source[32], request[20];
    struct mrl_audit_detail details[2];
};

static void make_event(struct event *e, uint64_t n)
{
    unsigned device = (unsigned)(n * 7919 % 10000);

    (void)snprintf(e->device, sizeof(e->device), "pump-%04u", device);
    (void)snprintf(e->source, sizeof(e->source), "192.0.2.%u:%u", device % 250, 1024 + device);
    (void)snprintf(e->request, sizeof(e->request), "%016llx", (unsigned long long)n);
    e->details[0] = MRL_AUDIT_TEXT("client_id", mrl_str(e->device));
    e->details[1] = MRL_AUDIT_TEXT("tls", MRL_LIT("TLSv1.3"));
    e->event = (struct mrl_audit_event){
        .action = MRL_AUDIT_CONNECTION_OPENED,
        .actor = {.kind = MRL_ACTOR_DEVICE,
                  .id = mrl_str(e->device),
                  .auth = MRL_LIT("certificate:b64db90744cb17f5e900ae0b268b2101")},
        .source = mrl_str(e->source),
        .target = mrl_str(e->device),
        .request = mrl_str(e->request),
        .details = e->details,
        .details_count = MRL_COUNT(e->details)};
}

struct batch {
    struct mrl_write write;
    struct mrl_audit_event *events;
    size_t count;
};

static mrl_err run_batch(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct batch *b = MRL_CONTAINER(w, struct batch, write);

    return mrl_audit_append_many(tx, b->events, b->count, NULL);
}

static void checkpoint(struct bench *b)
{
    check(mrl_audit_checkpoint(b->audit, sign, b, NULL), "checkpoint");
}

static void *checkpoint_until_stopped(void *context)
{
    struct checkpointer *c = context;

    while (!atomic_load(&c->stop)) {
        if (mrl_audit_checkpoint_due(c->bench->audit))
            checkpoint(c->bench);
        else
            (void)usleep(1000); /* a nap: what woke us does not matter */
    }
    return NULL;
}

static void start_checkpointer(struct bench *b)
{
    b->checkpointer.bench = b;
    atomic_store(&b->checkpointer.stop, false);
    if (pthread_create(&b->checkpointer.thread, NULL, checkpoint_until_stopped, &b->checkpointer) !=
        0)
        abort();
}

/* Everything that was appended is covered when this returns. */
static void stop_checkpointer(struct bench *b)
{
    atomic_store(&b->checkpointer.stop, true);
    (void)pthread_join(b->checkpointer.thread, NULL);
    checkpoint(b);
}

static void grow(struct bench *b, uint64_t to)
{
    struct event *made = calloc(BATCH, sizeof(*made));
    struct mrl_audit_event *events = calloc(BATCH, sizeof(*events));
    struct batch batch = {.write.run = run_batch, .events = events};

    if (made == NULL || events == NULL)
        abort();
    start_checkpointer(b);
    while (b->size < to) {
        batch.count = to - b->size < BATCH ? (size_t)(to - b->size) : BATCH;
        for (size_t i = 0; i < batch.count; i++) {
            make_event(&made[i], b->size + i);
            events[i] = made[i].event;
        }
        check(mrl_store_write(b->store, &batch.write), "append");
        b->size += batch.count;
    }
    stop_checkpointer(b);
    free(made);
    free(events);
}

/* --- what is measured --- */

struct cost {
    double append_us;  /* CPU of an entry, checkpoint included; best of ROUNDS */
    double per_second; /* wall, the same round */
    double proof_ms, slowest_proof_ms, open_ms;
};

static void measure_append(struct bench *b, struct cost *c)
{
    c->append_us = 1e9;
    for (int i = 0; i < ROUNDS; i++) {
        double wall = now(), used = cpu();

        grow(b, b->size + ROUND);
        used = (cpu() - used) * 1e6 / ROUND;
        if (used >= c->append_us)
            continue;
        c->append_us = used;
        c->per_second = ROUND / (now() - wall);
    }
}

struct ask {
    uint64_t seq;
    struct mrl_buf out;
};

static mrl_err run_proof(struct mrl_tx *tx, void *context)
{
    struct ask *a = context;

    mrl_buf_clear(&a->out);
    return mrl_audit_prove(tx, a->seq, /*reveal=*/false, &a->out, NULL);
}

static void measure_proofs(struct bench *b, struct cost *c)
{
    struct ask a = {.seq = 0};
    double sum = 0;

    c->slowest_proof_ms = 0;
    for (int i = 0; i < PROOFS; i++) {
        double start = now(), took;

        a.seq = 1 + mrl_random_below((uint32_t)b->size);
        check(mrl_store_read(b->store, run_proof, &a), "proof");
        took = (now() - start) * 1e3;
        sum += took;
        c->slowest_proof_ms = took > c->slowest_proof_ms ? took : c->slowest_proof_ms;
    }
    c->proof_ms = sum / PROOFS;
    mrl_buf_done(&a.out);
}

/* Opening and the first checkpoint after it, which loads the edge. */
static void measure_open(struct bench *b, struct cost *c)
{
    double start;

    close_log(b);
    start = now();
    open_log(b);
    grow(b, b->size + 1);
    c->open_ms = (now() - start) * 1e3;
}

static struct cost measure(struct bench *b, uint64_t size)
{
    struct cost c = {0};

    grow(b, size);
    measure_append(b, &c);
    measure_proofs(b, &c);
    measure_open(b, &c);
    (void)printf(
        "%10llu entries: append %.2f us CPU (%.0f entries/s), proof %.2f ms (slowest %.2f), "
        "open %.1f ms\n",
        (unsigned long long)size, c.append_us, c.per_second, c.proof_ms, c.slowest_proof_ms,
        c.open_ms);
    (void)fflush(stdout);
    return c;
}

/* --- durable operations --- */

struct operation {
    struct event made;
    sem_t *room;
};

static void operation_done(void *context, mrl_err result)
{
    struct operation *o = context;

    check(result, "operation");
    (void)sem_post(o->room); /* far below the most */
}

/* SUBMITTERS wait for their own entry to be on the disk before the next one. */
static double operations_per_second(struct bench *b)
{
    struct operation *all = calloc(SUBMITTERS, sizeof(*all));
    sem_t room;
    double start = now();

    if (all == NULL || sem_init(&room, 0, SUBMITTERS) != 0)
        abort();
    start_checkpointer(b);
    for (unsigned n = 0; n < OPERATIONS; n++) {
        struct operation *o = &all[n % SUBMITTERS];

        while (sem_wait(&room) != 0)
            continue; /* interrupted */
        make_event(&o->made, n);
        o->room = &room;
        mrl_audit_record(b->audit, &o->made.event, operation_done, o);
    }
    for (unsigned n = 0; n < SUBMITTERS; n++)
        while (sem_wait(&room) != 0)
            continue;
    start = now() - start;
    stop_checkpointer(b);
    (void)sem_destroy(&room);
    free(all);
    b->size += OPERATIONS;
    return OPERATIONS / start;
}

/* --- yardsticks --- */

static double hash_us(void)
{
    uint8_t entry[330] = {0}, out[MRL_SHA256_SIZE];
    double start = cpu();

    for (int i = 0; i < 100000; i++)
        check(mrl_sha256(mrl_bytes_of(entry, sizeof(entry)), out), "hash");
    return (cpu() - start) * 1e6 / 100000;
}

static double fsyncs_per_second(const struct bench *b)
{
    enum { TIMES = 500 };
    char path[224], block[512] = {0};
    double start;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/fsync", b->folder);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    start = now();
    for (int i = 0; i < TIMES; i++)
        if (write(fd, block, sizeof(block)) != (ssize_t)sizeof(block) || fdatasync(fd) != 0)
            check(MRL_ERR_IO, "fsync");
    start = now() - start;
    (void)close(fd);
    (void)unlink(path);
    return TIMES / start;
}

/* --- all of it --- */

static void make_folder(struct bench *b, const char *under)
{
    int len = snprintf(b->folder, sizeof(b->folder), "%s/merlon-bench-XXXXXX", under);

    if (len < 0 || (size_t)len >= sizeof(b->folder) || mkdtemp(b->folder) == NULL) {
        perror(b->folder);
        exit(2);
    }
    (void)snprintf(b->path, sizeof(b->path), "%s/merlon.db", b->folder);
}

static void remove_folder(const struct bench *b)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    char name[224];

    for (size_t i = 0; i < MRL_COUNT(ends); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", b->path, ends[i]);
        (void)unlink(name); /* some are gone already */
    }
    (void)rmdir(b->folder);
}

static int judge(const char *what, double value, double budget, bool at_least)
{
    bool held = at_least ? value >= budget : value <= budget;

    (void)printf("%-44s %10.2f  (%s %.2f: %s)\n", what, value, at_least ? "at least" : "at most",
                 budget, held ? "held" : "MISSED");
    return held ? 0 : 1;
}

int main(int argc, char **argv)
{
    uint64_t largest = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    struct bench b = {.size = 0};
    struct cost small, large;
    double operations;
    int missed = 0;

    make_folder(&b, argc > 2 ? argv[2] : "/tmp");
    make_keys(&b);
    open_log(&b);
    (void)printf("yardsticks: SHA-256 of an entry %.2f us, %.0f fsyncs/s\n", hash_us(),
                 fsyncs_per_second(&b));
    small = measure(&b, 10000);
    operations = operations_per_second(&b);
    large = measure(&b, largest);
    close_log(&b);
    remove_folder(&b);
    mrl_sealer_free(b.sealer);
    mrl_key_free(b.key);
    missed |= judge("durable audited operations/s", operations, 5000, /*at_least=*/true);
    missed |= judge("entries/s in batches", large.per_second, 200000, /*at_least=*/true);
    missed |=
        judge("proof of any entry, slowest, ms", large.slowest_proof_ms, 5, /*at_least=*/false);
    missed |= judge("opening, ms, against the small log", large.open_ms / small.open_ms, 2,
                    /*at_least=*/false);
    missed |= judge("append, CPU, against the small log", large.append_us / small.append_us, 1.2,
                    /*at_least=*/false);
    return missed;
}
