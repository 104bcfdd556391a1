/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/store/fixture.h"

static const struct mrl_migration migrations[] = {
    {"test", 1,
     "CREATE TABLE kinds (name TEXT PRIMARY KEY NOT NULL);"
     "CREATE TABLE things (id INTEGER PRIMARY KEY, "
     "kind TEXT REFERENCES kinds (name), body BLOB, CHECK (id < 1000))"},
};
static const struct mrl_migration_list list = {migrations, MRL_COUNT(migrations)};

struct world {
    struct place place;
    struct mrl_store *store;
};

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_non_null(w);
    place_make(&w->place);
    w->store = store_at(&w->place, &list, (struct mrl_store_options){0});
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;

    mrl_store_close(w->store);
    place_remove(&w->place);
    free(w);
    return 0;
}

static struct mrl_store *store_of(void **state)
{
    return ((struct world *)*state)->store;
}

static void each_broken_rule_has_its_class(void **state)
{
    struct mrl_store *s = store_of(state);

    assert_ok(store_exec(s, "INSERT INTO kinds VALUES ($1)", MRL_ARGS(MRL_TEXT(MRL_LIT("k")))));
    assert_int_equal(
        store_exec(s, "INSERT INTO kinds VALUES ($1)", MRL_ARGS(MRL_TEXT(MRL_LIT("k")))),
        MRL_ERR_EXISTS);
    assert_int_equal(store_exec(s, "INSERT INTO kinds VALUES ($1)", MRL_ARGS(MRL_NULL)),
                     MRL_ERR_INVALID);
    assert_int_equal(store_exec(s, "INSERT INTO things VALUES (1, 'none', NULL)", MRL_NO_ARGS),
                     MRL_ERR_STATE);
    assert_int_equal(store_exec(s, "INSERT INTO things VALUES (1000, 'k', NULL)", MRL_NO_ARGS),
                     MRL_ERR_STATE);
    assert_int_equal(store_exec(s, "INSERT INTO missing VALUES (1)", MRL_NO_ARGS), MRL_ERR_INVALID);
    assert_int_equal(store_exec(s, "DELETE FROM things; DELETE FROM kinds", MRL_NO_ARGS),
                     MRL_ERR_INVALID);
    assert_int_equal(store_exec(s, "ATTACH ':memory:' AS other", MRL_NO_ARGS), MRL_ERR_INVALID);
    assert_int_equal(store_number(s, "SELECT COUNT(*) FROM kinds"), 1);
}

static mrl_err write_something(struct mrl_tx *tx, void *context)
{
    (void)context;
    return mrl_tx_exec(tx, "INSERT INTO kinds VALUES ('x')", MRL_NO_ARGS, NULL);
}

static void a_reader_cannot_write(void **state)
{
    assert_int_equal(mrl_store_read(store_of(state), write_something, NULL), MRL_ERR_INVALID);
    assert_int_equal(store_number(store_of(state), "SELECT COUNT(*) FROM kinds"), 0);
}

static void parameters_go_by_number_not_by_place(void **state)
{
    struct mrl_store *s = store_of(state);

    assert_ok(store_exec(s, "INSERT INTO things (body, id) VALUES ($2, $1)",
                         MRL_ARGS(MRL_INT(7), MRL_BLOB(MRL_LIT("seven")))));
    assert_int_equal(store_number(s, "SELECT id FROM things WHERE body = x'736576656e'"), 7);
    assert_int_equal(store_exec(s, "DELETE FROM things WHERE id = $2", MRL_ARGS(MRL_INT(7))),
                     MRL_ERR_INVALID);
    assert_int_equal(store_exec(s, "DELETE FROM things WHERE id = ?", MRL_ARGS(MRL_INT(7))),
                     MRL_ERR_INVALID);
    assert_int_equal(store_exec(s, "DELETE FROM things WHERE id = $0", MRL_ARGS(MRL_INT(7))),
                     MRL_ERR_INVALID);
    assert_int_equal(store_number(s, "SELECT COUNT(*) FROM things"), 1);
}

static mrl_err count_changes(struct mrl_tx *tx, struct mrl_write *w)
{
    uint64_t changed = 99;

    (void)w;
    MRL_TRY(mrl_tx_exec(tx, "INSERT INTO kinds VALUES ('a'), ('b')", MRL_NO_ARGS, &changed));
    MRL_ENSURE(changed == 2, MRL_ERR_CORRUPT);
    MRL_TRY(mrl_tx_exec(tx, "INSERT INTO kinds VALUES ('a') ON CONFLICT DO NOTHING", MRL_NO_ARGS,
                        &changed));
    MRL_ENSURE(changed == 0, MRL_ERR_CORRUPT);
    MRL_TRY(mrl_tx_exec(tx, "SELECT name FROM kinds", MRL_NO_ARGS, &changed));
    return changed == 0 ? MRL_OK : MRL_ERR_CORRUPT;
}

static void changed_counts_what_the_statement_did(void **state)
{
    struct mrl_write w = {.run = count_changes};

    assert_ok(mrl_store_write(store_of(state), &w));
}

static mrl_err look_at_columns(struct mrl_tx *tx, void *context)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    MRL_AUTO(mrl_rows) none = NULL;

    (void)context;
    assert_ok(mrl_tx_query(tx, "SELECT 42, 'text', x'00ff', NULL, $1, $2",
                           MRL_ARGS(MRL_TEXT(MRL_BYTES_NONE), MRL_BLOB(MRL_BYTES_NONE)), &rows));
    assert_int_equal(mrl_row_int(rows, 0), 0); /* not on a row yet */
    assert_ok(mrl_rows_next(rows));
    assert_int_equal(mrl_row_int(rows, 0), 42);
    assert_bytes_equal(mrl_row_bytes(rows, 1), MRL_LIT("text"));
    assert_bytes_equal(mrl_row_bytes(rows, 2), MRL_LIT("\x00\xff"));
    assert_true(mrl_row_null(rows, 3));
    assert_false(mrl_row_null(rows, 4)); /* empty is not NULL */
    assert_false(mrl_row_null(rows, 5));
    assert_int_equal(mrl_row_int(rows, 1), 0);
    assert_int_equal(mrl_row_bytes(rows, 0).len, 0);
    assert_int_equal(mrl_row_int(rows, 6), 0); /* no such column */
    assert_false(mrl_row_null(rows, 600));
    assert_int_equal(mrl_rows_next(rows), MRL_ERR_NOT_FOUND);
    assert_int_equal(mrl_row_int(rows, 0), 0);
    assert_int_equal(mrl_tx_query_one(tx, "SELECT name FROM kinds", MRL_NO_ARGS, &none),
                     MRL_ERR_NOT_FOUND);
    assert_null(none);
    return MRL_OK;
}

static void columns_are_read_by_type(void **state)
{
    assert_ok(mrl_store_read(store_of(state), look_at_columns, NULL));
}

static mrl_err ask_twice_at_once(struct mrl_tx *tx, void *context)
{
    MRL_AUTO(mrl_rows) outer = NULL;
    int64_t *sum = context;

    MRL_TRY(mrl_tx_query(tx, "SELECT id FROM things ORDER BY id", MRL_NO_ARGS, &outer));
    while (mrl_rows_next(outer) == MRL_OK) {
        MRL_AUTO(mrl_rows) inner = NULL;

        MRL_TRY(mrl_tx_query(tx, "SELECT id FROM things ORDER BY id", MRL_NO_ARGS, &inner));
        while (mrl_rows_next(inner) == MRL_OK)
            *sum += mrl_row_int(inner, 0) * mrl_row_int(outer, 0);
    }
    return MRL_OK;
}

static void the_same_statement_can_be_open_twice(void **state)
{
    int64_t sum = 0;

    assert_ok(
        store_exec(store_of(state), "INSERT INTO things (id) VALUES (1), (2), (3)", MRL_NO_ARGS));
    assert_ok(mrl_store_read(store_of(state), ask_twice_at_once, &sum));
    assert_int_equal(sum, 36);
}

static mrl_err many_statements(struct mrl_tx *tx, void *context)
{
    (void)context;
    for (int i = 0; i < 400; i++) {
        MRL_AUTO(mrl_rows) rows = NULL;
        char sql[64];

        (void)snprintf(sql, sizeof(sql), "SELECT $1 + %d", i % 200);
        MRL_TRY(mrl_tx_query_one(tx, sql, MRL_ARGS(MRL_INT(1000)), &rows));
        MRL_ENSURE(mrl_row_int(rows, 0) == 1000 + i % 200, MRL_ERR_CORRUPT);
    }
    return MRL_OK;
}

static void more_statements_than_are_kept_still_work(void **state)
{
    assert_ok(mrl_store_read(store_of(state), many_statements, NULL));
}

static void sizes_hold_at_the_limit_and_one_above(void **state)
{
    struct mrl_store *s = store_of(state);
    struct mrl_value args[MRL_STORE_ARGS_MAX + 1] = {0};
    uint8_t *big = calloc(1, MRL_STORE_VALUE_MAX + 1);
    char *sql = malloc(MRL_STORE_SQL_MAX + 2);

    assert_non_null(big);
    assert_non_null(sql);
    assert_ok(store_exec(s, "INSERT INTO things VALUES (1, NULL, $1)",
                         MRL_ARGS(MRL_BLOB(mrl_bytes_of(big, MRL_STORE_VALUE_MAX)))));
    assert_int_equal(store_exec(s, "INSERT INTO things VALUES (2, NULL, $1)",
                                MRL_ARGS(MRL_BLOB(mrl_bytes_of(big, MRL_STORE_VALUE_MAX + 1)))),
                     MRL_ERR_LIMIT);
    assert_int_equal(store_number(s, "SELECT LENGTH(body) FROM things"), MRL_STORE_VALUE_MAX);
    assert_ok(store_exec(s, "SELECT $32", args, MRL_STORE_ARGS_MAX));
    assert_int_equal(store_exec(s, "SELECT $32", args, MRL_STORE_ARGS_MAX + 1), MRL_ERR_LIMIT);
    memset(sql, ' ', MRL_STORE_SQL_MAX + 1);
    sql[MRL_STORE_SQL_MAX + 1] = '\0';
    memcpy(sql, "SELECT 1", 8);
    assert_int_equal(store_exec(s, sql, MRL_NO_ARGS), MRL_ERR_LIMIT);
    sql[MRL_STORE_SQL_MAX] = '\0';
    assert_ok(store_exec(s, sql, MRL_NO_ARGS));
    free(sql);
    free(big);
}

static void text_that_is_no_text_is_refused(void **state)
{
    struct mrl_store *s = store_of(state);

    assert_int_equal(store_exec(s, "INSERT INTO kinds VALUES ($1)",
                                MRL_ARGS(MRL_TEXT(MRL_LIT("a\x00"
                                                          "b")))),
                     MRL_ERR_INVALID);
    assert_int_equal(
        store_exec(s, "INSERT INTO kinds VALUES ($1)", MRL_ARGS(MRL_TEXT(MRL_LIT("\xc3(")))),
        MRL_ERR_INVALID);
    assert_ok(store_exec(s, "INSERT INTO kinds VALUES ($1)",
                         MRL_ARGS(MRL_TEXT(MRL_LIT("'); DROP TABLE kinds; --")))));
    assert_int_equal(store_number(s, "SELECT COUNT(*) FROM kinds"), 1);
}

static mrl_err go_on_after_a_failure(struct mrl_tx *tx, struct mrl_write *w)
{
    (void)w;
    /* Not asserts: this is the writer's thread. */
    if (mrl_tx_exec(tx, "INSERT INTO missing VALUES (1)", MRL_NO_ARGS, NULL) != MRL_ERR_INVALID ||
        strstr(mrl_tx_why(tx), "no such table") == NULL ||
        mrl_tx_exec(tx, "INSERT INTO kinds VALUES ('x')", MRL_NO_ARGS, NULL) != MRL_ERR_STATE)
        return MRL_ERR_CORRUPT;
    return MRL_OK;
}

static void nothing_goes_on_after_a_failed_statement(void **state)
{
    struct mrl_why why = {{0}};
    struct mrl_write w = {.run = go_on_after_a_failure, .why = &why};

    assert_int_equal(mrl_store_write(store_of(state), &w), MRL_ERR_INVALID);
    assert_non_null(strstr(why.text, "no such table"));
    assert_int_equal(store_number(store_of(state), "SELECT COUNT(*) FROM kinds"), 0);
}

static void a_job_cannot_end_the_transaction_of_others(void **state)
{
    struct mrl_store *s = store_of(state);

    assert_int_equal(store_exec(s, "COMMIT", MRL_NO_ARGS), MRL_ERR_INVALID);
    assert_int_equal(store_exec(s, " rollback to job", MRL_NO_ARGS), MRL_ERR_INVALID);
    assert_int_equal(store_exec(s, "PRAGMA synchronous=OFF", MRL_NO_ARGS), MRL_ERR_INVALID);
    assert_ok(store_exec(s, "INSERT INTO kinds VALUES ('x')", MRL_NO_ARGS));
}

static mrl_err run_snapshot(struct mrl_tx *tx, void *context)
{
    return mrl_tx_snapshot(tx, context);
}

static void a_snapshot_is_a_database_of_its_own(void **state)
{
    struct place copy;
    struct mrl_store *s;

    assert_ok(store_exec(store_of(state), "INSERT INTO kinds VALUES ('k')", MRL_NO_ARGS));
    place_make(&copy);
    assert_ok(mrl_store_read(store_of(state), run_snapshot, copy.path));
    assert_ok(store_exec(store_of(state), "INSERT INTO kinds VALUES ('later')", MRL_NO_ARGS));
    s = store_at(&copy, &list, (struct mrl_store_options){0});
    assert_int_equal(store_exec(s, "INSERT INTO kinds VALUES ('k')", MRL_NO_ARGS), MRL_ERR_EXISTS);
    assert_ok(store_exec(s, "INSERT INTO kinds VALUES ('later')", MRL_NO_ARGS));
    mrl_store_close(s);
    place_remove(&copy);
}

static void a_snapshot_replaces_no_file(void **state)
{
    struct world *w = *state;

    assert_int_equal(mrl_store_read(w->store, run_snapshot, w->place.path), MRL_ERR_IO);
    assert_ok(store_exec(w->store, "INSERT INTO kinds VALUES ('k')", MRL_NO_ARGS));
}

int main(void)
{
#define WITH_STORE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)
    const struct CMUnitTest tests[] = {
        WITH_STORE(each_broken_rule_has_its_class),
        WITH_STORE(a_reader_cannot_write),
        WITH_STORE(parameters_go_by_number_not_by_place),
        WITH_STORE(changed_counts_what_the_statement_did),
        WITH_STORE(columns_are_read_by_type),
        WITH_STORE(the_same_statement_can_be_open_twice),
        WITH_STORE(more_statements_than_are_kept_still_work),
        WITH_STORE(sizes_hold_at_the_limit_and_one_above),
        WITH_STORE(text_that_is_no_text_is_refused),
        WITH_STORE(nothing_goes_on_after_a_failed_statement),
        WITH_STORE(a_job_cannot_end_the_transaction_of_others),
        WITH_STORE(a_snapshot_is_a_database_of_its_own),
        WITH_STORE(a_snapshot_replaces_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
