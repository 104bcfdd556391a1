/* SPDX-License-Identifier: Apache-2.0 */
/* A full disk and a process that dies at any moment. */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/random.h"
#include "tests/unit/store/fixture.h"

static const struct mrl_migration migrations[] = {
    {"test", 1, "CREATE TABLE items (id INTEGER PRIMARY KEY, body BLOB)"},
};
static const struct mrl_migration_list list = {migrations, MRL_COUNT(migrations)};

enum { BODY = 16 << 10, ROUNDS = 20, THREADS = 4 };

static mrl_err insert(struct mrl_store *s, int64_t id, size_t size)
{
    static const uint8_t body[BODY];

    return store_exec(s, "INSERT INTO items VALUES ($1, $2)",
                      MRL_ARGS(MRL_INT(id), MRL_BLOB(mrl_bytes_of(body, size))));
}

/* Writes until it fails; returns how many rows were acknowledged. */
static int64_t fill(struct mrl_store *s, mrl_err *err)
{
    int64_t id = 0;

    do
        *err = insert(s, ++id, BODY);
    while (*err == MRL_OK && id < 10000);
    return id - 1;
}

static void a_full_database_refuses_and_works_again_with_space(void **state)
{
    struct place p;
    struct mrl_store *s;
    mrl_err err = MRL_OK;
    int64_t kept;

    (void)state;
    place_make(&p);
    s = store_at(&p, &list, (struct mrl_store_options){.bytes_max = 1 << 20});
    kept = fill(s, &err);
    assert_int_equal(err, MRL_ERR_NO_SPACE);
    assert_true(kept > 10);
    assert_int_equal(store_number(s, "SELECT COUNT(*) FROM items"), kept);
    assert_ok(store_exec(s, "DELETE FROM items WHERE id <= 5", MRL_NO_ARGS));
    assert_ok(insert(s, 20000, BODY));
    assert_int_equal(store_number(s, "SELECT COUNT(*) FROM items"), kept - 4);
    mrl_store_close(s);
    place_remove(&p);
}

/* A limit on the size of files fails the write of the log itself, as a full disk does. */
static void a_full_disk_fails_the_commit_and_the_next_one_works(void **state)
{
    struct place p;
    struct mrl_store *s;
    struct rlimit before, small;
    struct mrl_store_stats stats;
    mrl_err err = MRL_OK;
    int64_t kept;

    (void)state;
    place_make(&p);
    s = store_at(&p, &list, (struct mrl_store_options){0});
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 300 << 10;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    kept = fill(s, &err);
    assert_true(mrl_store_failing(s));
    assert_int_equal(store_exec(s, "INSERT INTO nowhere VALUES (1)", MRL_NO_ARGS), MRL_ERR_INVALID);
    assert_true(mrl_store_failing(s)); /* a refusal proves nothing */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(err, MRL_ERR_NO_SPACE);
    assert_true(kept > 3);
    mrl_store_stats(s, &stats);
    assert_true(stats.failures >= 1);
    assert_int_equal(store_number(s, "SELECT COUNT(*) FROM items"), kept);
    assert_ok(insert(s, 20000, BODY));
    assert_false(mrl_store_failing(s));
    mrl_store_close(s);
    s = store_at(&p, &list, (struct mrl_store_options){0});
    assert_int_equal(store_number(s, "SELECT COUNT(*) FROM items"), kept + 1);
    mrl_store_close(s);
    place_remove(&p);
}

/* The child tells each acknowledged id through the pipe, after the acknowledgement. */
struct child {
    struct mrl_store *store;
    int pipe;
    int64_t first;
};

static void *write_and_tell(void *context)
{
    struct child *c = context;

    for (int64_t id = c->first; id < c->first + 1000000; id++) {
        if (insert(c->store, id, 200) != MRL_OK || write(c->pipe, &id, sizeof(id)) != sizeof(id))
            _exit(1);
    }
    return NULL;
}

static void run_child(const struct place *p, int pipe, int64_t base)
{
    struct mrl_store_options o = {.path = p->path, .migrations = &list, .migrations_count = 1};
    struct mrl_store *s = NULL;
    struct child children[THREADS];
    pthread_t threads[THREADS];

    if (mrl_store_open(&o, &s, NULL) != MRL_OK)
        _exit(2);
    for (int i = 0; i < THREADS; i++) {
        children[i] = (struct child){s, pipe, base + (int64_t)i * 1000000};
        if (pthread_create(&threads[i], NULL, write_and_tell, &children[i]) != 0)
            _exit(3);
    }
    (void)pause();
    _exit(4);
}

struct told {
    int64_t *ids;
    size_t count;
    size_t cap;
};

static void collect(int pipe, struct told *t)
{
    int64_t id;

    while (read(pipe, &id, sizeof(id)) == sizeof(id)) {
        if (t->count == t->cap) {
            size_t cap = t->cap == 0 ? 1024 : t->cap * 2;
            int64_t *ids = realloc(t->ids, cap * sizeof(*ids));

            assert_non_null(ids);
            t->ids = ids;
            t->cap = cap;
        }
        t->ids[t->count++] = id;
    }
}

static void kill_one_round(const struct place *p, int64_t base, struct told *t)
{
    int ends[2];
    int status = 0;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(ends[0]);
        run_child(p, ends[1], base);
    }
    (void)close(ends[1]);
    (void)usleep(20000 + mrl_random_below(60000));
    assert_int_equal(kill(pid, SIGKILL), 0);
    collect(ends[0], t);
    (void)close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static mrl_err all_told_are_there(struct mrl_tx *tx, void *context)
{
    const struct told *t = context;

    for (size_t i = 0; i < t->count; i++) {
        MRL_AUTO(mrl_rows) rows = NULL;

        MRL_TRY(mrl_tx_query_one(tx, "SELECT 1 FROM items WHERE id = $1",
                                 MRL_ARGS(MRL_INT(t->ids[i])), &rows));
    }
    return MRL_OK;
}

static void what_was_acknowledged_survives_kill_9(void **state)
{
    struct place p;
    struct mrl_store *s;
    struct told t = {0};

    (void)state;
    place_make(&p);
    for (int64_t round = 0; round < ROUNDS; round++) {
        kill_one_round(&p, (round + 1) * 10000000, &t);
        s = store_at(&p, &list, (struct mrl_store_options){.readers = 1});
        assert_ok(mrl_store_read(s, all_told_are_there, &t));
        mrl_store_close(s);
    }
    assert_true(t.count > ROUNDS);
    free(t.ids);
    place_remove(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_database_refuses_and_works_again_with_space),
        cmocka_unit_test(a_full_disk_fails_the_commit_and_the_next_one_works),
        cmocka_unit_test(what_was_acknowledged_survives_kill_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
