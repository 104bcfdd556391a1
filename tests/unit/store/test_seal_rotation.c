/* SPDX-License-Identifier: Apache-2.0 */
#include "store/seal_rotation.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/random.h"
#include "tests/unit/store/seal_fixture.h"

enum { ROWS = 25, BATCH = 4 };

static const struct mrl_migration tables[] = {
    {"test", 1,
     "CREATE TABLE numbered (n INTEGER PRIMARY KEY, v BLOB);"
     "CREATE TABLE named (id TEXT PRIMARY KEY, v BLOB, w BLOB);"
     "CREATE TABLE both_keys (kind INTEGER, id TEXT, v BLOB, PRIMARY KEY (kind, id));"},
};
static const struct mrl_seal_column columns[] = {
    {"numbered", "v", "n", NULL},
    {"named", "v", NULL, "id"},
    {"named", "w", NULL, "id"},
    {"both_keys", "v", "kind", "id"},
};

struct fixture {
    struct place place;
    struct mrl_store *store;
    struct test_root root;
    struct mrl_sealer *sealer;
    struct mrl_seal_rotation *rotation;
    struct mrl_seal_progress last; /* what the end was told */
    unsigned ends;
    mrl_err refused; /* what the end is answered */
};

static mrl_err on_end(void *context, struct mrl_tx *tx, const struct mrl_seal_progress *p)
{
    struct fixture *f = context;

    (void)tx;
    f->last = *p;
    f->ends++;
    return f->refused;
}

static void open_all(struct fixture *f)
{
    const struct mrl_migration_list lists[] = {mrl_seal_migrations, {tables, MRL_COUNT(tables)}};
    const struct mrl_store_options o = {
        .path = f->place.path, .migrations = lists, .migrations_count = MRL_COUNT(lists)};
    const struct mrl_seal_root root = test_seal_root(&f->root);
    struct mrl_seal_rotation_config c = {.root = root,
                                         .columns = columns,
                                         .column_count = MRL_COUNT(columns),
                                         .batch_rows = BATCH,
                                         .ended = on_end,
                                         .context = f};

    assert_ok(mrl_store_open(&o, &f->store, NULL));
    assert_ok(mrl_sealer_open(f->store, &root, &f->sealer, NULL));
    c.store = f->store;
    c.sealer = f->sealer;
    f->rotation = mrl_seal_rotation_new(&c);
}

static void close_all(struct fixture *f)
{
    mrl_seal_rotation_free(f->rotation);
    mrl_store_close(f->store);
    mrl_sealer_free(f->sealer);
}

static mrl_bytes row_of(const struct mrl_seal_column *c, int i, char memory[64])
{
    if (c->number_key != NULL && c->text_key != NULL)
        (void)snprintf(memory, 64, "%d/name-%02d", i % 3, i);
    else if (c->number_key != NULL)
        (void)snprintf(memory, 64, "%d", i - 5);
    else
        (void)snprintf(memory, 64, "name-%02d", i);
    return mrl_str(memory);
}

/* Every fifth value is NULL. */
static void seal_value(struct fixture *f, size_t column, int i, struct mrl_buf *out)
{
    char row[64], text[64];
    const struct mrl_seal_place at = {columns[column].table, columns[column].column,
                                      row_of(&columns[column], i, row)};

    (void)snprintf(text, sizeof(text), "value %zu %d", column, i);
    if (i % 5 != 0)
        assert_ok(mrl_seal(f->sealer, &at, mrl_str(text), out));
}

static struct mrl_value blob_or_null(const struct mrl_buf *b)
{
    return b->len == 0 ? MRL_NULL : MRL_BLOB(mrl_buf_bytes(b));
}

static void fill(struct fixture *f)
{
    for (int i = 0; i < ROWS; i++) {
        struct mrl_buf v[4] = {0};
        char name[16];

        (void)snprintf(name, sizeof(name), "name-%02d", i);
        for (size_t c = 0; c < 4; c++)
            seal_value(f, c, i, &v[c]);
        assert_ok(store_exec(f->store, "INSERT INTO numbered VALUES ($1, $2)",
                             MRL_ARGS(MRL_INT(i - 5), blob_or_null(&v[0]))));
        assert_ok(store_exec(
            f->store, "INSERT INTO named VALUES ($1, $2, $3)",
            MRL_ARGS(MRL_TEXT(mrl_str(name)), blob_or_null(&v[1]), blob_or_null(&v[2]))));
        assert_ok(
            store_exec(f->store, "INSERT INTO both_keys VALUES ($1, $2, $3)",
                       MRL_ARGS(MRL_INT(i % 3), MRL_TEXT(mrl_str(name)), blob_or_null(&v[3]))));
        for (size_t c = 0; c < 4; c++)
            mrl_buf_done(&v[c]);
    }
}

struct check {
    struct fixture *f;
    size_t column;
    uint32_t key; /* 0: any */
    size_t opened;
};

/* Which of the values a row has, from its key. */
static int index_of(const struct mrl_seal_column *c, const struct mrl_rows *rows)
{
    uint64_t number = 0;

    if (c->text_key == NULL)
        return (int)mrl_row_int(rows, 0) + 5;
    assert_true(mrl_bytes_to_u64(mrl_bytes_sub(mrl_row_bytes(rows, 0), 5, 2), ROWS, &number));
    return (int)number;
}

static void check_row(struct check *k, const struct mrl_rows *rows)
{
    const struct mrl_seal_column *c = &columns[k->column];
    int i = index_of(c, rows);
    char row[64], text[64];
    const struct mrl_seal_place at = {c->table, c->column, row_of(c, i, row)};
    MRL_SCOPED(mrl_buf) plain = {0};
    struct mrl_why why = {{0}};
    uint32_t number;

    if (mrl_unseal(k->f->sealer, &at, mrl_row_bytes(rows, 1), &plain, &why) != MRL_OK)
        fail_msg("%s", why.text);
    (void)snprintf(text, sizeof(text), "value %zu %d", k->column, i);
    assert_bytes_equal(mrl_buf_bytes(&plain), mrl_str(text));
    assert_ok(mrl_seal_key_of(mrl_row_bytes(rows, 1), &number));
    if (k->key != 0)
        assert_int_equal(number, k->key);
    k->opened++;
}

static mrl_err check_column(struct mrl_tx *tx, void *context)
{
    struct check *k = context;
    const struct mrl_seal_column *c = &columns[k->column];
    MRL_AUTO(mrl_rows) rows = NULL;
    char sql[160];

    (void)snprintf(sql, sizeof(sql), "SELECT %s, %s FROM %s WHERE %s IS NOT NULL",
                   c->text_key != NULL ? c->text_key : c->number_key, c->column, c->table,
                   c->column);
    assert_ok(mrl_tx_query(tx, sql, MRL_NO_ARGS, &rows));
    while (mrl_rows_next(rows) == MRL_OK)
        check_row(k, rows);
    return MRL_OK;
}

static void assert_all_open(struct fixture *f, uint32_t key)
{
    for (size_t c = 0; c < MRL_COUNT(columns); c++) {
        struct check k = {.f = f, .column = c, .key = key};

        assert_ok(mrl_store_read(f->store, check_column, &k));
        assert_int_equal(k.opened, ROWS - ROWS / 5);
    }
}

static unsigned run_to_the_end(struct fixture *f)
{
    struct mrl_why why = {{0}};
    unsigned steps = 0;
    bool more = true;

    for (; more; steps++) {
        if (mrl_seal_rotation_step(f->rotation, &more, &why) != MRL_OK)
            fail_msg("%s", why.text);
    }
    return steps;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->root = test_root_new();
    place_make(&f->place);
    open_all(f);
    fill(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    close_all(f);
    place_remove(&f->place);
    mrl_secret_free(f->root.key);
    free(f);
    return 0;
}

static void everything_is_sealed_again_and_the_old_key_dropped(void **state)
{
    struct fixture *f = *state;
    struct mrl_seal_progress p = {0};

    assert_ok(mrl_seal_rotation_begin(f->rotation, NULL, NULL));
    assert_ok(mrl_seal_rotation_progress(f->rotation, &p, NULL));
    assert_true(p.running);
    assert_int_equal(p.data_key, 2);
    assert_true(run_to_the_end(f) > 4 * (ROWS / BATCH));
    assert_all_open(f, 2);
    assert_int_equal(f->ends, 1);
    assert_int_equal(f->last.seen, 4 * ROWS);
    assert_int_equal(f->last.sealed, 4 * (ROWS - ROWS / 5));
    assert_int_equal(f->last.failed, 0);
    assert_int_equal(f->last.dropped, 1);
    assert_int_equal(f->last.kept, 0);
    assert_int_equal(store_number(f->store, "SELECT MIN(number) FROM seal_keys"), 2);
    assert_int_equal(mrl_sealer_drop(f->sealer, 1), MRL_ERR_NOT_FOUND);
    assert_ok(mrl_seal_rotation_progress(f->rotation, &p, NULL));
    assert_false(p.running);
}

static void without_a_rotation_there_is_no_step(void **state)
{
    struct fixture *f = *state;
    bool more = true;

    assert_ok(mrl_seal_rotation_step(f->rotation, &more, NULL));
    assert_false(more);
    assert_int_equal(f->ends, 0);
}

static void one_rotation_runs_at_a_time(void **state)
{
    struct fixture *f = *state;
    struct mrl_why why = {{0}};

    assert_ok(mrl_seal_rotation_begin(f->rotation, NULL, NULL));
    assert_int_equal(mrl_seal_rotation_begin(f->rotation, NULL, &why), MRL_ERR_STATE);
    assert_non_null(strstr(why.text, "running already"));
    assert_int_equal(store_number(f->store, "SELECT COUNT(*) FROM seal_keys"), 2);
    (void)run_to_the_end(f);
    assert_ok(mrl_seal_rotation_begin(f->rotation, NULL, NULL));
    (void)run_to_the_end(f);
    assert_all_open(f, 3);
}

/* A restart between any two steps, and what is written meanwhile. */
static void it_goes_on_after_a_restart_at_every_step(void **state)
{
    struct fixture *f = *state;
    bool more = true;

    assert_ok(mrl_seal_rotation_begin(f->rotation, NULL, NULL));
    while (more) {
        close_all(f);
        open_all(f);
        assert_all_open(f, 0);
        assert_ok(mrl_seal_rotation_step(f->rotation, &more, NULL));
    }
    assert_all_open(f, 2);
    close_all(f);
    open_all(f);
    assert_all_open(f, 2);
    assert_int_equal(f->last.seen, 4 * ROWS); /* nothing was done twice */
    assert_int_equal(f->last.dropped, 1);
}

static void an_envelope_that_does_not_open_keeps_its_key(void **state)
{
    struct fixture *f = *state;

    assert_ok(store_exec(f->store,
                         "UPDATE named SET w = (SELECT w FROM named WHERE id = 'name-01')"
                         " WHERE id = 'name-02'",
                         MRL_NO_ARGS));
    assert_ok(mrl_seal_rotation_begin(f->rotation, NULL, NULL));
    (void)run_to_the_end(f);
    assert_int_equal(f->last.failed, 1);
    assert_non_null(strstr(f->last.failure.text, "table named, column w, row name-02"));
    assert_int_equal(f->last.kept, 1);
    assert_int_equal(f->last.dropped, 0);
    assert_int_equal(store_number(f->store, "SELECT COUNT(*) FROM seal_keys"), 2);
    assert_ok(store_exec(f->store, "UPDATE named SET w = NULL WHERE id = 'name-02'", MRL_NO_ARGS));
    assert_ok(mrl_seal_rotation_begin(f->rotation, NULL, NULL)); /* the next one drops both */
    (void)run_to_the_end(f);
    assert_int_equal(f->last.dropped, 2);
}

static void an_end_that_cannot_be_recorded_is_none(void **state)
{
    struct fixture *f = *state;
    mrl_err err = MRL_OK;
    bool more = true;

    f->refused = MRL_ERR_NO_SPACE;
    assert_ok(mrl_seal_rotation_begin(f->rotation, NULL, NULL));
    while (more && err == MRL_OK)
        err = mrl_seal_rotation_step(f->rotation, &more, NULL);
    assert_int_equal(err, MRL_ERR_NO_SPACE);
    assert_int_equal(store_number(f->store, "SELECT COUNT(*) FROM seal_keys"), 2);
    assert_int_equal(store_number(f->store, "SELECT COUNT(*) FROM seal_rotation"), 1);
    assert_int_equal(mrl_seal_rotation_begin(f->rotation, NULL, NULL), MRL_ERR_STATE);
    f->refused = MRL_OK;
    (void)run_to_the_end(f); /* tried again */
    assert_int_equal(f->ends, 2);
    assert_int_equal(f->last.dropped, 1);
    assert_all_open(f, 2);
}

static void a_position_no_column_has_starts_anew(void **state)
{
    struct fixture *f = *state;

    assert_ok(mrl_seal_rotation_begin(f->rotation, NULL, NULL));
    assert_ok(store_exec(f->store,
                         "UPDATE seal_rotation SET tbl = 'gone', col = 'v', last = 'name-20'",
                         MRL_NO_ARGS));
    (void)run_to_the_end(f);
    assert_all_open(f, 2);
}

static void a_position_that_is_none_is_told(void **state)
{
    struct fixture *f = *state;
    bool more;

    assert_ok(mrl_seal_rotation_begin(f->rotation, NULL, NULL));
    assert_ok(store_exec(f->store,
                         "UPDATE seal_rotation SET tbl = 'both_keys', col = 'v', last = 'x'",
                         MRL_NO_ARGS));
    assert_int_equal(mrl_seal_rotation_step(f->rotation, &more, NULL), MRL_ERR_CORRUPT);
    assert_int_equal(store_number(f->store, "SELECT COUNT(*) FROM seal_keys"), 2);
}

static void rotate_in_child(struct fixture *f)
{
    struct mrl_seal_progress p;
    bool more = true;

    open_all(f);
    if (mrl_seal_rotation_progress(f->rotation, &p, NULL) != MRL_OK)
        _exit(2);
    if (!p.running && mrl_seal_rotation_begin(f->rotation, NULL, NULL) != MRL_OK)
        _exit(3);
    while (more) {
        if (mrl_seal_rotation_step(f->rotation, &more, NULL) != MRL_OK)
            _exit(4);
    }
    _exit(0);
}

static void end_child(pid_t child)
{
    int status;

    (void)usleep(1000 + mrl_random_below(30000));
    (void)kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
}

/* Kills at moments spread over a whole rotation. The first test: what others leave running would
 * not be there in a child. */
static void kill_9_at_any_moment_loses_nothing(void **state)
{
    struct fixture *f = *state;

    close_all(f);
    for (unsigned i = 0; i < 25; i++) {
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0)
            rotate_in_child(f);
        end_child(child);
    }
    open_all(f);
    (void)run_to_the_end(f);
    assert_all_open(f, mrl_sealer_newest(f->sealer));
    assert_int_equal(store_number(f->store, "SELECT COUNT(*) FROM seal_keys"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define WITH_ROWS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        WITH_ROWS(kill_9_at_any_moment_loses_nothing),
        WITH_ROWS(everything_is_sealed_again_and_the_old_key_dropped),
        WITH_ROWS(without_a_rotation_there_is_no_step),
        WITH_ROWS(one_rotation_runs_at_a_time),
        WITH_ROWS(it_goes_on_after_a_restart_at_every_step),
        WITH_ROWS(an_envelope_that_does_not_open_keeps_its_key),
        WITH_ROWS(an_end_that_cannot_be_recorded_is_none),
        WITH_ROWS(a_position_no_column_has_starts_anew),
        WITH_ROWS(a_position_that_is_none_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
