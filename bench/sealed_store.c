/* SPDX-License-Identifier: Apache-2.0 */
/* What sealing costs: rows as queued messages have them, with a payload of 300 bytes, stored and
 * read through the store, sealed and plain by turns, in CPU time of the process; best of several
 * rounds. usage: bench_sealed_store [ROUNDS [ROWS [IN_FLIGHT]]] */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/random.h"
#include "store/seal.h"
#include "store/store.h"

enum { VALUE = 300, ROUNDS = 9, ROWS = 20480, IN_FLIGHT = 512, SESSIONS = 1000, NAME = 24 };
static const double budget = 1.15;

static const struct mrl_migration migrations[] = {
    {"bench", 1,
#define COLUMNS                                                                       \
    "(session TEXT NOT NULL, seq INTEGER NOT NULL, topic TEXT NOT NULL, qos INTEGER " \
    "NOT NULL, expires INTEGER NOT NULL, v BLOB NOT NULL, PRIMARY KEY (session, seq));"
     "CREATE TABLE plain " COLUMNS "CREATE TABLE sealed " COLUMNS},
};

struct bench {
    struct mrl_store *store;
    struct mrl_sealer *sealer;
    char folder[64];
    int64_t rows; /* of a round */
    int64_t in_flight;
    int64_t next; /* id */
    uint8_t value[VALUE];
};

static void check(mrl_err err, const char *what)
{
    if (err == MRL_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, mrl_err_name(err));
    exit(2);
}

static double cpu_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* always there */
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* The key of a row, and how seal.h wants it: "17/session-0042". */
struct key {
    char row[NAME + MRL_SEAL_NUMBER_MAX];
    mrl_bytes whole;
    mrl_bytes session;
    int64_t seq;
};

static void make_key(int64_t id, struct key *k)
{
    char memory[MRL_SEAL_NUMBER_MAX];
    mrl_bytes number;

    k->seq = id / SESSIONS;
    number = mrl_seal_row_number(k->seq, memory);
    memcpy(k->row, number.data, number.len);
    (void)snprintf(&k->row[number.len], NAME, "/session-%04d", (int)(id * 7919 % SESSIONS));
    k->whole = mrl_str(k->row);
    k->session = mrl_bytes_sub(k->whole, number.len + 1, k->whole.len);
}

/* --- storing --- */

struct insert {
    struct mrl_write write;
    struct bench *b;
    int64_t id;
    bool seals;
    sem_t *room;
    struct mrl_buf envelope;
};

static mrl_err run_insert(struct mrl_tx *tx, struct mrl_write *w)
{
    struct insert *i = MRL_CONTAINER(w, struct insert, write);
    mrl_bytes value = mrl_bytes_of(i->b->value, VALUE);
    struct mrl_seal_place at = {"sealed", "v", MRL_BYTES_NONE};
    struct key k;

    make_key(i->id, &k);
    at.row = k.whole;
    mrl_buf_clear(&i->envelope);
    if (i->seals) {
        MRL_TRY(mrl_seal(i->b->sealer, &at, value, &i->envelope));
        value = mrl_buf_bytes(&i->envelope);
    }
    return mrl_tx_exec(tx,
                       i->seals ? "INSERT INTO sealed VALUES ($1, $2, $3, 1, 0, $4)"
                                : "INSERT INTO plain VALUES ($1, $2, $3, 1, 0, $4)",
                       MRL_ARGS(MRL_TEXT(k.session), MRL_INT(k.seq),
                                MRL_TEXT(MRL_LIT("devices/pump-7/telemetry")), MRL_BLOB(value)),
                       NULL);
}

static void done_insert(struct mrl_write *w, mrl_err result)
{
    check(result, "insert");
    (void)sem_post(MRL_CONTAINER(w, struct insert, write)->room); /* far below the most */
}

static void take(sem_t *s)
{
    while (sem_wait(s) != 0)
        continue; /* interrupted */
}

/* So many submit together and wait for their commit together. */
static double store_round(struct bench *b, bool seals)
{
    struct insert *jobs = calloc((size_t)b->in_flight, sizeof(*jobs));
    double start = cpu_us(), used;
    sem_t room;

    if (jobs == NULL || sem_init(&room, 0, (unsigned)b->in_flight) != 0)
        abort();
    for (int64_t done = 0; done < b->rows; done += b->in_flight) {
        for (int64_t n = 0; n < b->in_flight; n++) {
            take(&room);
            jobs[n].write = (struct mrl_write){.run = run_insert, .done = done_insert};
            jobs[n].b = b;
            jobs[n].id = b->next + done + n;
            jobs[n].seals = seals;
            jobs[n].room = &room;
            mrl_store_submit(b->store, &jobs[n].write);
        }
        for (int64_t n = 0; n < b->in_flight; n++)
            take(&room);
        for (int64_t n = 0; n < b->in_flight; n++)
            (void)sem_post(&room); /* far below the most */
    }
    used = cpu_us() - start;
    for (int64_t n = 0; n < b->in_flight; n++)
        mrl_buf_done(&jobs[n].envelope);
    free(jobs);
    (void)sem_destroy(&room);
    return used / (double)b->rows;
}

/* --- reading --- */

struct fetch {
    struct bench *b;
    int64_t id;
    bool seals;
    struct mrl_buf plain;
};

static mrl_err run_fetch(struct mrl_tx *tx, void *context)
{
    struct fetch *f = context;
    struct mrl_seal_place at = {"sealed", "v", MRL_BYTES_NONE};
    MRL_AUTO(mrl_rows) rows = NULL;
    struct key k;

    make_key(f->id, &k);
    at.row = k.whole;
    MRL_TRY(mrl_tx_query_one(
        tx,
        f->seals ? "SELECT v, topic, qos, expires FROM sealed WHERE session = $1 AND seq = $2"
                 : "SELECT v, topic, qos, expires FROM plain WHERE session = $1 AND seq = $2",
        MRL_ARGS(MRL_TEXT(k.session), MRL_INT(k.seq)), &rows));
    mrl_buf_clear(&f->plain);
    if (f->seals)
        return mrl_unseal(f->b->sealer, &at, mrl_row_bytes(rows, 0), &f->plain, NULL);
    return mrl_buf_append(&f->plain, mrl_row_bytes(rows, 0));
}

static double fetch_round(struct bench *b, bool seals)
{
    struct fetch f = {.b = b, .seals = seals};
    double start = cpu_us(), used;

    for (int64_t i = 0; i < b->rows; i++) {
        f.id = b->next + (i * 7919) % b->rows; /* not in order */
        check(mrl_store_read(b->store, run_fetch, &f), "read");
        if (f.plain.len != VALUE || memcmp(f.plain.data, b->value, VALUE) != 0)
            check(MRL_ERR_CORRUPT, "read");
    }
    used = cpu_us() - start;
    mrl_buf_done(&f.plain);
    return used / (double)b->rows;
}

/* --- the comparison --- */

static void open_bench(struct bench *b)
{
    const struct mrl_migration_list list = {migrations, MRL_COUNT(migrations)};
    struct mrl_secret *key = mrl_secret_new(MRL_SEAL_KEY);
    char path[96];
    const struct mrl_store_options o = {.path = path, .migrations = &list, .migrations_count = 1};

    (void)snprintf(b->folder, sizeof(b->folder), "/tmp/merlon-bench-XXXXXX");
    if (mkdtemp(b->folder) == NULL)
        check(MRL_ERR_IO, "mkdtemp");
    (void)snprintf(path, sizeof(path), "%s/bench.db", b->folder);
    check(mrl_store_open(&o, &b->store, NULL), "open");
    mrl_random(mrl_secret_data(key), MRL_SEAL_KEY);
    mrl_random(b->value, sizeof(b->value));
    b->sealer = mrl_sealer_new(/*options=*/NULL);
    check(mrl_sealer_add(b->sealer, 1, key), "key");
}

static void close_bench(struct bench *b)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    char path[96];

    mrl_store_close(b->store);
    mrl_sealer_free(b->sealer);
    for (size_t i = 0; i < MRL_COUNT(ends); i++) {
        (void)snprintf(path, sizeof(path), "%s/bench.db%s", b->folder, ends[i]);
        (void)unlink(path); /* what is not there need not go */
    }
    (void)rmdir(b->folder);
}

struct best {
    double plain;
    double sealed;
};

static void keep(double *best, double now)
{
    if (*best == 0 || now < *best)
        *best = now;
}

static bool report(const char *what, const struct best *best)
{
    double ratio = best->sealed / best->plain;

    (void)printf("%-6s plain %6.2f us  sealed %6.2f us  ratio %.3f (budget %.2f)\n", what,
                 best->plain, best->sealed, ratio, budget);
    return ratio <= budget;
}

int main(int argc, char **argv)
{
    long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS;
    struct bench b = {.rows = argc > 2 ? strtol(argv[2], NULL, 10) : ROWS,
                      .in_flight = argc > 3 ? strtol(argv[3], NULL, 10) : IN_FLIGHT};
    struct best store = {0}, fetch = {0};
    bool store_ok, fetch_ok;

    if (rounds < 1 || b.in_flight < 1 || b.rows < b.in_flight) {
        (void)fprintf(stderr, "usage: %s [ROUNDS [ROWS [IN_FLIGHT]]]\n", argv[0]);
        return 2;
    }
    b.rows = b.rows / b.in_flight * b.in_flight;
    open_bench(&b);
    for (long r = 0; r < rounds; r++, b.next += b.rows) {
        bool sealed_first = r % 2 == 1; /* neither always comes after the other's checkpoint */

        keep(sealed_first ? &store.sealed : &store.plain, store_round(&b, sealed_first));
        keep(sealed_first ? &store.plain : &store.sealed, store_round(&b, !sealed_first));
        keep(&fetch.plain, fetch_round(&b, /*seals=*/false));
        keep(&fetch.sealed, fetch_round(&b, /*seals=*/true));
    }
    close_bench(&b);
    store_ok = report("store", &store);
    fetch_ok = report("read", &fetch);
    return store_ok && fetch_ok ? 0 : 1;
}
