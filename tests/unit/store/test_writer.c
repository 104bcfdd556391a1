/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#include "tests/unit/store/fixture.h"

static const struct mrl_migration migrations[] = {
    {"test", 1,
     "CREATE TABLE items (id INTEGER PRIMARY KEY, thread INTEGER, body BLOB);"
     "CREATE TABLE pairs (id INTEGER PRIMARY KEY, a INTEGER, b INTEGER);"
     "INSERT INTO pairs VALUES (1, 0, 0);"},
};
static const struct mrl_migration_list list = {migrations, MRL_COUNT(migrations)};

enum { THREADS = 8, JOBS = 250 };

/* What the callbacks of a test write down; the writer thread only. */
struct diary {
    int order[64];
    size_t count;
    sem_t gate;
    sem_t all_done;
};

static void diary_open(struct diary *d)
{
    assert_int_equal(sem_init(&d->gate, 0, 0), 0);
    assert_int_equal(sem_init(&d->all_done, 0, 0), 0);
}

static void diary_close(struct diary *d)
{
    assert_int_equal(sem_destroy(&d->gate), 0);
    assert_int_equal(sem_destroy(&d->all_done), 0);
}

struct item_job {
    struct mrl_write write;
    struct diary *diary;
    int id;
    mrl_err fail_with; /* after writing */
    bool ignore_error;
    bool keep_rows;
    mrl_err result;
    struct mrl_why why;
};

static mrl_err insert_item(struct mrl_tx *tx, struct mrl_write *w)
{
    struct item_job *j = MRL_CONTAINER(w, struct item_job, write);
    struct mrl_rows *left_open = NULL;
    mrl_err err =
        mrl_tx_exec(tx, "INSERT INTO items VALUES ($1, 0, NULL)", MRL_ARGS(MRL_INT(j->id)), NULL);

    if (j->keep_rows)
        MRL_TRY(mrl_tx_query_one(tx, "SELECT id FROM items", MRL_NO_ARGS, &left_open));
    if (j->ignore_error)
        return MRL_OK;
    return err != MRL_OK ? err : j->fail_with;
}

static void note_committed(struct mrl_write *w)
{
    struct item_job *j = MRL_CONTAINER(w, struct item_job, write);

    j->diary->order[j->diary->count++] = j->id;
}

static void note_done(struct mrl_write *w, mrl_err result)
{
    struct item_job *j = MRL_CONTAINER(w, struct item_job, write);

    j->result = result;
    j->diary->order[j->diary->count++] = -j->id;
    (void)sem_post(&j->diary->all_done);
}

static void submit_item(struct mrl_store *s, struct item_job *j, struct diary *d, int id)
{
    j->write = (struct mrl_write){
        .run = insert_item, .committed = note_committed, .done = note_done, .why = &j->why};
    j->diary = d;
    j->id = id;
    mrl_store_submit(s, &j->write);
}

static mrl_err wait_for_post(struct mrl_tx *tx, struct mrl_write *w)
{
    struct item_job *j = MRL_CONTAINER(w, struct item_job, write);

    (void)tx;
    (void)sem_wait(&j->diary->gate);
    return MRL_OK;
}

/* Keeps the writer busy until the gate is posted, so that what follows becomes one group. */
static void submit_gate(struct mrl_store *s, struct item_job *gate, struct diary *d)
{
    gate->diary = d;
    gate->write = (struct mrl_write){.run = wait_for_post};
    mrl_store_submit(s, &gate->write);
}

static void *write_items(void *context)
{
    struct mrl_store *s = context;
    static _Atomic int next_thread;
    int thread = next_thread++;

    for (int i = 0; i < JOBS; i++) {
        int64_t id = (int64_t)thread * JOBS + i + 1;

        assert_ok(store_exec(s, "INSERT INTO items VALUES ($1, $2, $3)",
                             MRL_ARGS(MRL_INT(id), MRL_INT(thread), MRL_BLOB(MRL_LIT("body")))));
    }
    return NULL;
}

static void many_threads_share_few_commits_and_all_is_durable(void **state)
{
    struct place p;
    struct mrl_store *s;
    struct mrl_store_stats stats;
    pthread_t threads[THREADS];

    (void)state;
    place_make(&p);
    s = store_at(&p, &list, (struct mrl_store_options){0});
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_items, s), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    mrl_store_stats(s, &stats);
    assert_int_equal(stats.jobs, THREADS * JOBS);
    assert_true(stats.commits < THREADS * JOBS / 2);
    assert_int_equal(mrl_store_backlog(s), 0);
    mrl_store_close(s);
    s = store_at(&p, &list, (struct mrl_store_options){0});
    assert_int_equal(store_number(s, "SELECT COUNT(*) FROM items"), THREADS * JOBS);
    mrl_store_close(s);
    place_remove(&p);
}

static void a_failing_job_takes_back_only_its_own_effects(void **state)
{
    struct place p;
    struct mrl_store *s;
    struct diary d = {.count = 0};
    struct item_job gate = {0}, jobs[6] = {0};
    struct mrl_store_stats stats;

    (void)state;
    place_make(&p);
    s = store_at(&p, &list, (struct mrl_store_options){0});
    diary_open(&d);
    submit_gate(s, &gate, &d);
    jobs[1].fail_with = MRL_ERR_DENIED;
    jobs[3].ignore_error = true;
    jobs[4].keep_rows = true;
    submit_item(s, &jobs[0], &d, 1);
    submit_item(s, &jobs[1], &d, 2);
    submit_item(s, &jobs[2], &d, 1); /* taken already */
    submit_item(s, &jobs[3], &d, 1); /* the same, and its callback does not look */
    submit_item(s, &jobs[4], &d, 4); /* leaves its rows open */
    submit_item(s, &jobs[5], &d, 5);
    (void)sem_post(&d.gate);
    for (int i = 0; i < 6; i++)
        (void)sem_wait(&d.all_done);
    assert_int_equal(jobs[0].result, MRL_OK);
    assert_int_equal(jobs[1].result, MRL_ERR_DENIED);
    assert_int_equal(jobs[2].result, MRL_ERR_EXISTS);
    assert_non_null(strstr(jobs[2].why.text, "UNIQUE"));
    assert_int_equal(jobs[3].result, MRL_ERR_EXISTS);
    assert_int_equal(jobs[4].result, MRL_OK);
    assert_int_equal(jobs[5].result, MRL_OK);
    assert_int_equal(store_number(s, "SELECT SUM(id) FROM items"), 1 + 4 + 5);
    mrl_store_stats(s, &stats);
    assert_true(stats.commits <= 3); /* the six were one or two groups */
    mrl_store_close(s);
    diary_close(&d);
    place_remove(&p);
}

static void callbacks_come_in_order_and_done_last(void **state)
{
    static const int expected[] = {1, -1, -2, 3, -3};
    struct place p;
    struct mrl_store *s;
    struct diary d = {.count = 0};
    struct item_job gate = {0}, jobs[3] = {{.id = 0}, {.fail_with = MRL_ERR_STATE}, {.id = 0}};

    (void)state;
    place_make(&p);
    s = store_at(&p, &list, (struct mrl_store_options){0});
    diary_open(&d);
    submit_gate(s, &gate, &d);
    for (int i = 0; i < 3; i++)
        submit_item(s, &jobs[i], &d, i + 1);
    (void)sem_post(&d.gate);
    mrl_store_close(s); /* runs what is queued */
    assert_int_equal(d.count, MRL_COUNT(expected));
    assert_memory_equal(d.order, expected, sizeof(expected));
    diary_close(&d);
    place_remove(&p);
}

static void a_group_is_bounded(void **state)
{
    struct place p;
    struct mrl_store *s;
    struct diary d = {.count = 0};
    struct item_job gate = {0}, jobs[20] = {0};
    struct mrl_store_stats stats;

    (void)state;
    place_make(&p);
    s = store_at(&p, &list, (struct mrl_store_options){.group_max = 4});
    diary_open(&d);
    submit_gate(s, &gate, &d);
    for (int i = 0; i < 20; i++)
        submit_item(s, &jobs[i], &d, i + 1);
    assert_int_equal(mrl_store_backlog(s), 21);
    (void)sem_post(&d.gate);
    for (int i = 0; i < 20; i++)
        (void)sem_wait(&d.all_done);
    mrl_store_stats(s, &stats);
    assert_true(stats.commits >= 6); /* 1 or 4 with the gate, then 4 each */
    mrl_store_close(s);
    diary_close(&d);
    place_remove(&p);
}

struct chained_job {
    struct mrl_write write;
    struct mrl_store *store;
    int left;
};

static mrl_err insert_any(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)w;
    return mrl_tx_exec(tx, "INSERT INTO items (thread) VALUES (9)", MRL_NO_ARGS, NULL);
}

static void submit_again(struct mrl_write *w, mrl_err result)
{
    struct chained_job *j = MRL_CONTAINER(w, struct chained_job, write);

    (void)result;
    if (--j->left > 0)
        mrl_store_submit(j->store, w);
}

static void closing_runs_also_what_running_jobs_submit(void **state)
{
    struct place p;
    struct mrl_store *s;
    struct chained_job j = {.write = {.run = insert_any, .done = submit_again}, .left = 10};

    (void)state;
    place_make(&p);
    s = store_at(&p, &list, (struct mrl_store_options){0});
    j.store = s;
    mrl_store_submit(s, &j.write);
    mrl_store_close(s);
    s = store_at(&p, &list, (struct mrl_store_options){0});
    assert_int_equal(store_number(s, "SELECT COUNT(*) FROM items"), 10);
    mrl_store_close(s);
    place_remove(&p);
}

static void *move_pairs(void *context)
{
    for (int i = 0; i < 200; i++)
        assert_ok(store_exec(context, "UPDATE pairs SET a = a + 1, b = b - 1", MRL_NO_ARGS));
    return NULL;
}

/* Two statements of one view, with time for the writer in between. */
static mrl_err read_pair_slowly(struct mrl_tx *tx, void *context)
{
    MRL_AUTO(mrl_rows) a = NULL;
    MRL_AUTO(mrl_rows) b = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT a FROM pairs", MRL_NO_ARGS, &a));
    (void)usleep(2000);
    MRL_TRY(mrl_tx_query_one(tx, "SELECT b FROM pairs", MRL_NO_ARGS, &b));
    *(int64_t *)context = mrl_row_int(a, 0) + mrl_row_int(b, 0);
    return MRL_OK;
}

static void a_reader_sees_one_state_while_the_writer_works(void **state)
{
    struct place p;
    struct mrl_store *s;
    pthread_t writer;

    (void)state;
    place_make(&p);
    s = store_at(&p, &list, (struct mrl_store_options){.readers = 1});
    assert_int_equal(pthread_create(&writer, NULL, move_pairs, s), 0);
    for (int i = 0; i < 20; i++) {
        int64_t sum = -1;

        assert_ok(mrl_store_read(s, read_pair_slowly, &sum));
        assert_int_equal(sum, 0);
    }
    assert_int_equal(pthread_join(writer, NULL), 0);
    assert_int_equal(store_number(s, "SELECT a FROM pairs"), 200);
    mrl_store_close(s);
    place_remove(&p);
}

/* --- what is removed leaves every file --- */

static bool file_has(const char *path, const char *text)
{
    static char bytes[1 << 20];
    FILE *f = fopen(path, "rb");
    size_t size;

    if (f == NULL)
        return false;
    size = fread(bytes, 1, sizeof(bytes), f);
    assert_int_equal(fclose(f), 0);
    return memmem(bytes, size, text, strlen(text)) != NULL;
}

static bool files_have(const struct place *p, const char *text)
{
    char log[128];

    (void)snprintf(log, sizeof(log), "%s-wal", p->path);
    return file_has(p->path, text) || file_has(log, text);
}

static const char secret[] = "the name nobody shall read again";

static void keep_secret(struct mrl_store *s)
{
    assert_int_equal(
        store_exec(s, "INSERT INTO items VALUES (1, 0, $1)", MRL_ARGS(MRL_TEXT(mrl_str(secret)))),
        MRL_OK);
}

static mrl_err remove_secret(struct mrl_store *s, bool forget)
{
    struct statement_job j = {.write = {.run = statement_run, .forget = forget},
                              .sql = "DELETE FROM items"};

    return mrl_store_write(s, &j.write);
}

static void what_a_job_forgets_is_in_no_file_any_more(void **state)
{
    struct mrl_store *s;
    struct place p;

    (void)state;
    place_make(&p);
    s = store_at(&p, &list, (struct mrl_store_options){0});
    keep_secret(s);
    assert_int_equal(remove_secret(s, /*forget=*/false), MRL_OK);
    assert_true(files_have(&p, secret)); /* the log of commits still has it */
    keep_secret(s);
    assert_int_equal(remove_secret(s, /*forget=*/true), MRL_OK);
    assert_false(files_have(&p, secret));
    mrl_store_close(s);
    place_remove(&p);
}

struct reading {
    sem_t begun, end;
    struct mrl_store *store;
};

static mrl_err read_until_told(struct mrl_tx *tx, void *context)
{
    struct reading *r = context;
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT id FROM items", MRL_NO_ARGS, &rows));
    (void)sem_post(&r->begun);
    while (sem_wait(&r->end) != 0)
        continue;
    return MRL_OK;
}

static void *read_slowly(void *context)
{
    struct reading *r = context;

    assert_int_equal(mrl_store_read(r->store, read_until_told, r), MRL_OK);
    return NULL;
}

static void a_reader_delays_forgetting_and_never_the_writer(void **state)
{
    struct reading r;
    struct place p;
    pthread_t thread;

    (void)state;
    place_make(&p);
    r.store = store_at(&p, &list, (struct mrl_store_options){0});
    assert_int_equal(sem_init(&r.begun, 0, 0), 0);
    assert_int_equal(sem_init(&r.end, 0, 0), 0);
    keep_secret(r.store);
    assert_int_equal(pthread_create(&thread, NULL, read_slowly, &r), 0);
    assert_int_equal(sem_wait(&r.begun), 0);
    assert_int_equal(remove_secret(r.store, /*forget=*/true), MRL_OK);
    assert_true(files_have(&p, secret));
    assert_int_equal(sem_post(&r.end), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(store_exec(r.store, "UPDATE pairs SET a = 1", NULL, 0), MRL_OK);
    assert_false(files_have(&p, secret));
    mrl_store_close(r.store);
    assert_int_equal(sem_destroy(&r.begun), 0);
    assert_int_equal(sem_destroy(&r.end), 0);
    place_remove(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_threads_share_few_commits_and_all_is_durable),
        cmocka_unit_test(a_failing_job_takes_back_only_its_own_effects),
        cmocka_unit_test(callbacks_come_in_order_and_done_last),
        cmocka_unit_test(a_group_is_bounded),
        cmocka_unit_test(closing_runs_also_what_running_jobs_submit),
        cmocka_unit_test(a_reader_sees_one_state_while_the_writer_works),
        cmocka_unit_test(what_a_job_forgets_is_in_no_file_any_more),
        cmocka_unit_test(a_reader_delays_forgetting_and_never_the_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
